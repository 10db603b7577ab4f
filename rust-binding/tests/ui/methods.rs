//! Functions that are no methods.
use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Item")]
#[repr(C)]
struct Item {
    header: ObjectHeader,
}

#[methods]
impl Item {
    fn change(&mut self) {}
    fn consume(self) {}
    fn value(this: Item) {}
    fn generic<T>(&self, value: T) {}
    fn anything(&self, value: impl Into<Any>) {}
    async fn later(&self) {}
    unsafe fn careless(&self) {}
    fn text(&self, text: String) {}
    fn many(&self, a: i8, b: i8, c: i8, d: i8, e: i8, f: i8, g: i8, h: i8) {}
    fn write(&self, out: &mut i64) {}
    #[object(constructor)]
    fn new(&self) {}
    #[object(rename = "value")]
    fn other(&self) {}
    #[object(rename = "other")]
    fn one(&self) {}
    #[object(rename = "other")]
    fn two(&self) {}
    #[object(static)]
    fn three() {}
}

#[methods]
impl Clone for Item {
    fn clone(&self) -> Self {
        Self { header: ObjectHeader::new() }
    }
}

fn main() {}
