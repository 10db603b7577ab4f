//! The registry's two slots under every interleaving; and copies with one weakness each, which the
//! same models must find. `make loom` runs it.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "../../object-core/tests/modelled/run.rs"]
mod run;

use std::ffi::c_void;
use std::ptr::{self, from_ref, null_mut};
use std::sync::Arc; // not loom's, which would order more than the slots do

use alloc_header::{AllocatorEntry, FAILING_BACKING, Registry};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicPtr;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::thread;

/// What an entry's context leads to: written before the entry is published, read after it was
/// found.
struct Arena(UnsafeCell<u32>);

/// Two threads share it through the registry only, which is what the models check.
fn entry(value: u32) -> &'static AllocatorEntry {
    extern "C" fn refuse(_: usize, _: usize, _: i32, _: *mut c_void) -> *mut c_void {
        ptr::null_mut()
    }
    let arena = Box::leak(Box::new(Arena(UnsafeCell::new(0))));
    // SAFETY: nobody else knows the arena yet.
    arena.0.with_mut(|cell| unsafe { *cell = value });
    let context = ptr::from_mut(arena).cast();
    // SAFETY: it always returns NULL, which keeps the contract.
    Box::leak(Box::new(unsafe { AllocatorEntry::new(refuse, context) }))
}

fn value(entry: &AllocatorEntry) -> u32 {
    // SAFETY: only entries of this file are asked, whose context is an arena that is written no
    // more.
    unsafe { (*entry.context().cast::<Arena>()).0.with(|cell| *cell) }
}

/// The registry's two slots.
trait Slots: Send + Sync + 'static {
    fn new(initial: &'static AllocatorEntry) -> Self;
    fn backing(&self) -> &'static AllocatorEntry;
    fn set_backing(&self, entry: &'static AllocatorEntry) -> &'static AllocatorEntry;
    fn frontend(&self) -> Option<&'static AllocatorEntry>;
    fn register_frontend(&self, entry: &'static AllocatorEntry) -> bool;
}

impl Slots for Registry {
    fn new(initial: &'static AllocatorEntry) -> Self {
        Registry::new(initial)
    }
    fn backing(&self) -> &'static AllocatorEntry {
        Registry::backing(self)
    }
    fn set_backing(&self, entry: &'static AllocatorEntry) -> &'static AllocatorEntry {
        Registry::set_backing(self, entry)
    }
    fn frontend(&self) -> Option<&'static AllocatorEntry> {
        Registry::frontend(self)
    }
    fn register_frontend(&self, entry: &'static AllocatorEntry) -> bool {
        Registry::register_frontend(self, entry).is_ok()
    }
}

const RELAXED_GET: u8 = 1;
const RELAXED_REPLACE: u8 = 2;
const UNRELEASED_REPLACE: u8 = 3;
const RELAXED_FILL: u8 = 4;
const LOOKS_THEN_REPLACES: u8 = 5;
const LOOKS_THEN_FILLS: u8 = 6;

/// The same steps, but for one.
struct Twin<const FLAW: u8> {
    backing: AtomicPtr<AllocatorEntry>,
    frontend: AtomicPtr<AllocatorEntry>,
}

impl<const FLAW: u8> Twin<FLAW> {
    fn get(slot: &AtomicPtr<AllocatorEntry>) -> Option<&'static AllocatorEntry> {
        let order = if FLAW == RELAXED_GET {
            Relaxed
        } else {
            Acquire
        };
        // SAFETY: null, or an entry that lives for ever.
        unsafe { slot.load(order).as_ref() }
    }
}

impl<const FLAW: u8> Slots for Twin<FLAW> {
    fn new(initial: &'static AllocatorEntry) -> Self {
        Self {
            backing: AtomicPtr::new(from_ref(initial).cast_mut()),
            frontend: AtomicPtr::new(null_mut()),
        }
    }

