//! Types that are no kind of field, and are often written.
use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use rust_binding::prelude::*;

#[derive(Object)]
#[object(key = "ui.Fields")]
#[repr(C)]
struct Fields {
    header: ObjectHeader,
    a: String,
    b: Vec<i64>,
    c: HashMap<String, i64>,
    d: usize,
    e: Arc<i64>,
    f: Mutex<i64>,
    g: AtomicI64,
    h: &'static str,
    i: [i64; 3],
    j: (i64, i64),
    k: fn(i64) -> i64,
    l: i128,
    m: Option<Str>,
    n: Option<i64>,
    o: Option<MutField<i64>>,
    q: char,
    r: Option<WeakObjectArc<ObjectHeader>>,
    s: Box<dyn Fn() + Send + Sync>,
    t: Optional<Array>,
    u: Optional<String>,
    v: MutField<Option<Vec<u8>>>,
    w: Optional<WeakObjectArc<ObjectHeader>>,
}

fn main() {}
