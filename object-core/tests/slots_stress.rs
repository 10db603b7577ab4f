//! Slots that some threads replace while others read them: what a reader gets was put there by
//! somebody and is alive, and when all is done every count is exact.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Drops, Noisy};
use object_core::abi::RawAny;
use object_core::slots::{
    any_slot_load, any_slot_swap, drop_strong, drop_weak, slot_load, slot_store, weak_slot_load,
};
use object_core::{Any, ObjectArc, ObjectHeader, ObjectRef, Str, WeakObjectArc, runtime};

/// `TIEBACK_ROUNDS` changes how often each thread does its part.
fn rounds() -> usize {
    std::env::var("TIEBACK_ROUNDS").map_or(50_000, |text| text.parse().unwrap())
}

/// An object and a slot that is treated as one of its fields.
struct Owned<T> {
    owner: ObjectRef,
    slot: UnsafeCell<T>,
}

// SAFETY: the slot is reached under the owner's lock only.
unsafe impl<T> Sync for Owned<T> {}

impl<T> Owned<T> {
    fn new(slot: T) -> Self {
        Self {
            owner: ObjectArc::new(ObjectHeader::new()),
            slot: UnsafeCell::new(slot),
        }
    }

    fn header(&self) -> &ObjectHeader {
        ObjectArc::header(&self.owner)
    }

    fn owner(&self) -> *mut ObjectHeader {
        ObjectArc::as_ptr(&self.owner).as_ptr()
    }

    fn slot(&self) -> *mut T {
        self.slot.get()
    }
}

/// Runs two writers and two readers; readers go on until the writers are done.
fn race(write: impl Fn(usize) + Sync, read: impl Fn() + Sync) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (write, read, done) = (&write, &read, &done);
        let writers = [0, 1]
            .map(|thread| scope.spawn(move || (0..rounds()).for_each(|i| write(2 * i + thread))));
        let readers = [(); 2].map(|()| {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    read();
                }
            })
        });
        // Joined by hand, which thread checkers understand.
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn object_slots() {
    let (drops, owned) = (Drops::new(), Owned::new(null_mut::<ObjectHeader>()));
    race(
        |_| {
            let new = ObjectArc::into_raw(Noisy::place(&drops)).as_ptr().cast();
            // SAFETY: the owner's slot; the new reference goes in, the old one is ours to drop.
            unsafe { drop_strong(slot_store(owned.header(), owned.slot(), new)) };
            // Notes in the word of the lock that it does, and whoever has that loses the note.
            drop(owned.owner.clone());
        },
        || {
            // SAFETY: as above.
            let Some(seen) = (unsafe { slot_load(owned.header(), owned.slot()) }) else {
                return;
            };
            // SAFETY: a reference of our own, to a Noisy.
            let seen = unsafe { ObjectArc::<Noisy>::from_raw(seen.cast()) };
            assert!(ObjectArc::strong_count(&seen) >= 1);
            assert!(seen.count() < 2 * rounds());
            assert!(ObjectArc::check::<Noisy>(&seen).is_ok());
        },
    );
    assert_eq!(
        drops.count(),
        2 * rounds() - 1,
        "all but the one in the slot"
    );
    // SAFETY: as above; readers gave back what they took.
    unsafe {
        let last = ObjectRef::from_raw(slot_load(owned.header(), owned.slot()).unwrap());
        assert_eq!(
            (ObjectArc::strong_count(&last), ObjectArc::weak_count(&last)),
            (2, 0)
        );
        drop_strong(slot_store(owned.header(), owned.slot(), null_mut()));
        assert_eq!(ObjectArc::strong_count(&last), 1);
    }
    assert_eq!(drops.count(), 2 * rounds());
    assert_eq!(ObjectArc::strong_count(&owned.owner), 1);
}

