//! The registry's two slots under every interleaving. Run with
//! `RUSTFLAGS="--cfg loom" cargo test --release --test registry_loom`.

#![cfg(loom)]
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;

use alloc_header::{AllocatorEntry, FAILING_BACKING, Registry};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, Ordering};
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

#[test]
fn a_backing_found_is_a_backing_whole() {
    loom::model(|| {
        let registry = Arc::new(Registry::new(entry(1)));
        let writer = thread::spawn({
            let registry = registry.clone();
            move || value(registry.set_backing(entry(2)))
        });
        assert!([1, 2].contains(&value(registry.backing())));
        assert_eq!(writer.join().unwrap(), 1);
        assert_eq!(value(registry.backing()), 2);
    });
}

#[test]
fn exchanges_lose_no_backing() {
    loom::model(|| {
        let registry = Arc::new(Registry::new(entry(1)));
        let other = thread::spawn({
            let registry = registry.clone();
            move || value(registry.set_backing(entry(2)))
        });
        let mine = value(registry.set_backing(entry(3)));
        let theirs = other.join().unwrap();
        let mut seen = [mine, theirs, value(registry.backing())];
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    });
}

#[test]
fn exactly_one_frontend_is_registered() {
    loom::model(|| {
        let registry = Arc::new(Registry::new(&FAILING_BACKING));
        let other = thread::spawn({
            let registry = registry.clone();
            move || registry.register_frontend(entry(1)).is_ok()
        });
        let mine = registry.register_frontend(entry(2)).is_ok();
        let found = registry.frontend().map(value);
        let theirs = other.join().unwrap();
        assert!(mine != theirs);
        assert_eq!(found, Some(if mine { 2 } else { 1 }));
    });
}

#[test]
fn a_frontend_found_is_a_frontend_whole() {
    loom::model(|| {
        let registry = Arc::new(Registry::new(&FAILING_BACKING));
        let writer = thread::spawn({
            let registry = registry.clone();
            move || registry.register_frontend(entry(1)).unwrap()
        });
        assert!([None, Some(1)].contains(&registry.frontend().map(value)));
        writer.join().unwrap();
    });
}

/// The slot's protocol with its release taken away: the model must see the race.
#[test]
#[should_panic(expected = "Causality violation")]
fn twin_without_release_is_a_race() {
    loom::model(|| {
        let slot = Arc::new(AtomicPtr::new(ptr::null_mut::<AllocatorEntry>()));
        let writer = thread::spawn({
            let slot = slot.clone();
            move || slot.store(ptr::from_ref(entry(1)).cast_mut(), Ordering::Relaxed)
        });
        // SAFETY: null, or an entry that lives for ever.
        let found = unsafe { slot.load(Ordering::Acquire).as_ref() };
        assert!([None, Some(1)].contains(&found.map(value)));
        writer.join().unwrap();
    });
}
