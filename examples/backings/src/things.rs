//! Objects to make in a backing: a plain one, and one whose block is far from plain.

use rust_binding::prelude::*;

/// Something that holds something.
#[derive(Object, Debug)]
#[object(key = "backings.Thing", constructor)]
#[repr(C)]
pub struct Thing {
    header: ObjectHeader,
    /// What it is called.
    #[object(default)]
    pub name: MutField<Str>,
    /// What it holds.
    #[object(default)]
    pub other: MutField<Any>,
}

impl Thing {
    /// One of that name that holds that.
    #[must_use]
    pub fn named(name: &str, other: impl Into<Any>) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            name: MutField::new(Str::from(name)),
            other: MutField::new(other.into()),
        })
    }
}

/// A body that begins at a page.
#[derive(Object, Debug)]
#[object(key = "backings.Page", constructor)]
#[repr(C, align(4096))]
pub struct Page {
    header: ObjectHeader,
    /// A number on it.
    #[object(default)]
    pub number: MutField<i64>,
}

#[methods]
impl Page {
    /// Whether it does.
    fn is_aligned(this: &ObjectArc<Self>) -> bool {
        ObjectArc::as_ptr(this).as_ptr().is_aligned()
    }
}
