//! Seeded random programs of allocations, frees and exchanges, against a model of who owns what.

#![cfg(all(not(loom), feature = "default-backing", feature = "allocator-api2"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use alloc_header::{
    AllocatorBacking, AllocatorEntry, DEFAULT_BACKING, FAILING_BACKING, Registry, delete, word_of,
};
use common::arena::Arena;
use common::{Random, frontend, keep};

static ARENAS: [AllocatorBacking<Arena>; 3] = [
    AllocatorBacking::new(Arena::new(1)),
    AllocatorBacking::new(Arena::new(2)),
    AllocatorBacking::new(Arena::new(3)),
];

/// A body and what the model knows of it.
struct Body {
    at: NonNull<c_void>,
    size: usize,
    mark: u8,
    /// The frontend's word, if the frontend made it.
    word: Option<usize>,
    arena: Option<usize>,
}

impl Body {
    fn free(self, live: &mut [usize]) {
        // SAFETY: the body is headed and lives, `size` bytes long; it is freed this once.
        unsafe {
            let bytes = self.at.cast::<u8>().as_ptr();
            assert!((0..self.size).all(|i| bytes.add(i).read() == self.mark));
            assert_eq!(frontend::made(self.at), self.word.is_some());
            if let Some(word) = self.word {
                assert_eq!(word_of(self.at).load(Ordering::Relaxed), word);
            }
            delete(self.at);
        }
        if let Some(arena) = self.arena {
            live[arena] -= 1;
        }
    }
}

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let registry: &'static Registry = keep(Registry::new(&DEFAULT_BACKING));
    let mut arena = None;
    let mut failing = false;
    let mut bodies: Vec<Body> = Vec::new();
    let mut live = [0; ARENAS.len()];

    for step in 0..400 {
        match random.below(16) {
            0 => {
                let (entry, next): (&'static AllocatorEntry, _) = match random.below(5) {
                    3 => (&DEFAULT_BACKING, None),
                    4 => (&FAILING_BACKING, None),
                    i => (ARENAS[i].entry(), Some(i)),
                };
                failing = std::ptr::eq(entry, &FAILING_BACKING);
                let current = registry.backing();
                assert!(std::ptr::eq(registry.set_backing(entry), current));
                arena = next;
            }
            1 if step > 100 => {
                let first = registry.frontend().is_none();
                let entry = frontend::entry_for(registry);
                assert_eq!(registry.register_frontend(entry).is_ok(), first);
            }
            2 => {
                if let Some(arena) = arena {
                    ARENAS[arena].allocator().set_budget(random.below(20));
                }
            }
            3..=9 => {
                let size = random.below(200) * random.below(4);
                let align = 1usize << random.below(17);
                let Ok(at) = registry.allocate(size, align, step) else {
                    // Only a dry arena or the failing backing may refuse.
                    assert!(failing || arena.is_some());
                    arena.inspect(|&i| ARENAS[i].allocator().set_budget(usize::MAX));
                    continue;
                };
                assert!(!failing);
                assert_eq!(at.addr().get() % align.max(8), 0);
                let mark = random.below(256) as u8;
                // SAFETY: the body is fresh, `size` bytes long.
                unsafe { at.cast::<u8>().write_bytes(mark, size) };
                let word = registry.frontend().map(|_| random.below(usize::MAX));
                if let Some(word) = word {
                    // SAFETY: the frontend made the body: its header is tied.
                    unsafe { word_of(at).store(word, Ordering::Relaxed) };
                }
                if let Some(arena) = arena {
                    live[arena] += 1;
                }
                bodies.push(Body {
                    at,
                    size,
                    mark,
                    word,
                    arena,
                });
            }
            _ if !bodies.is_empty() => {
                let which = random.below(bodies.len());
                bodies.swap_remove(which).free(&mut live);
            }
            _ => {}
        }
        assert_eq!(
            ARENAS.each_ref().map(|arena| arena.allocator().live()),
            live
        );
    }
    while let Some(body) = bodies.pop() {
        body.free(&mut live);
    }
    assert_eq!(live, [0; ARENAS.len()]);
    ARENAS
        .iter()
        .for_each(|arena| arena.allocator().set_budget(usize::MAX));
}

/// One test, for the arenas are counted over the whole process.
#[test]
fn random_programs_keep_every_body_whole() {
    for seed in 1..=200 {
        run(seed);
    }
}
