//! Any `Allocator` as a backing. The arena itself checks that each block returns to it, once, with
//! the layout it was asked for.

#![cfg(all(not(loom), feature = "allocator-api2"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use alloc_header::{
    AllocError, AllocatorBacking, FAILING_BACKING, Registry, delete, delete_space_of,
};
use common::arena::Arena;

fn free(body: NonNull<c_void>) {
    // SAFETY: the tests free what they allocated, once.
    unsafe { delete(body) }
}

#[test]
fn layouts_come_back_as_they_were_asked_for() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(1));
    let entry = ARENA.entry();
    for log2 in 0..=16 {
        for size in [0, 1, 8, 31, 32, 33, 5000] {
            let body = entry.allocate(size, 1 << log2, 0).unwrap();
            assert_eq!(body.addr().get() % (1 << log2).max(8), 0);
            assert_eq!(ARENA.allocator().live(), 1);
            // SAFETY: the body is fresh, and `size` bytes long.
            unsafe { body.cast::<u8>().write_bytes(0, size) };
            free(body);
            assert_eq!(ARENA.allocator().live(), 0);
        }
    }
}

#[test]
fn two_arenas_of_one_type_stay_apart() {
    static ONE: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(2));
    static TWO: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(3));
    let registry = Registry::new(&FAILING_BACKING);
    for align in [1, 16, 32, 4096] {
        registry.set_backing(ONE.entry());
        let one = registry.allocate(64, align, 0).unwrap();
        assert!(ptr::eq(registry.set_backing(TWO.entry()), ONE.entry()));
        let two = registry.allocate(64, align, 0).unwrap();
        // SAFETY: both are headed.
        unsafe { assert!(ptr::fn_addr_eq(delete_space_of(one), delete_space_of(two))) };
        assert_eq!((ONE.allocator().live(), TWO.allocator().live()), (1, 1));
        free(one);
        assert_eq!((ONE.allocator().live(), TWO.allocator().live()), (0, 1));
        free(two);
        assert_eq!((ONE.allocator().live(), TWO.allocator().live()), (0, 0));
    }
}

#[test]
fn near_and_far_are_two_functions_and_no_more() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(4));
    let space_at = |align| {
        let body = ARENA.entry().allocate(8, align, 0).unwrap();
        // SAFETY: the body is headed.
        let space = unsafe { delete_space_of(body) };
        free(body);
        space
    };
    let (near, far) = (space_at(1), space_at(32));
    assert!(!ptr::fn_addr_eq(near, far));
    for log2 in 0..=16 {
        let expected = if log2 <= 4 { near } else { far };
        assert!(ptr::fn_addr_eq(space_at(1 << log2), expected));
    }
}

#[test]
fn a_failing_allocator_is_an_error() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(5));
    ARENA.allocator().set_budget(2);
    let bodies = [0; 4].map(|_| ARENA.entry().allocate(12, 128, 0));
    assert_eq!(bodies.map(|body| body.is_ok()), [true, true, false, false]);
    assert_eq!(bodies[2], Err(AllocError::new(12, 128)));
    bodies.into_iter().flatten().for_each(free);
    assert_eq!(ARENA.allocator().live(), 0);
}

#[test]
fn sums_that_overflow_never_reach_the_allocator() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(6));
    let max = isize::MAX as usize;
    // A size of 2^56 bytes is past what the layout word holds; 32 bits cannot even say it, and
    // there every sum that is a layout is asked for.
    let unpackable = if usize::BITS == 64 { max - 1000 } else { max };
    for (size, align) in [
        (max, 1),
        (max - 31, 8),
        (unpackable, 8),
        (1usize.checked_shl(56).unwrap_or(max), 8),
        (0, max / 2 + 1),
        (1, 0),
    ] {
        assert!(ARENA.entry().allocate(size, align, 0).is_err());
    }
    assert_eq!(ARENA.allocator().made(), 0);
}

/// A body on its way to another thread.
struct Sent(NonNull<c_void>);

// SAFETY: the sender keeps no copy.
unsafe impl Send for Sent {}

#[test]
fn the_entry_is_one_and_bodies_may_be_freed_on_any_thread() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(7));
    let make = || {
        (
            ptr::from_ref(ARENA.entry()).addr(),
            Sent(ARENA.entry().allocate(100, 256, 0).unwrap()),
        )
    };
    let threads = [(); 4].map(|()| std::thread::spawn(make));
    for thread in threads {
        let (entry, body) = thread.join().unwrap();
        assert_eq!(entry, ptr::from_ref(ARENA.entry()).addr());
        free(body.0);
    }
    assert_eq!((ARENA.allocator().live(), ARENA.allocator().made()), (0, 4));
}
