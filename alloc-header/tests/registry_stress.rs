//! Backings are exchanged, and a frontend comes, while all threads allocate and free: every body goes
//! back to where it came from. `TIEBACK_ROUNDS` says how often each thread does its part.

#![cfg(all(not(loom), feature = "default-backing", feature = "allocator-api2"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use alloc_header::{AllocatorBacking, AllocatorEntry, DEFAULT_BACKING, Registry, delete};
use common::arena::Arena;
use common::{frontend, keep};

fn rounds() -> usize {
    std::env::var("TIEBACK_ROUNDS").map_or(20_000, |text| text.parse().unwrap())
}

/// A body that another thread frees.
struct Body(NonNull<c_void>, usize);

// SAFETY: a body may be freed on any thread, by the entry's contract.
unsafe impl Send for Body {}

impl Body {
    fn new(registry: &Registry, round: usize) -> Self {
        let (size, align) = (8 + round % 64, 8 << (round % 7));
        let body = registry.allocate(size, align, 0).unwrap();
        assert_eq!(body.addr().get() % align, 0);
        // SAFETY: `size` fresh bytes.
        unsafe { body.cast::<u8>().as_ptr().write_bytes(round as u8, size) };
        Self(body, round)
    }

    fn free(self) {
        let size = 8 + self.1 % 64;
        // SAFETY: `size` bytes were written; freed this once.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.0.cast::<u8>().as_ptr(), size);
            assert!(bytes.iter().all(|byte| *byte == self.1 as u8));
            delete(self.0);
        }
    }
}

/// Where threads leave bodies for each other. No Mutex: thread checkers do not see into std.
struct Passed([AtomicPtr<Body>; Self::PLACES]);

impl Passed {
    const PLACES: usize = 16;

    const fn new() -> Self {
        Self([const { AtomicPtr::new(null_mut()) }; Self::PLACES])
    }

    /// Leaves a body at a place, and takes what was there.
    fn exchange(&self, place: usize, body: Option<Body>) -> Option<Body> {
        let new = body.map_or(null_mut(), |body| Box::into_raw(Box::new(body)));
        let old = self.0[place % Self::PLACES].swap(new, Ordering::AcqRel);
        // SAFETY: null, or out of a Box; taken this once.
        (!old.is_null()).then(|| *unsafe { Box::from_raw(old) })
    }
}

#[test]
fn backings_are_exchanged_while_others_allocate_and_free() {
    static ARENAS: [AllocatorBacking<Arena>; 2] = [
        AllocatorBacking::new(Arena::new(11)),
        AllocatorBacking::new(Arena::new(12)),
    ];
    let registry: &'static Registry = keep(Registry::new(&DEFAULT_BACKING));
    let (passed, workers) = (Passed::new(), AtomicUsize::new(3));
    let layered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (passed, workers, layered) = (&passed, &workers, &layered);
        let allocating = (0..3).map(|thread| {
            scope.spawn(move || {
                for round in 0..rounds() {
                    let body = Body::new(registry, round + thread);
                    // SAFETY: it is headed.
                    if unsafe { frontend::made(body.0) } {
                        layered.store(true, Ordering::Relaxed);
                    }
                    // Every third goes to whoever takes it.
                    let body = if round % 3 == 0 {
                        passed.exchange(round, Some(body))
                    } else {
                        Some(body)
                    };
                    body.into_iter().for_each(Body::free);
                    if round % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
                workers.fetch_sub(1, Ordering::Relaxed);
            })
        });
        let allocating: Vec<_> = allocating.collect();
        let exchanging = scope.spawn(move || {
            let mut others: Vec<&'static AllocatorEntry> =
                ARENAS.iter().map(AllocatorBacking::entry).collect();
            let mut round = 0;
            while workers.load(Ordering::Relaxed) > 0 {
                let next = others.remove(0);
                others.push(registry.set_backing(next));
                round += 1;
                if round == 4 {
                    let entry = frontend::entry_for(registry);
                    registry.register_frontend(entry).unwrap();
                    // Found by its own slot, before an exchange orders anything else.
                    while !layered.load(Ordering::Relaxed) && workers.load(Ordering::Relaxed) > 0 {
                        std::thread::yield_now();
                    }
                }
                std::thread::yield_now();
            }
        });
        // Joined by hand, which thread checkers understand.
        allocating
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        exchanging.join().unwrap();
    });
    let left = (0..Passed::PLACES).filter_map(|place| passed.exchange(place, None));
    left.for_each(Body::free);
    for arena in &ARENAS {
        assert_eq!(arena.allocator().live(), 0);
    }
    assert!(ARENAS.iter().any(|arena| arena.allocator().made() > 0));
}
