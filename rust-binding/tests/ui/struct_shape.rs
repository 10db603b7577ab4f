//! What is no struct with named fields, `repr(C)`, without parameters.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Choice")]
enum Choice {
    A,
}

#[derive(Object)]
#[object(key = "ui.Both")]
#[repr(C)]
union Both {
    a: i64,
    b: f64,
}

#[derive(Object)]
#[object(key = "ui.Tuple")]
#[repr(C)]
struct Tuple(ObjectHeader, i64);

#[derive(Object)]
#[object(key = "ui.Unit")]
struct Unit;

#[derive(Object)]
#[object(key = "ui.Empty")]
#[repr(C)]
struct Empty {}

#[derive(Object)]
#[object(key = "ui.RustLayout")]
struct RustLayout {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "ui.Packed")]
#[repr(C, packed(4))]
struct Packed {
    value: u8,
}

#[derive(Object)]
#[object(key = "ui.Generic")]
#[repr(C)]
struct Generic<T: Send + Sync + 'static> {
    header: ObjectHeader,
    #[object(skip)]
    value: T,
}

fn main() {}
