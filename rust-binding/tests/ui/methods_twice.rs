//! One block of methods a type.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Item")]
#[repr(C)]
struct Item {
    header: ObjectHeader,
}

#[methods]
impl Item {
    fn one(&self) {}
}

#[methods]
impl Item {
    fn two(&self) {}
}

fn main() {}
