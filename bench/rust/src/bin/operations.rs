//! One operation, over and over: what callgrind counts. `operations NAME TIMES`.

use std::hint::black_box;
use std::sync::Arc;

use object_core::ObjectArc;
use rust_bench::{boxed, numbers};

fn repeat(times: u64, mut operation: impl FnMut()) {
    for _ in 0..times {
        operation();
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().expect("operations NAME TIMES");
    let times = args
        .next()
        .and_then(|times| times.parse().ok())
        .expect("operations NAME TIMES");
    let (own, arc) = (boxed(), Arc::new(*black_box(&[1u64; 4])));
    drop(numbers(&[1; 16])); // its type is registered
    match &*name {
        "loop" => repeat(times, || {
            black_box(&own);
        }),
        "new_drop" => repeat(times, || drop(black_box(boxed()))),
        "clone_drop" => repeat(times, || drop(black_box(black_box(&own).clone()))),
        "deref" => repeat(times, || {
            black_box(black_box(&own).payload[2]);
        }),
        "array" => repeat(times, || drop(black_box(numbers(black_box(&[1; 16]))))),
        "arc_new_drop" => repeat(times, || drop(black_box(Arc::new(*black_box(&[1u64; 4]))))),
        "arc_clone_drop" => repeat(times, || drop(black_box(black_box(&arc).clone()))),
        "arc_deref" => repeat(times, || {
            black_box(black_box(&arc)[2]);
        }),
        "arc_array" => repeat(times, || {
            drop(black_box(Arc::<[u64]>::from(black_box(&[1u64; 16][..]))));
        }),
        other => panic!("no operation is called {other}"),
    }
    drop(ObjectArc::clone(&own));
}
