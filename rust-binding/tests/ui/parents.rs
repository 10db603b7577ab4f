//! A first field that is neither the header nor the parent.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Base")]
#[repr(C)]
struct Base {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "ui.Unsaid")]
#[repr(C)]
struct Unsaid {
    base: Base,
}

#[derive(Object)]
#[object(key = "ui.Second", parent = Base)]
#[repr(C)]
struct Second {
    header: ObjectHeader,
    #[object(skip)]
    base: Base,
}

fn main() {}
