//! Without std: what dies within a `DropScope` does not nest, be it that there is no memory left, or that
//! other cores drop at the same time.

#![cfg(all(not(loom), not(feature = "std"), feature = "default-backing"))]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_core::{
    DropScope, Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder, TypeSlot,
};

thread_local! {
    /// Whether this thread gets no memory.
    static DRY: Cell<bool> = const { Cell::new(false) };
    static DROPPED: Cell<usize> = const { Cell::new(0) };
}

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: the system's heap, which may say no.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if DRY.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: by the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: by the trait's contract.
        unsafe { System.dealloc(start, layout) }
    }
}

#[repr(C)]
struct Node {
    header: ObjectHeader,
    next: [Option<ObjectArc<Node>>; 2],
}

// SAFETY: repr(C), the header first, its own type.
unsafe impl Object for Node {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("drop_scope.Node").register())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

fn node(next: [Option<ObjectArc<Node>>; 2]) -> Option<ObjectArc<Node>> {
    ObjectArc::try_new(Node {
        header: ObjectHeader::new(),
        next,
    })
    .ok()
}

/// The lists are the process's, and whoever closes the last scope deletes: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A core that stops for long in the middle of a push, as an interrupt or a hypervisor makes it, does
/// not let the others' chains nest: more threads than cores, each with long chains and a small stack.
#[test]
fn chains_on_many_cores_do_not_nest_on_each_others_account() {
    const LENGTH: usize = 60_000;
    const ROUNDS: usize = 12;
    let _alone = alone();
    let work = |watched: bool| {
        for _ in 0..ROUNDS {
            let (mut chain, mut links) = (None, Vec::new());
            for _ in 0..LENGTH {
                chain = node([chain, None]);
                links.extend(chain.as_ref().filter(|_| watched).map(ObjectArc::downgrade));
            }
            let scope = DropScope::open();
            drop(chain);
            drop(scope);
        }
        DROPPED.get()
    };
    let threads: Vec<_> = (0..6)
        .map(|number| {
            let thread = std::thread::Builder::new().stack_size(64 << 10);
            thread.spawn(move || work(number % 3 == 2)).unwrap()
        })
        .collect();
    // Whoever closes the last scope deletes for the others as well.
    let dropped: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(dropped, 6 * ROUNDS * LENGTH);
}

#[test]
fn long_chains_and_wide_trees_are_dropped_without_memory() {
    const LENGTH: usize = 50_000;
    let _alone = alone();
    let work = || {
        // A comb: a long chain, with a chain of three at each of its nodes.
        let mut comb = None;
        for _ in 0..LENGTH {
            let tooth = node([node([node([None, None]), None]), None]);
            comb = node([comb, tooth]);
        }
        let scope = DropScope::open();
        DRY.set(true);
        drop(comb);
        drop(scope);
        DRY.set(false);
        DROPPED.get()
    };
    let thread = std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(work)
        .unwrap();
    assert_eq!(thread.join().unwrap(), LENGTH * 4);
}
