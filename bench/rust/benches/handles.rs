//! Making, sharing, weakening, walking and calling: beside `Arc`, `triomphe` and friends.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use object_core::{Any, Function, Map, ObjectArc, ObjectHeader};
#[cfg(feature = "tvm-ffi")]
use rust_bench::tvm;
use rust_bench::{Node, boxed, numbers};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Plain {
    payload: u64,
    next: Vec<Arc<Plain>>,
}

/// Makes and drops. What is made lies elsewhere in each turn (`TURN`): a block across two pages costs twice what
/// others do. Whose block that is would be luck, and the same each time the program runs.
fn make_and_drop<T>(b: &mut Bencher<'_>, make: impl Fn() -> T) {
    let turn = std::env::var("TURN")
        .ok()
        .and_then(|turn| turn.parse().ok());
    let before: Vec<T> = (0..turn.unwrap_or(0)).map(|_| make()).collect();
    b.iter(|| drop(black_box(make())));
    drop(before);
}

/// Reads through each of a hundred handles. Through one it is a tenth of a nanosecond more or less, by where the loop
/// happens to lie.
fn read_each<T>(b: &mut Bencher<'_>, make: impl Fn() -> T, read: impl Fn(&T) -> u64) {
    let handles: Vec<T> = (0..100).map(|_| make()).collect();
    b.iter(|| {
        for handle in black_box(&handles) {
            black_box(read(handle));
        }
    });
}

fn make(c: &mut Criterion) {
    let mut group = c.benchmark_group("new_drop_32");
    group.bench_function("ObjectArc", |b| make_and_drop(b, boxed));
    group.bench_function("Arc", |b| {
        make_and_drop(b, || Arc::new(*black_box(&[1u64; 4])));
    });
    group.bench_function("triomphe", |b| {
        make_and_drop(b, || triomphe::Arc::new(*black_box(&[1u64; 4])));
    });
    #[cfg(feature = "tvm-ffi")]
    group.bench_function("tvm-ffi", |b| make_and_drop(b, tvm::boxed));
    group.finish();
}

fn share(c: &mut Criterion) {
    let mut group = c.benchmark_group("clone_drop");
    let (own, arc) = (boxed(), Arc::new([1u64; 4]));
    let tri = triomphe::Arc::new([1u64; 4]);
    group.bench_function("ObjectArc", |b| {
        b.iter(|| drop(black_box(black_box(&own).clone())))
    });
    group.bench_function("Arc", |b| {
        b.iter(|| drop(black_box(black_box(&arc).clone())))
    });
    group.bench_function("triomphe", |b| {
        b.iter(|| drop(black_box(black_box(&tri).clone())))
    });
    #[cfg(feature = "tvm-ffi")]
    {
        let peer = tvm::boxed();
        group.bench_function("tvm-ffi", |b| {
            b.iter(|| drop(black_box(black_box(&peer).clone())))
        });
    }
    group.finish();
    let mut group = c.benchmark_group("deref");
    group.bench_function("ObjectArc", |b| {
        read_each(b, boxed, |handle| handle.payload[2]);
    });
    group.bench_function("Arc", |b| {
        read_each(b, || Arc::new([1u64; 4]), |handle| handle[2]);
    });
    #[cfg(feature = "tvm-ffi")]
    group.bench_function("tvm-ffi", |b| {
        read_each(b, tvm::boxed, |handle| handle.payload[2]);
    });
    group.finish();
    let mut group = c.benchmark_group("downgrade_upgrade");
    group.bench_function("ObjectArc", |b| {
        b.iter(|| {
            let weak = ObjectArc::downgrade(black_box(&own));
            drop(black_box(weak.upgrade()));
        });
    });
    group.bench_function("Arc", |b| {
        b.iter(|| {
            let weak = Arc::downgrade(black_box(&arc));
            drop(black_box(weak.upgrade()));
        });
    });
    group.finish();
}

