//! Defaults where no constructor asks for them, or not in order.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Unasked")]
#[repr(C)]
struct Unasked {
    header: ObjectHeader,
    #[object(default = 3)]
    a: i64,
}

#[derive(Object)]
#[object(key = "ui.Order", constructor)]
#[repr(C)]
struct Order {
    header: ObjectHeader,
    #[object(default = 3)]
    a: i64,
    b: i64,
    #[object(skip)]
    c: i64,
}

fn main() {}
