//! A tying frontend over exchangeable backings: every body goes back to where it came from.

#![cfg(all(not(loom), feature = "default-backing", feature = "allocator-api2"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use alloc_header::{
    AllocError, AllocatorBacking, DEFAULT_BACKING, FAILING_BACKING, Registry, delete, header_of,
    tied_header_of, word_of,
};
use common::arena::Arena;
use common::{frontend, keep};

fn registry() -> &'static Registry {
    keep(Registry::new(&DEFAULT_BACKING))
}

fn free(body: NonNull<c_void>) {
    // SAFETY: the tests free what they allocated, once.
    unsafe { delete(body) }
}

fn made_by_frontend(body: NonNull<c_void>) -> bool {
    // SAFETY: the tests ask about bodies that live.
    unsafe { frontend::made(body) }
}

#[test]
fn the_order_of_registration_does_not_matter() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(1));
    for backing_first in [true, false] {
        let registry = registry();
        if backing_first {
            registry.set_backing(ARENA.entry());
        }
        registry
            .register_frontend(frontend::entry_for(registry))
            .unwrap();
        if !backing_first {
            registry.set_backing(ARENA.entry());
        }
        let body = registry.allocate(33, 8, 0).unwrap();
        assert!(made_by_frontend(body));
        assert_eq!(ARENA.allocator().live(), 1);
        free(body);
        assert_eq!(ARENA.allocator().live(), 0);
        assert_eq!(frontend::freed(), (1, 0));
    }
}

#[test]
fn bodies_made_before_and_after_each_change_go_back_by_their_own_header() {
    static ONE: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(2));
    static TWO: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(3));
    for align in [8, 16, 32, 65536] {
        let registry = registry();
        let mut bodies = vec![registry.allocate(50, align, 0).unwrap()];
        registry.set_backing(ONE.entry());
        bodies.push(registry.allocate(50, align, 0).unwrap());
        registry
            .register_frontend(frontend::entry_for(registry))
            .unwrap();
        bodies.push(registry.allocate(50, align, 0).unwrap());
        registry.set_backing(TWO.entry());
        bodies.push(registry.allocate(50, align, 0).unwrap());
        registry.set_backing(&FAILING_BACKING);

        let made: Vec<bool> = bodies.iter().map(|&body| made_by_frontend(body)).collect();
        assert_eq!(made, [false, false, true, true]);
        let live = || (ONE.allocator().live(), TWO.allocator().live());
        assert_eq!(live(), (2, 1));
        let mut left = Vec::new();
        for body in bodies {
            free(body);
            left.push(live());
        }
        assert_eq!(left, [(2, 1), (1, 1), (0, 1), (0, 0)]);
        assert_eq!(frontend::freed(), if align <= 16 { (2, 0) } else { (0, 2) });
    }
}

#[test]
fn the_word_is_the_frontends_at_every_alignment() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(4));
    let registry = registry();
    registry.set_backing(ARENA.entry());
    registry
        .register_frontend(frontend::entry_for(registry))
        .unwrap();
    for log2 in 0..=16 {
        for size in [0, 1, 24, 100] {
            let body = registry.allocate(size, 1 << log2, 0).unwrap();
            assert_eq!(body.addr().get() % (1 << log2).max(8), 0);
            // SAFETY: the frontend made the body, so its header is tied; it lives to the end of the
            // block.
            unsafe {
                let word = word_of(body);
                assert_eq!(word.swap(usize::MAX, Ordering::Relaxed), 0);
                body.cast::<u8>().write_bytes(0, size);
                assert_eq!(word.load(Ordering::Relaxed), usize::MAX);
                assert_eq!(tied_header_of(body).addr().get() + 16, body.addr().get());
                assert_eq!(header_of(body).addr().get() + 8, body.addr().get());
            }
            assert!(made_by_frontend(body));
            free(body);
        }
    }
    assert_eq!(
        (ARENA.allocator().live(), ARENA.allocator().made()),
        (0, 17 * 4)
    );
    assert_eq!(frontend::freed(), (5 * 4, 12 * 4));
}

#[test]
fn a_dry_backing_is_an_error_that_names_the_callers_layout() {
    static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena::new(5));
    let registry = registry();
    registry
        .register_frontend(frontend::entry_for(registry))
        .unwrap();
    registry.set_backing(ARENA.entry());
    ARENA.allocator().set_budget(1);
    let body = registry.allocate(10, 64, 0).unwrap();
    assert_eq!(registry.allocate(10, 64, 0), Err(AllocError::new(10, 64)));
    let huge = isize::MAX as usize;
    assert_eq!(registry.allocate(huge, 1, 0), Err(AllocError::new(huge, 1)));
    free(body);
    assert_eq!(ARENA.allocator().live(), 0);
    frontend::freed();
}

#[test]
fn a_second_frontend_is_refused_and_changes_nothing() {
    let registry = registry();
    let first = frontend::entry_for(registry);
    registry.register_frontend(first).unwrap();
    assert!(
        registry
            .register_frontend(frontend::entry_for(registry))
            .is_err()
    );
    assert!(std::ptr::eq(registry.frontend().unwrap(), first));
}
