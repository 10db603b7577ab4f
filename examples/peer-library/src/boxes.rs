//! `Box`: an object with any value in it.

use std::sync::atomic::{AtomicI64, Ordering};

use rust_binding::prelude::*;

static LIVE: AtomicI64 = AtomicI64::new(0);

#[repr(C)]
struct Boxed {
    header: ObjectHeader,
    content: MutField<Any>,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Boxed {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("peer_library.Box")
                .doc("Holds any value.")
                .field("content", "What is in it.", field!(Boxed, content))
                .typed_constructor("A box with something in it.", |content: Any| {
                    LIVE.fetch_add(1, Ordering::Relaxed);
                    ObjectArc::new(Self {
                        header: ObjectHeader::new(),
                        content: MutField::new(content),
                    })
                })
                .register()
        })
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn export(exports: &mut Exports) {
    exports.object_type::<Boxed>();
    exports.function("peer_library.box", |content: Any| {
        LIVE.fetch_add(1, Ordering::Relaxed);
        ObjectArc::new(Boxed {
            header: ObjectHeader::new(),
            content: MutField::new(content),
        })
    });
    exports.function("peer_library.live", || LIVE.load(Ordering::Relaxed));
}
