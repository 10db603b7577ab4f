//! Arguments and results that have no value.
use rust_binding::prelude::*;

struct Own;

#[derive(Object)]
#[object(key = "ui.Item")]
#[repr(C)]
struct Item {
    header: ObjectHeader,
}

#[methods]
impl Item {
    fn result(&self) -> Own {
        Own
    }
}

fn main() {}
