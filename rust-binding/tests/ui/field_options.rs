//! What a field's `#[object(..)]` cannot say.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Fields")]
#[repr(C)]
struct Fields {
    header: ObjectHeader,
    #[object(frozen)]
    a: MutField<i64>,
    #[object(frozen, mut)]
    b: i64,
    #[object(skip, rename = "other")]
    c: i64,
    #[object(skip, mut)]
    d: MutField<i64>,
    #[object(rename = "not a name")]
    e: i64,
    #[object(readonly)]
    f: i64,
    #[object(skip, skip)]
    g: i64,
}

#[derive(Object)]
#[object(key = "ui.Names")]
#[repr(C)]
struct Names {
    #[object(skip)]
    header: ObjectHeader,
    a: i64,
    #[object(rename = "a")]
    b: i64,
}

fn main() {}
