//! Dropping what hangs on one reference, however long or wide, on a small stack.
//!
//! `TIEBACK_CHAIN` shortens the chains where a checker makes them slow.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Drops, Told, object};
use object_core::abi::FieldKind;
use object_core::{
    Any, Array, DropScope, Error, FieldSpec, Function, ObjectArc, ObjectHeader, ObjectRef,
    UniqueObject, register_reflected, try_new_reflected, type_index, type_info, write_field,
};

const SMALL_STACK: usize = 256 << 10;

fn length() -> usize {
    std::env::var("TIEBACK_CHAIN").map_or(10_000_000, |text| text.parse().unwrap())
}

/// Without std only scopes keep deletions from nesting, and one list serves all threads: one test
/// at a time.
fn on_a_small_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(SMALL_STACK);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

#[repr(C)]
struct Node {
    header: ObjectHeader,
    dropped: &'static AtomicUsize,
    next: Option<ObjectArc<Node>>,
}
object!(Node, "chains.Node");

impl Node {
    fn new(dropped: &'static AtomicUsize, next: Option<ObjectArc<Node>>) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            dropped,
            next,
        })
    }

    fn chain(dropped: &'static AtomicUsize, length: usize) -> Option<ObjectArc<Self>> {
        (0..length).fold(None, |next, _| Some(Self::new(dropped, next)))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn ten_million_objects_in_a_chain() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    on_a_small_stack(|| {
        let scope = DropScope::open();
        drop(Node::chain(&DROPPED, length()));
        drop(scope);
        assert_eq!(DROPPED.load(Ordering::Relaxed), length());
    });
}

/// The space of each stays until its neighbour is gone, so that the two bits go separate ways.
#[test]
fn a_chain_of_objects_that_know_who_holds_them() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let length = length() / 10;
    on_a_small_stack(|| {
        let scope = DropScope::open();
        let (mut last, mut links) = (Node::new(&DROPPED, None), Vec::new());
        for _ in 1..length {
            let next = Node::new(&DROPPED, Some(last));
            links.push(ObjectArc::downgrade(&next));
            last = next;
        }
        drop(last);
        drop(scope);
        assert_eq!(DROPPED.load(Ordering::Relaxed), length);
        assert!(links.iter().all(|weak| weak.upgrade().is_none()));
    });
}

#[repr(C)]
struct Owner {
    header: ObjectHeader,
    told: Told,
    next: Option<UniqueObject<Owner>>,
}
object!(Owner, "chains.Owner");

#[test]
fn a_chain_of_unique_handles() {
    let (drops, length) = (Drops::new(), length() / 10);
    on_a_small_stack(|| {
        let scope = DropScope::open();
        let mut last = None;
        for _ in 0..length {
            let (header, told) = (ObjectHeader::new(), Told(drops.clone()));
            last = Some(UniqueObject::new(Owner {
                header,
                told,
                next: last,
            }));
        }
        drop(last);
        drop(scope);
        assert_eq!(drops.count(), length);
    });
}

#[test]
fn chains_of_values_closures_and_reflected_objects() {
    let (drops, length) = (Drops::new(), length() / 10);
    let spec = FieldSpec {
        name: "next",
        doc: "",
        kind: FieldKind::Any,
        value_kind: None,
        flags: 0,
        type_index: type_index::OBJECT,
    };
    let number = register_reflected("chains.Link", "", type_index::OBJECT, &[spec]).unwrap();
    let info = type_info(number).unwrap();
    let links: [fn(Any, &'static object_core::abi::TypeInfo) -> Any; 3] = [
        |next, _| Array::try_from_values([next]).unwrap().into(),
        |next, _| Function::from_packed(move |_| Ok(next.clone())).into(),
        |next, info| {
            let object = try_new_reflected(info, false).unwrap();
            let field = info.field("next").unwrap();
            // SAFETY: the object's own field.
            unsafe { write_field(ObjectArc::as_ptr(&object), field, next.view()) }.unwrap();
            object.into()
        },
    ];
    on_a_small_stack(|| {
        let scope = DropScope::open();
        let mut last = Any::from(ObjectArc::new(Owner {
            header: ObjectHeader::new(),
            told: Told(drops.clone()),
            next: None,
        }));
        for i in 0..length {
            last = links[i % links.len()](last, info);
        }
        assert_eq!(drops.count(), 0);
        drop(last);
        drop(scope);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_wide_tree() {
    fn tree(depth: usize, leaf: &ObjectRef) -> Array {
        let child = |_| {
            if depth == 0 {
                leaf.clone().into()
            } else {
                tree(depth - 1, leaf).into()
            }
        };
        (0..10)
            .map(child)
            .collect::<Vec<Any>>()
            .into_iter()
            .collect()
    }
    let leaf: ObjectRef = ObjectArc::upcast(ObjectArc::new(common::Point::at(1, 2)));
    let depth = if length() < 100_000 { 3 } else { 5 };
    on_a_small_stack(|| {
        let scope = DropScope::open();
        let tree = tree(depth, &leaf);
        assert_eq!(
            ObjectArc::strong_count(&leaf),
            1 + 10u32.pow(depth as u32 + 1)
        );
        drop(tree);
        drop(scope);
        assert_eq!(ObjectArc::strong_count(&leaf), 1);
    });
}

/// Printing goes along the causes without nesting, too.
#[test]
fn a_long_row_of_causes() {
    let length = length() / 500;
    let printed = on_a_small_stack(|| {
        let _scope = DropScope::open();
        let mut error = Error::new("E", "m");
        for _ in 1..length {
            error = Error::try_with("E", "m", Some(error), None).unwrap();
        }
        format!("{error:?}")
    });
    assert_eq!(printed.matches("E: m").count(), length);
}

/// A thread's locals are destroyed one by one, the crate's own among them: chains that hang on
/// locals made before and after it are dropped before and after it.
#[cfg(feature = "std")]
#[test]
fn chains_that_hang_on_a_threads_locals() {
    use std::cell::RefCell;

    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    std::thread_local! {
        static EARLY: RefCell<Option<ObjectArc<Node>>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<ObjectArc<Node>>> = const { RefCell::new(None) };
    }
    let length = length() / 100;
    on_a_small_stack(|| {
        EARLY.set(Node::chain(&DROPPED, length));
        drop(Node::chain(&DROPPED, length));
        LATE.set(Node::chain(&DROPPED, length));
        assert_eq!(DROPPED.load(Ordering::Relaxed), length);
    });
    assert_eq!(DROPPED.load(Ordering::Relaxed), 3 * length);
}

/// What other threads drop while a scope is open is deleted, at the latest when the last one closes.
#[test]
fn scopes_that_overlap_leave_nothing_behind() {
    const THREADS: usize = 3;
    let (drops, rounds) = (Drops::new(), (length() / 2_000).max(20));
    let barrier = std::sync::Barrier::new(THREADS);
    on_a_small_stack(|| {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (drops, barrier) = (&drops, &barrier);
                scope.spawn(move || {
                    for round in 1..=rounds {
                        barrier.wait();
                        let open = (thread + round) % THREADS > 0;
                        let scope = open.then(DropScope::open);
                        let (header, told) = (ObjectHeader::new(), Told(drops.clone()));
                        drop(UniqueObject::new(Owner {
                            header,
                            told,
                            next: None,
                        }));
                        drop(scope);
                        barrier.wait();
                        assert_eq!(drops.count(), THREADS * round);
                    }
                });
            }
        });
    });
}