    fn backing(&self) -> &'static AllocatorEntry {
        Self::get(&self.backing).unwrap()
    }

    fn set_backing(&self, entry: &'static AllocatorEntry) -> &'static AllocatorEntry {
        let new = from_ref(entry).cast_mut();
        let old = match FLAW {
            LOOKS_THEN_REPLACES => {
                let old = self.backing.load(Acquire);
                self.backing.store(new, Release); // somebody may have been faster
                old
            }
            RELAXED_REPLACE => self.backing.swap(new, Release),
            UNRELEASED_REPLACE => self.backing.swap(new, Acquire),
            _ => self.backing.swap(new, AcqRel),
        };
        // SAFETY: an entry that lives for ever.
        unsafe { &*old }
    }

    fn frontend(&self) -> Option<&'static AllocatorEntry> {
        Self::get(&self.frontend)
    }

    fn register_frontend(&self, entry: &'static AllocatorEntry) -> bool {
        let new = from_ref(entry).cast_mut();
        if FLAW == LOOKS_THEN_FILLS {
            let free = self.frontend.load(Acquire).is_null();
            if free {
                self.frontend.store(new, Release); // somebody may have been faster
            }
            return free;
        }
        let done = if FLAW == RELAXED_FILL {
            Relaxed
        } else {
            Release
        };
        self.frontend
            .compare_exchange(null_mut(), new, done, Relaxed)
            .is_ok()
    }
}

fn a_backing_found_is_a_backing_whole<S: Slots>() {
    let registry = Arc::new(S::new(entry(1)));
    let writer = thread::spawn({
        let registry = registry.clone();
        move || value(registry.set_backing(entry(2)))
    });
    assert!([1, 2].contains(&value(registry.backing())));
    assert_eq!(writer.join().unwrap(), 1);
    assert_eq!(value(registry.backing()), 2);
}

fn exchanges_lose_no_backing<S: Slots>() {
    let registry = Arc::new(S::new(entry(1)));
    let other = thread::spawn({
        let registry = registry.clone();
        move || value(registry.set_backing(entry(2)))
    });
    let mine = value(registry.set_backing(entry(3)));
    let theirs = other.join().unwrap();
    let mut seen = [mine, theirs, value(registry.backing())];
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3]);
}

fn exactly_one_frontend_is_registered<S: Slots>() {
    let registry = Arc::new(S::new(&FAILING_BACKING));
    let other = thread::spawn({
        let registry = registry.clone();
        move || registry.register_frontend(entry(1))
    });
    let mine = registry.register_frontend(entry(2));
    let found = registry.frontend().map(value);
    let theirs = other.join().unwrap();
    assert!(mine != theirs);
    assert_eq!(found, Some(if mine { 2 } else { 1 }));
}

fn a_frontend_found_is_a_frontend_whole<S: Slots>() {
    let registry = Arc::new(S::new(&FAILING_BACKING));
    let writer = thread::spawn({
        let registry = registry.clone();
        move || assert!(registry.register_frontend(entry(1)))
    });
    assert!([None, Some(1)].contains(&registry.frontend().map(value)));
    writer.join().unwrap();
}

/// One test, because a panic hook is the process's.
#[test]
fn the_registry_passes_every_model_and_each_weakness_fails_its_own() {
    type Sound = Twin<0>; // without a flaw the copy is as good; so what is caught is the flaw
    models! {
        holds a_backing_found_is_a_backing_whole::<Registry>;
        holds exchanges_lose_no_backing::<Registry>;
        holds exactly_one_frontend_is_registered::<Registry>;
        holds a_frontend_found_is_a_frontend_whole::<Registry>;

        holds a_backing_found_is_a_backing_whole::<Sound>;
        holds exchanges_lose_no_backing::<Sound>;
        holds exactly_one_frontend_is_registered::<Sound>;
        holds a_frontend_found_is_a_frontend_whole::<Sound>;

        is_caught a_backing_found_is_a_backing_whole::<Twin<RELAXED_GET>>;
        is_caught a_backing_found_is_a_backing_whole::<Twin<UNRELEASED_REPLACE>>;
        is_caught exchanges_lose_no_backing::<Twin<RELAXED_REPLACE>>;
        is_caught exchanges_lose_no_backing::<Twin<LOOKS_THEN_REPLACES>>;
        is_caught exactly_one_frontend_is_registered::<Twin<LOOKS_THEN_FILLS>>;
        is_caught exactly_one_frontend_is_registered::<Twin<RELAXED_FILL>>;
        is_caught a_frontend_found_is_a_frontend_whole::<Twin<RELAXED_GET>>;
        is_caught a_frontend_found_is_a_frontend_whole::<Twin<RELAXED_FILL>>;
    }
}
