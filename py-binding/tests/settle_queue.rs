//! The queue of objects to be settled: each once, the last one first, and no memory for a push or a pop.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;

use py_binding::tie::settle::{Queued, SettleQueue};

std::thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: the system's allocator does it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(place, layout) };
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

#[test]
fn what_there_is_room_for_needs_no_memory() {
    const ROOM: usize = 1000;
    let queue = SettleQueue::new();
    assert_eq!(queue.push(16), Queued::Full, "nothing was reserved");
    assert!(queue.reserve(ROOM));
    let mut model = BTreeSet::new();
    let mut seed = 7_u64;
    let mut allocated = 0;
    for round in 0..200_000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // Grows for a while, then shrinks; addresses are ever new.
        let grows = (round / 5000) % 2 == 0;
        let before = ALLOCATED.get();
        if (seed % 8 < 6) == grows {
            let object = 16 * (1 + (seed >> 8) as usize % (4 * ROOM) + round / 10_000 * 4 * ROOM);
            let answer = queue.push(object);
            allocated += ALLOCATED.get() - before;
            let expected = match (model.contains(&object), model.len()) {
                (true, _) => Queued::Already,
                (false, ROOM) => Queued::Full,
                (false, 0) => Queued::First,
                (false, _) => Queued::Waits,
            };
            assert_eq!(answer, expected);
            if matches!(answer, Queued::First | Queued::Waits) {
                model.insert(object);
            }
        } else {
            let popped = queue.pop();
            allocated += ALLOCATED.get() - before;
            assert!(popped.map_or(model.is_empty(), |object| model.remove(&object)));
        }
        assert_eq!(
            (queue.len(), queue.is_empty()),
            (model.len(), model.is_empty())
        );
    }
    assert_eq!(allocated, 0);
}

#[test]
fn a_fork_waits_for_nobody_else() {
    let queue = SettleQueue::new();
    assert!(queue.reserve(4) && queue.hold());
    assert!(!queue.hold(), "it is held");
    queue.let_go();
    assert_eq!((queue.push(16), queue.pop()), (Queued::First, Some(16)));
}