fn arrays(c: &mut Criterion) {
    let mut group = c.benchmark_group("array_16_u64");
    group.bench_function("ObjectArc", |b| {
        make_and_drop(b, || numbers(black_box(&[1u64; 16])));
    });
    group.bench_function("Arc<[u64]>", |b| {
        make_and_drop(b, || Arc::<[u64]>::from(black_box(&[1u64; 16][..])));
    });
    group.bench_function("ThinArc", |b| {
        make_and_drop(b, || {
            triomphe::ThinArc::from_header_and_slice((), black_box(&[1u64; 16]))
        });
    });
    #[cfg(feature = "tvm-ffi")]
    group.bench_function("tvm-ffi", |b| {
        make_and_drop(b, || tvm::numbers(black_box(&[1u64; 16])));
    });
    group.finish();
}

fn graph(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk_1000");
    let mut layer: Vec<ObjectArc<Node>> = Vec::new();
    let mut plain: Vec<Arc<Plain>> = Vec::new();
    for level in 0..10 {
        let node = |_: usize| {
            ObjectArc::new(Node {
                header: ObjectHeader::new(),
                payload: level,
                next: layer.clone(),
            })
        };
        let next: Vec<_> = (0..100).map(node).collect();
        let node = |_: usize| {
            Arc::new(Plain {
                payload: level,
                next: plain.clone(),
            })
        };
        let plain_next: Vec<_> = (0..100).map(node).collect();
        (layer, plain) = (next, plain_next);
    }
    group.bench_function("ObjectArc", |b| {
        b.iter(|| {
            layer[0]
                .next
                .iter()
                .map(|n| n.payload + n.next.len() as u64)
                .sum::<u64>()
        });
    });
    group.bench_function("Arc", |b| {
        b.iter(|| {
            plain[0]
                .next
                .iter()
                .map(|n| n.payload + n.next.len() as u64)
                .sum::<u64>()
        });
    });
    group.finish();
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("call_two_ints");
    let add = Function::from_packed(|args| {
        Ok(Any::from(i64::try_from(args[0])? + i64::try_from(args[1])?))
    });
    let dynamic: Box<dyn Fn(i64, i64) -> i64> = Box::new(|a, b| a + b);
    let (one, two) = (Any::from(1i64), Any::from(2i64));
    group.bench_function("Function", |b| {
        b.iter(|| black_box(add.call_packed(&[one.view(), two.view()])).is_ok());
    });
    #[cfg(feature = "tvm-ffi")]
    {
        use tvm_ffi::AnyView;
        let add = tvm_ffi::Function::from_packed(|args: &[AnyView]| {
            Ok(tvm_ffi::Any::from(
                i64::try_from(args[0])? + i64::try_from(args[1])?,
            ))
        });
        let (one, two) = (1i64, 2i64);
        group.bench_function("tvm-ffi", |b| {
            b.iter(|| {
                let args = [
                    AnyView::from(black_box(&one)),
                    AnyView::from(black_box(&two)),
                ];
                black_box(add.call_packed(&args)).is_ok()
            });
        });
    }
    group.bench_function("Box<dyn Fn>", |b| {
        b.iter(|| black_box(dynamic(black_box(1), black_box(2))))
    });
    group.finish();
}

/// A hundred numbers by number; one of them is looked up.
fn lookup(c: &mut Criterion) {
    let mut group = c.benchmark_group("map_get");
    let pairs = || (0..100i64).map(|key| (key, key * 2));
    let map = Map::try_from_pairs(pairs()).unwrap_or_else(|_| panic!("no memory"));
    let key = Any::from(42i64);
    group.bench_function("Map", |b| {
        b.iter(|| {
            let found = black_box(&map).get(black_box(&key).view());
            found.and_then(|value| i64::try_from(value.view()).ok())
        });
    });
    let plain: HashMap<i64, i64> = pairs().collect();
    group.bench_function("HashMap", |b| {
        b.iter(|| black_box(&plain).get(black_box(&42)).copied());
    });
    #[cfg(feature = "tvm-ffi")]
    {
        let peer: tvm_ffi::Map<i64, i64> = pairs().collect();
        group.bench_function("tvm-ffi", |b| {
            b.iter(|| black_box(&peer).get(black_box(&42)));
        });
    }
    group.finish();
}

criterion_group!(benches, make, share, arrays, graph, calls, lookup);
criterion_main!(benches);
