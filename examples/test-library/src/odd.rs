//! Objects with odd ends: a destructor that panics, one that calls back, and objects without an
//! allocation header.

use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::NonNull;
use std::sync::OnceLock;

use rust_binding::object_core::header::{DELETE_BODY, DELETE_SPACE};
use rust_binding::prelude::*;
use rust_binding::report_unraisable;

use crate::tally::Tally;

/// Its destructor panics.
#[derive(Object, Debug)]
#[object(key = "test_library.Loud", constructor)]
#[repr(C)]
struct Loud {
    header: ObjectHeader,
    /// With this text.
    message: Str,
    #[object(skip, default = Tally::new())]
    tally: Tally,
}

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("{}", self.message);
    }
}

/// Its destructor calls callback(argument).
#[derive(Object, Debug)]
#[object(key = "test_library.OnDrop", constructor)]
#[repr(C)]
struct OnDrop {
    header: ObjectHeader,
    /// What it calls.
    callback: Function,
    /// With what.
    argument: Any,
    #[object(skip, default = Tally::new())]
    tally: Tally,
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Err(error) = self.callback.call::<Any>((&self.argument,)) {
            report_unraisable(&error.to_string());
        }
    }
}

/// An object that was not allocated by the runtime: no allocation header, its own deleter.
#[derive(Object, Debug)]
#[object(key = "test_library.Foreign")]
#[repr(C)]
struct Foreign {
    header: ObjectHeader,
    /// A number.
    value: i64,
    #[object(skip)]
    tally: Tally,
}

#[methods]
impl Foreign {
    /// Two times the number.
    fn twice(&self) -> i64 {
        self.value * 2
    }

    #[object(skip)]
    fn make(value: i64) -> Result<ObjectArc<Self>, Error> {
        Self::behind([0; 2], value)
    }

    /// With the words in front of it that lie in front of `model`: its header, which is not this one's.
    #[object(skip)]
    fn disguised(model: ObjectRef, value: i64) -> Result<ObjectArc<Self>, Error> {
        if !ObjectArc::header(&model).is_headed() {
            return Err(Error::new("ValueError", "expected an object with a header"));
        }
        // SAFETY: the flag proves that a header is there; others write its word by atomics alone, and
        // whatever is read of it here is as good.
        Self::behind(
            unsafe { ObjectArc::as_ptr(&model).cast::<[u64; 2]>().sub(1).read() },
            value,
        )
    }

    #[object(skip)]
    fn behind(in_front: [u64; 2], value: i64) -> Result<ObjectArc<Self>, Error> {
        let number = Self::type_index()?;
        // SAFETY: of that type; `delete_foreign` drops and frees what is boxed below.
        let header = unsafe { ObjectHeader::foreign(number, delete_foreign) };
        let tally = Tally::new();
        let boxed = Box::into_raw(Box::new(Placed {
            in_front,
            body: Self {
                header,
                value,
                tally,
            },
        }));
        // SAFETY: alive, and its one reference is given away; a box is not null.
        Ok(unsafe { ObjectArc::from_raw(NonNull::new_unchecked(&raw mut (*boxed).body)) })
    }

    /// Always the same one, which never dies.
    #[object(skip)]
    fn immortal() -> Result<ObjectArc<Self>, Error> {
        static ONE: OnceLock<ObjectArc<Foreign>> = OnceLock::new();
        match ONE.get() {
            Some(one) => Ok(one.clone()),
            None => {
                let one = Self::make(-1)?;
                Ok(ONE.get_or_init(|| one).clone())
            }
        }
    }
}

/// A `Foreign`, and what a header would lie in if it had one.
#[repr(C)]
struct Placed {
    in_front: [u64; 2],
    body: Foreign,
}

/// The deleter of a boxed `Foreign`.
unsafe extern "C" fn delete_foreign(object: *mut c_void, bits: i32) {
    if bits & DELETE_BODY != 0 {
        // SAFETY: the last strong reference went.
        unsafe { object.cast::<Foreign>().drop_in_place() };
    }
    if bits & DELETE_SPACE != 0 {
        // SAFETY: boxed by `make`, its body dropped before; nobody reaches the space any more.
        drop(unsafe {
            Box::from_raw(
                object
                    .byte_sub(offset_of!(Placed, body))
                    .cast::<MaybeUninit<Placed>>(),
            )
        });
    }
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .object_type::<Loud>()
        .object_type::<OnDrop>()
        .object_type::<Foreign>();
    exports.function("test_library.foreign", Foreign::make);
    exports.function("test_library.disguised_foreign", Foreign::disguised);
    exports.function("test_library.immortal_foreign", Foreign::immortal);
}
