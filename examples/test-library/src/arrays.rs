//! Objects with items in their own block, and one with an over-aligned body.

use std::ptr::NonNull;

use rust_binding::ItemsHead;
use rust_binding::prelude::*;

use crate::tally::Tally;

/// A number that fills a cache line, so that the block must be aligned to 64.
#[repr(align(64))]
#[derive(Debug, Clone, Copy)]
struct Line(i64);

/// Declares a head with items of one type, which are the numbers from 0 on.
macro_rules! with_items {
    ($name:ident, $key:literal, $doc:literal, $item:ty, $make:expr, $read:expr) => {
        #[doc = $doc]
        #[repr(C)]
        #[derive(Debug)]
        struct $name {
            header: ObjectHeader,
            length: i64,
            tally: Tally,
        }

        // SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's, and
        // it is an ItemsHead.
        unsafe impl Object for $name {
            const HAS_ITEMS: bool = true;

            fn type_index() -> Result<i32, RegisterError> {
                static SLOT: TypeSlot = TypeSlot::new();
                SLOT.get_or_register(|| {
                    TypeBuilder::<Self>::new($key)
                        .doc($doc)
                        .field("length", "How many items.", field!($name, length))
                        .typed_constructor("So many numbers, from 0.", Self::make)
                        .typed_method("get", "The number at an index.", Self::get)
                        .typed_method("sum", "All of them.", Self::sum)
                        .typed_method("is_aligned", "Where the items lie fits them.", |this| {
                            let this: ObjectArc<Self> = this;
                            ObjectArc::items(&this).as_ptr().is_aligned()
                        })
                        .register()
                })
            }
        }

        // SAFETY: `length` is private and written by `set_items` only.
        unsafe impl ItemsHead for $name {
            type Item = $item;

            fn len(&self) -> usize {
                self.length as usize
            }

            unsafe fn set_items(&mut self, _items: NonNull<$item>, len: usize) {
                self.length = len as i64;
            }
        }

        impl $name {
            fn make(length: u32) -> ObjectArc<Self> {
                let head = Self {
                    header: ObjectHeader::new(),
                    length: 0,
                    tally: Tally::new(),
                };
                ObjectArc::with_items(head, length as usize, |at| $make(at as i64))
            }

            fn get(this: ObjectArc<Self>, index: i64) -> Result<i64, Error> {
                let items = ObjectArc::items(&this);
                let item = usize::try_from(index)
                    .ok()
                    .and_then(|index| items.get(index));
                item.map($read).ok_or_else(|| {
                    Error::format(
                        "IndexError",
                        format_args!("index {index} of {} items", items.len()),
                    )
                })
            }

            fn sum(this: ObjectArc<Self>) -> i64 {
                ObjectArc::items(&this).iter().map($read).sum()
            }
        }
    };
}

with_items!(
    Numbers,
    "test_library.Numbers",
    "Numbers in the object's own block.",
    i64,
    |number: i64| number,
    |number: &i64| *number
);
with_items!(
    Wide,
    "test_library.Wide",
    "Numbers in the object's own block, each aligned to 64 bytes.",
    Line,
    Line,
    |line: &Line| line.0
);

/// A body that begins at a page.
#[repr(C, align(4096))]
#[derive(Debug)]
struct Aligned {
    header: ObjectHeader,
    value: i64,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Aligned {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.Aligned")
                .doc("A body aligned to 4096 bytes.")
                .field("value", "A number.", field!(Aligned, value))
                .typed_constructor("With that value.", |value: i64| {
                    ObjectArc::new(Self {
                        header: ObjectHeader::new(),
                        value,
                        tally: Tally::new(),
                    })
                })
                .typed_method("is_aligned", "Where the body lies fits it.", |this| {
                    let this: ObjectArc<Self> = this;
                    ObjectArc::as_ptr(&this).as_ptr().is_aligned()
                })
                .register()
        })
    }
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .object_type::<Numbers>()
        .object_type::<Wide>()
        .object_type::<Aligned>();
}
