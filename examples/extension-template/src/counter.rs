//! `Counter`: a number that only grows.

use rust_binding::prelude::*;

/// A number that only grows.
#[derive(Object)]
#[object(key = "my_library.Counter")]
#[repr(C)]
pub struct Counter {
    header: ObjectHeader,
    /// How far it is.
    value: MutField<i64>,
}

#[methods]
impl Counter {
    /// A counter that begins at a number.
    #[object(constructor)]
    pub fn new(value: i64) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            value: MutField::new(value),
        })
    }

    /// Adds a number; where that leads.
    pub fn add(this: &ObjectArc<Self>, number: i64) -> Result<i64, Error> {
        if number < 0 {
            return Err(Error::format("ValueError", format_args!("a counter only grows, got {number}")));
        }
        // A field that can change is read and written through its object.
        let sum = this.value.load(this).saturating_add(number);
        this.value.store(this, sum);
        Ok(sum)
    }
}
