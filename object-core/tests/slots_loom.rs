//! The slot lock under every interleaving: a reference read while another thread replaces and drops
//! it, which is hazard 11. And copies with one weakness each, which the same models must find.
//! `make loom` runs it.
//!
//! Lock and counts are the real ones. What stands between them, of `slot_load`, `weak_slot_load`
//! and `slot_store`, is written here once more, line by line, over a slot that loom can watch.

#![cfg(loom)]
#![allow(unsafe_code)]

mod modelled;
#[macro_use]
#[path = "modelled/run.rs"]
mod run;

use std::sync::Arc; // not loom's, which would order more than the lock does

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::thread;
use modelled::{Shared, object};
use object_core::bits::Bits;
use object_core::count::{Counts, Taken};

/// The word that holds the lock's bit.
trait Lock: Send + Sync + 'static {
    const FLAW: u8;
    fn new() -> Self;
    fn lock(&self) -> u32;
    fn unlock(&self, bits: u32);
    fn set(&self, bits: u32);
    fn get(&self) -> u32;
}

impl Lock for Bits {
    const FLAW: u8 = 0;
    fn new() -> Self {
        Bits::new(0)
    }
    fn lock(&self) -> u32 {
        Bits::lock(self)
    }
    fn unlock(&self, bits: u32) {
        Bits::unlock(self, bits);
    }
    fn set(&self, bits: u32) {
        Bits::set(self, bits);
    }
    fn get(&self) -> u32 {
        Bits::get(self)
    }
}

const RELAXED_LOCK: u8 = 1;
const RELAXED_UNLOCK: u8 = 2;
const TORN_SET: u8 = 3;
const UNLOCKED_LOAD: u8 = 4;
const EARLY_UNLOCK: u8 = 5;
const NO_WEAK_BETWEEN: u8 = 6;
const BLIND_TEST: u8 = 7;
const UNLOCKED_SET: u8 = 8;

/// The same steps, but for one.
struct Twin<const FLAW: u8>(AtomicU32);

const LOCKED: u32 = 2;

impl<const FLAW: u8> Lock for Twin<FLAW> {
    const FLAW: u8 = FLAW;

    fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn lock(&self) -> u32 {
        let order = if FLAW == RELAXED_LOCK {
            Relaxed
        } else {
            Acquire
        };
        loop {
            let seen = self.0.load(Relaxed);
            if seen & LOCKED != 0 {
                thread::yield_now();
            } else if FLAW == BLIND_TEST {
                return self.0.fetch_or(LOCKED, order) & !LOCKED; // somebody may have been faster
            } else if self
                .0
                .compare_exchange_weak(seen, seen | LOCKED, order, Relaxed)
                .is_ok()
            {
                return seen;
            }
        }
    }

    fn unlock(&self, bits: u32) {
        let order = if FLAW == RELAXED_UNLOCK {
            Relaxed
        } else {
            Release
        };
        self.0.store(bits, order);
    }

    fn set(&self, bits: u32) {
        match FLAW {
            TORN_SET => {
                let old = self.0.load(Relaxed);
                self.0.store(old | bits, Relaxed); // the lock may have been taken or given back
            }
            // Without the lock: its holder writes the bits that were there before.
            UNLOCKED_SET => {
                self.0.fetch_or(bits, Relaxed);
            }
            _ => {
                let old = self.lock();
                self.unlock(old | bits);
            }
        }
    }

    fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

type Target = Shared<Counts>;

/// An object's lock and one of its slots.
struct Owner<L> {
    lock: L,
    slot: UnsafeCell<Option<Target>>,
}

/// As `slots::Locked`.
struct Locked<'a, L: Lock>(&'a L, u32);

impl<'a, L: Lock> Locked<'a, L> {
    fn new(lock: &'a L) -> Self {
        Self(lock, lock.lock())
    }
}

impl<L: Lock> Drop for Locked<'_, L> {
    fn drop(&mut self) {
        self.0.unlock(self.1);
    }
}

impl<L: Lock> Owner<L> {
    fn new(slot: &Target) -> Arc<Self> {
        Arc::new(Self {
            lock: L::new(),
            slot: UnsafeCell::new(Some(slot.clone())),
        })
    }

    fn look(&self) -> Option<Target> {
        // SAFETY: loom panics if somebody may write meanwhile. (A std Arc orders nothing there.)
        self.slot.with(|slot| unsafe { (*slot).clone() })
    }

    /// As `slots::upgrade_unlocked`.
    fn upgrade_unlocked(locked: Locked<'_, L>, object: &Target) -> bool {
        if L::FLAW != NO_WEAK_BETWEEN {
            object.take_weak();
        }
        drop(locked);
        // A read of the space, as the upgrade's is: loom is told of it.
        object.touch_space();
        let alive = object.upgrade();
        if L::FLAW != NO_WEAK_BETWEEN {
            object.drop_weak();
        }
        alive
    }

    /// As `slots::slot_load`; no wrapper, so that there is nothing to settle.
    fn load(&self) -> Option<Target> {
        if L::FLAW == UNLOCKED_LOAD {
            return self.look().map(|object| object.clone_strong());
        }
        let locked = Locked::new(&self.lock);
        let object = self.look()?;
        if L::FLAW == EARLY_UNLOCK {
            drop(locked);
            return Some(object.clone_strong());
        }
        let counted = object.clone_strong();
        drop(locked);
        Some(counted)
    }

