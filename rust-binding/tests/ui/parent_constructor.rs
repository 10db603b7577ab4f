//! An heir's constructor needs the parent's, and cannot need what stands behind a default.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Bare")]
#[repr(C)]
struct Bare {
    header: ObjectHeader,
}

#[derive(Object)]
#[object(key = "ui.Heir", parent = Bare, constructor)]
#[repr(C)]
struct Heir {
    bare: Bare,
}

fn main() {}
