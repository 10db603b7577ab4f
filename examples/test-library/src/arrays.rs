//! Objects with items in their own block, and one with an over-aligned body.

use rust_binding::ItemsLen;
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
        #[derive(Object, Debug)]
        #[object(key = $key, items = $item)]
        #[repr(C)]
        struct $name {
            header: ObjectHeader,
            /// How many items.
            length: ItemsLen,
            #[object(skip)]
            tally: Tally,
        }

        #[methods]
        impl $name {
            /// So many numbers, from 0.
            #[object(constructor)]
            fn make(length: u32) -> ObjectArc<Self> {
                let head = Self {
                    header: ObjectHeader::new(),
                    length: ItemsLen::new(),
                    tally: Tally::new(),
                };
                ObjectArc::with_items(head, length as usize, |at| ($make)(at as i64))
            }

            /// The number at an index.
            fn get(this: &ObjectArc<Self>, index: i64) -> Result<i64, Error> {
                let items = ObjectArc::items(this);
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

            /// Where the items lie fits them.
            fn is_aligned(this: &ObjectArc<Self>) -> bool {
                ObjectArc::items(this).as_ptr().is_aligned()
            }

            /// All of them.
            fn sum(this: &ObjectArc<Self>) -> i64 {
                ObjectArc::items(this).iter().map($read).sum()
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

/// A body aligned to 4096 bytes.
#[derive(Object, Debug)]
#[object(key = "test_library.Aligned", constructor)]
#[repr(C, align(4096))]
struct Aligned {
    header: ObjectHeader,
    /// A number.
    value: i64,
    #[object(skip, default = Tally::new())]
    tally: Tally,
}

#[methods]
impl Aligned {
    /// Where the body lies fits it.
    fn is_aligned(this: &ObjectArc<Self>) -> bool {
        ObjectArc::as_ptr(this).as_ptr().is_aligned()
    }
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .object_type::<Numbers>()
        .object_type::<Wide>()
        .object_type::<Aligned>();
}
