//! What a struct's `#[object(..)]` cannot say.
use rust_binding::prelude::*;

#[derive(Object)]
#[repr(C)]
struct Keyless {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "Item")]
#[repr(C)]
struct Undotted {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "tieback.Array")]
#[repr(C)]
struct NotOurs {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "ui.Twice", key = "ui.Again")]
#[repr(C)]
struct Twice {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "ui.Unknown", base = Keyless)]
#[repr(C)]
struct Unknown {
    header: ObjectHeader,
}

fn main() {}
