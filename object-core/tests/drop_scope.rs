//! Without std: what dies within a `DropScope` does not nest, be it that there is no memory left.

#![cfg(all(not(loom), not(feature = "std"), feature = "default-backing"))]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

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

#[test]
fn long_chains_and_wide_trees_are_dropped_without_memory() {
    const LENGTH: usize = 50_000;
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
