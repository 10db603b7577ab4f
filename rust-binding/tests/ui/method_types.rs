//! What only the compiler knows of methods: their types, and the other names of the type.
use rust_binding::prelude::*;

struct Own;

#[derive(Object)]
#[object(key = "ui.Item", constructor)]
#[repr(C)]
struct Item {
    header: ObjectHeader,
    name: Str,
}

#[methods]
impl Item {
    #[object(constructor)]
    fn new() -> ObjectArc<Self> {
        unreachable!()
    }

    fn name(&self) -> i64 {
        3
    }
}

fn main() {}