#[test]
fn weak_slots() {
    let (drops, owned) = (Drops::new(), Owned::new(null_mut::<ObjectHeader>()));
    let kept = Noisy::place(&drops);
    race(
        |i| {
            let short = Noisy::place(&drops);
            let target = if i % 2 == 0 { &short } else { &kept };
            let weak = WeakObjectArc::into_raw(ObjectArc::downgrade(target)).cast();
            // SAFETY: the owner's weak slot, whose references are weak.
            unsafe { drop_weak(slot_store(owned.header(), owned.slot(), weak)) };
        },
        || {
            // SAFETY: as above.
            let Some(seen) = (unsafe { weak_slot_load(owned.header(), owned.slot()) }) else {
                return;
            };
            // SAFETY: a strong reference of our own, to a Noisy.
            let seen = unsafe { ObjectArc::<Noisy>::from_raw(seen.cast()) };
            assert!(ObjectArc::check::<Noisy>(&seen).is_ok());
        },
    );
    // SAFETY: as above.
    unsafe { drop_weak(slot_store(owned.header(), owned.slot(), null_mut())) };
    assert_eq!(drops.count(), 2 * rounds(), "all but the kept one");
    assert_eq!(
        (ObjectArc::strong_count(&kept), ObjectArc::weak_count(&kept)),
        (1, 0)
    );
}

#[test]
fn value_slots() {
    let (drops, owned) = (Drops::new(), Owned::new(RawAny::NONE));
    race(
        |i| {
            let new = match i % 4 {
                0 => Any::from(Noisy::place(&drops)),
                1 => Any::from(i as i64),
                2 => Any::from("short"),
                _ => Any::from(&*"long ".repeat(3 + i % 7)),
            };
            // SAFETY: the owner's slot; both values are owned.
            drop(unsafe {
                Any::from_raw(any_slot_swap(
                    owned.header(),
                    owned.slot(),
                    Any::into_raw(new),
                ))
            });
        },
        || {
            // SAFETY: as above; what is loaded is ours.
            let seen = unsafe { Any::from_raw(any_slot_load(owned.header(), owned.slot())) };
            match seen.get::<Str>() {
                Ok(text) => assert!(
                    *text == *"short" || text.split(' ').all(|one| one == "long" || one.is_empty())
                ),
                Err(_) => assert!(
                    seen.is_none()
                        || seen.get::<i64>().is_ok()
                        || seen.get::<ObjectArc<Noisy>>().is_ok()
                ),
            }
        },
    );
    // SAFETY: as above.
    drop(unsafe { Any::from_raw(any_slot_swap(owned.header(), owned.slot(), RawAny::NONE)) });
    assert_eq!(drops.count(), 2 * rounds() / 4);
}

/// C counts and loads by the runtime table; the numbers come out the same.
#[test]
fn the_tables_functions_are_the_same_ones() {
    let (drops, table) = (Drops::new(), runtime());
    let owned = Owned::new(null_mut::<ObjectHeader>());
    race(
        |_| {
            let new = ObjectArc::into_raw(Noisy::place(&drops))
                .as_ptr()
                .cast::<ObjectHeader>();
            // SAFETY: every reference taken is given back, and the slot is the owner's.
            unsafe {
                (table.inc_ref)(new);
                (table.inc_weak)(new);
                (table.dec_ref)((table.slot_store)(owned.owner(), owned.slot(), new));
                assert_eq!((table.upgrade)(new), 1);
                (table.dec_ref)(new);
                (table.dec_ref)(new);
                (table.dec_weak)(new);
            }
        },
        // SAFETY: null, or a reference of our own.
        || unsafe { (table.dec_ref)((table.slot_load)(owned.owner(), owned.slot())) },
    );
    // SAFETY: as above; null is nothing.
    unsafe {
        (table.dec_ref)((table.slot_store)(owned.owner(), owned.slot(), null_mut()));
        (table.inc_ref)(null_mut());
        (table.inc_weak)(null_mut());
        (table.dec_weak)(null_mut());
        assert_eq!((table.upgrade)(null_mut()), 0);
        let (mut slot, mut out) = (RawAny::int(5), RawAny::NONE);
        (table.any_slot_load)(owned.owner(), &raw mut slot, &raw mut out);
        assert_eq!(out.value.int, 5);
        out = RawAny::int(6);
        (table.any_slot_swap)(owned.owner(), &raw mut slot, &raw mut out);
        assert_eq!((slot.value.int, out.value.int), (6, 5));
    }
    assert_eq!(drops.count(), 2 * rounds());
}
