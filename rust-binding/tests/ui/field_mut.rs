//! `mut` on a field that others read without a lock.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Fields")]
#[repr(C)]
struct Fields {
    header: ObjectHeader,
    #[object(mut)]
    count: i64,
}

fn main() {}
