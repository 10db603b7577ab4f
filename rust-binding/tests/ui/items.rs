//! Items and what counts them.
use rust_binding::ItemsLen;
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Uncounted", items = i64)]
#[repr(C)]
struct Uncounted {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "ui.None")]
#[repr(C)]
struct NoItems {
    header: ObjectHeader,
    length: ItemsLen,
}

#[derive(Object)]
#[object(key = "ui.Two", items = i64)]
#[repr(C)]
struct Two {
    header: ObjectHeader,
    a: ItemsLen,
    b: ItemsLen,
}

fn main() {}
