//! Making, sharing, weakening, walking and calling: beside `Arc`, `triomphe` and friends.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use object_core::{
    Any, Function, ItemsHead, ItemsLen, Object, ObjectArc, ObjectHeader, RegisterError,
    TypeBuilder, TypeSlot,
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Payload = [u64; 4];

/// 32 bytes behind the header.
#[repr(C)]
struct Boxed {
    header: ObjectHeader,
    payload: Payload,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Boxed {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("bench.Boxed").register())
    }
}

/// A node of a graph that shares.
#[repr(C)]
struct Node {
    header: ObjectHeader,
    payload: u64,
    next: Vec<ObjectArc<Node>>,
}

// SAFETY: as above.
unsafe impl Object for Node {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("bench.Node").register())
    }
}

/// The head of an in-place array of numbers.
#[repr(C)]
struct Numbers {
    header: ObjectHeader,
    len: ItemsLen,
}

// SAFETY: as above; items lie behind it.
unsafe impl Object for Numbers {
    const HAS_ITEMS: bool = true;
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("bench.Numbers").register())
    }
}

// SAFETY: the length is what the constructor was told.
unsafe impl ItemsHead for Numbers {
    type Item = u64;

    fn len(&self) -> usize {
        self.len.get()
    }

    unsafe fn set_items(&mut self, _: std::ptr::NonNull<u64>, len: usize) {
        // SAFETY: what we were told.
        unsafe { self.len.set(len) };
    }
}

fn numbers(from: &[u64]) -> ObjectArc<Numbers> {
    let head = Numbers {
        header: ObjectHeader::new(),
        len: ItemsLen::new(),
    };
    ObjectArc::try_copy_items(head, from).unwrap_or_else(|_| panic!("no memory"))
}

struct Plain {
    payload: u64,
    next: Vec<Arc<Plain>>,
}

fn boxed() -> ObjectArc<Boxed> {
    ObjectArc::new(Boxed {
        header: ObjectHeader::new(),
        payload: black_box([1; 4]),
    })
}

fn make(c: &mut Criterion) {
    let mut group = c.benchmark_group("new_drop_32");
    group.bench_function("ObjectArc", |b| b.iter(|| drop(black_box(boxed()))));
    group.bench_function("Arc", |b| {
        b.iter(|| drop(black_box(Arc::new(black_box([1u64; 4])))));
    });
    group.bench_function("triomphe", |b| {
        b.iter(|| drop(black_box(triomphe::Arc::new(black_box([1u64; 4])))));
    });
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
    group.finish();
    let mut group = c.benchmark_group("deref");
    group.bench_function("ObjectArc", |b| {
        b.iter(|| black_box(black_box(&own).payload[2]))
    });
    group.bench_function("Arc", |b| b.iter(|| black_box(black_box(&arc)[2])));
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
        b.iter(|| drop(black_box(numbers(black_box(&[1u64; 16])))));
    });
    group.bench_function("Arc<[u64]>", |b| {
        b.iter(|| drop(black_box(Arc::<[u64]>::from(black_box(&[1u64; 16][..])))));
    });
    group.bench_function("ThinArc", |b| {
        b.iter(|| {
            drop(black_box(triomphe::ThinArc::from_header_and_slice(
                (),
                black_box(&[1u64; 16]),
            )))
        });
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
    group.bench_function("Box<dyn Fn>", |b| {
        b.iter(|| black_box(dynamic(black_box(1), black_box(2))))
    });
    group.finish();
}

criterion_group!(benches, make, share, arrays, graph, calls);
criterion_main!(benches);
