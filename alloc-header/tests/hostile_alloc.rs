//! The default backing over a global allocator that means no good: exact alignment, poison,
//! failures on demand, and a check of every layout that comes back.

#![cfg(all(not(loom), feature = "default-backing", feature = "allocator-api2"))]
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use alloc_header::{AllocError, DEFAULT_BACKING, MIN_ALIGN, Registry, delete};
use common::{frontend, hostile, keep};

const OWNER: usize = 0x6C0B;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// Allocations until one fails; 0 means that none does.
    static FAIL_IN: Cell<usize> = const { Cell::new(0) };
}

struct Hostile;

#[global_allocator]
static GLOBAL: Hostile = Hostile;

// SAFETY: blocks come from the system's allocator; the counters do not allocate and nothing
// unwinds.
unsafe impl GlobalAlloc for Hostile {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let fail_in = FAIL_IN.get();
        FAIL_IN.set(fail_in.saturating_sub(1));
        if fail_in == 1 {
            return std::ptr::null_mut();
        }
        LIVE.set(LIVE.get() + 1);
        hostile::take(OWNER, layout)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - 1);
        // SAFETY: by the trait's contract; `give` checks the rest.
        unsafe { hostile::give(OWNER, start, layout) }
    }
}

const SIZES: [usize; 10] = [0, 1, 7, 8, 9, 24, 63, 64, 1000, 70_000];

fn aligns() -> impl Iterator<Item = usize> {
    (0..=16).map(|log2| 1 << log2)
}

/// Writes over the whole body, which must not touch what lies around it.
fn scribble(body: NonNull<c_void>, size: usize) {
    // SAFETY: the body is fresh, and `size` bytes long.
    unsafe { body.cast::<u8>().write_bytes(0xFF, size) }
}

#[test]
fn every_size_and_alignment_is_served_and_comes_back_as_it_was_asked_for() {
    let before = LIVE.get();
    for align in aligns() {
        for size in SIZES {
            let body = DEFAULT_BACKING.allocate(size, align, 0).unwrap();
            assert_eq!(body.addr().get() % align.max(MIN_ALIGN), 0);
            assert_eq!(LIVE.get(), before + 1);
            scribble(body, size);
            // SAFETY: it came from an entry, and nobody uses it any more.
            unsafe { delete(body) };
            assert_eq!(LIVE.get(), before);
        }
    }
}

#[test]
fn layers_over_it_come_back_as_they_were_asked_for() {
    let registry = keep(Registry::new(&DEFAULT_BACKING));
    registry
        .register_frontend(frontend::entry_for(registry))
        .unwrap();
    let before = LIVE.get();
    for align in aligns() {
        for size in SIZES {
            let body = registry.allocate(size, align, 0).unwrap();
            assert_eq!(body.addr().get() % align.max(MIN_ALIGN), 0);
            scribble(body, size);
            // SAFETY: as above.
            unsafe { delete(body) };
            assert_eq!(frontend::freed(), if align <= 16 { (1, 0) } else { (0, 1) });
        }
    }
    assert_eq!(LIVE.get(), before);
}

#[test]
fn a_failed_allocation_is_an_error_and_leaks_nothing() {
    let registry = keep(Registry::new(&DEFAULT_BACKING));
    for tied in [false, true] {
        if tied {
            registry
                .register_frontend(frontend::entry_for(registry))
                .unwrap();
        }
        let before = LIVE.get();
        for align in [1, 16, 32, 4096] {
            FAIL_IN.set(1);
            let failed = registry.allocate(40, align, 0);
            assert_eq!(
                (failed, FAIL_IN.get()),
                (Err(AllocError::new(40, align)), 0)
            );
            assert_eq!(LIVE.get(), before);
        }
    }
}

#[test]
fn the_nth_failure_of_a_row_leaves_the_others_whole() {
    let before = LIVE.get();
    for nth in 1..=8 {
        let mut bodies = [None; 8];
        FAIL_IN.set(nth);
        for (i, body) in bodies.iter_mut().enumerate() {
            *body = DEFAULT_BACKING.allocate(i * 9, 1 << i, 0).ok();
        }
        assert_eq!(bodies.iter().position(Option::is_none), Some(nth - 1));
        for body in bodies.into_iter().flatten() {
            // SAFETY: as above.
            unsafe { delete(body) };
        }
        assert_eq!(LIVE.get(), before);
    }
}

#[test]
fn requests_that_no_machine_can_serve_are_errors() {
    let max = isize::MAX as usize;
    // A 32-bit process may well get nearly 2 GiB in one block; no 64-bit one gets 2^63 bytes.
    let unservable = if usize::BITS == 64 { max - 1000 } else { max };
    for (size, align) in [
        (usize::MAX, 1),
        (max, 1),
        (max, 16),
        (max - 15, 16),
        (max - 70_000, 65536),
        (unservable, 8),
        (1usize.checked_shl(56).unwrap_or(max), 8),
        (1, 1 << (usize::BITS - 1)),
        (0, 1 << (usize::BITS - 1)),
        (8, 0),
        (8, 24),
    ] {
        assert_eq!(
            DEFAULT_BACKING.allocate(size, align, 0),
            Err(AllocError::new(size, align))
        );
    }
}