    /// As `slots::weak_slot_load`.
    fn load_weak(&self) -> Option<Target> {
        let mut locked = Some(Locked::new(&self.lock));
        let object = self.look()?;
        if L::FLAW == EARLY_UNLOCK {
            locked = None;
            // A read of the space, as the upgrade's is: loom is told of it.
            object.touch_space();
        }
        // SAFETY: the slot owns a weak reference.
        let alive = match unsafe { object.counts.upgrade() } {
            Taken::Counted => true,
            Taken::Dead => false,
            Taken::Slow => locked.is_some_and(|locked| Self::upgrade_unlocked(locked, &object)),
        };
        alive.then_some(object)
    }

    /// As `slots::slot_store`.
    fn store(&self, new: Option<Target>) -> Option<Target> {
        let _locked = Locked::new(&self.lock);
        // SAFETY: as in `look`.
        self.slot
            .with_mut(|slot| unsafe { std::mem::replace(&mut *slot, new) })
    }
}

/// Hazard 11: old value or new one, alive; and at the end nobody is left over.
fn a_load_races_a_store_that_drops<L: Lock>() {
    let (old, new) = (object::<Counts>(), object::<Counts>());
    let owner = Owner::<L>::new(&old);
    let (theirs, next) = (owner.clone(), new.clone());
    let writer = thread::spawn(move || theirs.store(Some(next)).unwrap().drop_strong());
    let seen = owner.load().unwrap();
    seen.look();
    assert!(Arc::ptr_eq(&seen, &old) || Arc::ptr_eq(&seen, &new));
    seen.drop_strong();
    writer.join().unwrap();
    owner.store(None).unwrap().drop_strong();
    old.ended();
    new.ended();
}

fn two_stores_race<L: Lock>() {
    let [old, one, other] = [(); 3].map(|()| object::<Counts>());
    let owner = Owner::<L>::new(&old);
    let (theirs, next) = (owner.clone(), one.clone());
    let writer = thread::spawn(move || theirs.store(Some(next)).unwrap().drop_strong());
    owner.store(Some(other.clone())).unwrap().drop_strong();
    writer.join().unwrap();
    owner.store(None).unwrap().drop_strong();
    [old, one, other].iter().for_each(|object| object.ended());
}

/// The slot is weak; the object dies, and the slot is emptied, while somebody reads it.
fn a_weak_load_races_the_end<L: Lock>() {
    weak_load_races_the_end::<L>(&object());
}

fn weak_load_races_the_end<L: Lock>(strong: &Target) {
    strong.take_weak();
    let owner = Owner::<L>::new(strong);
    let theirs = owner.clone();
    let reader = thread::spawn(move || {
        if let Some(seen) = theirs.load_weak() {
            seen.look();
            seen.drop_strong();
        }
    });
    strong.drop_strong();
    owner.store(None).unwrap().drop_weak();
    reader.join().unwrap();
    strong.ended();
}

/// The slot is weak, and the runtime counts: outside of the lock, so that another weak reference has to
/// bridge the gap.
fn a_weak_load_of_a_flagged_object_races_the_end<L: Lock>() {
    let strong = object::<Counts>();
    // SAFETY: the model's slow functions count it.
    unsafe { strong.counts.set_shared() };
    weak_load_races_the_end::<L>(&strong);
}

/// A frontend sets a bit of its own while others hold the lock.
fn other_bits_leave_the_lock_alone<L: Lock>() {
    const MINE: u32 = 1 << 16;
    let old = object::<Counts>();
    let owner = Owner::<L>::new(&old);
    let theirs = owner.clone();
    let frontend = thread::spawn(move || theirs.lock.set(MINE));
    let seen = owner.load().unwrap();
    frontend.join().unwrap();
    seen.drop_strong();
    assert_eq!(owner.lock.get(), MINE, "free, and the bit is there");
    owner.store(None).unwrap().drop_strong();
    old.ended();
}

/// One test, because a panic hook is the process's.
#[test]
fn the_slot_lock_passes_every_model_and_each_weakness_fails_its_own() {
    type Sound = Twin<0>; // without a flaw the copy is as good; so what is caught is the flaw
    models! {
        holds a_load_races_a_store_that_drops::<Bits>;
        holds two_stores_race::<Bits>;
        holds a_weak_load_races_the_end::<Bits>;
        holds a_weak_load_of_a_flagged_object_races_the_end::<Bits>;
        holds other_bits_leave_the_lock_alone::<Bits>;

        holds a_load_races_a_store_that_drops::<Sound>;
        holds two_stores_race::<Sound>;
        holds a_weak_load_races_the_end::<Sound>;
        holds a_weak_load_of_a_flagged_object_races_the_end::<Sound>;
        holds other_bits_leave_the_lock_alone::<Sound>;

        is_caught a_load_races_a_store_that_drops::<Twin<RELAXED_LOCK>>;
        is_caught a_load_races_a_store_that_drops::<Twin<RELAXED_UNLOCK>>;
        is_caught a_load_races_a_store_that_drops::<Twin<UNLOCKED_LOAD>>;
        is_caught a_load_races_a_store_that_drops::<Twin<EARLY_UNLOCK>>;
        is_caught two_stores_race::<Twin<RELAXED_LOCK>>;
        is_caught two_stores_race::<Twin<BLIND_TEST>>;
        is_caught a_weak_load_races_the_end::<Twin<EARLY_UNLOCK>>;
        is_caught a_weak_load_races_the_end::<Twin<RELAXED_UNLOCK>>;
        is_caught a_weak_load_of_a_flagged_object_races_the_end::<Twin<NO_WEAK_BETWEEN>>;
        is_caught other_bits_leave_the_lock_alone::<Twin<TORN_SET>>;
        is_caught other_bits_leave_the_lock_alone::<Twin<UNLOCKED_SET>>;
    }
}
