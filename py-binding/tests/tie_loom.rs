//! The tie under every interleaving (free-threaded builds), and with one weakness at a time, which
//! the same models must find. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p py-binding --no-default-features --release --test tie_loom`.
//!
//! The host is a model: an interpreter's count is an atomic, everything that a wrapper's or an
//! object's memory stands for is a cell that loom watches: touched by two threads without an order
//! between them, or after its end, it fails.

#![cfg(loom)]
#![allow(unsafe_code)]

#[path = "../../object-core/tests/modelled/run.rs"]
#[macro_use]
mod run;
mod tie_model;

use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::thread;
use py_binding::tie::lock::{Free, Lock};
use py_binding::tie::word::Word;
use py_binding::tie::{Adopted, adopt, hit, release};

use tie_model::*;

/// Two threads fetch what has no wrapper.
fn return_against_return<L: Lock + 'static, const FLAW: u8>() {
    let model = Model::<L, FLAW>::new(3);
    let other = thread::spawn(move || model.wrap().as_ptr().addr());
    let here = model.wrap();
    let there = other.join().unwrap();
    assert_eq!(here.as_ptr().addr(), there, "two faces");
    model.drop_python(here);
    model.drop_python(here);
    model.drop_native();
    model.over();
}

/// One thread drops the last Python reference, another fetches; the object lives on.
fn return_against_dealloc<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(3);
    let at = wrapper.as_ptr().expose_provenance();
    let other = thread::spawn(move || {
        let wrapper = NonNull::new(core::ptr::with_exposed_provenance_mut(at)).unwrap();
        model.drop_python(wrapper);
    });
    let here = model.wrap();
    other.join().unwrap();
    model.shows(here);
    model.drop_python(here);
    model.drop_native();
    model.over();
}

/// The same through the fast path.
fn hit_against_dealloc<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(2);
    let at = wrapper.as_ptr().expose_provenance();
    let other = thread::spawn(move || {
        let wrapper = NonNull::new(core::ptr::with_exposed_provenance_mut(at)).unwrap();
        model.drop_python(wrapper);
    });
    // SAFETY: alive by the second reference.
    if let Some(here) = unsafe { hit(&model, &body(model.object).word) } {
        model.shows(here);
        assert_eq!(here, wrapper);
        model.drop_python(here);
    }
    other.join().unwrap();
    model.drop_native();
    model.over();
}

/// Two threads fetch what has kept storage: one revives it.
fn revival_against_revival<L: Lock + 'static, const FLAW: u8>() {
    let (model, kept) = Model::<L, FLAW>::inactive(3);
    let other = thread::spawn(move || model.wrap().as_ptr().addr());
    let here = model.wrap();
    let there = other.join().unwrap();
    assert_eq!(here, kept, "the id changed");
    assert_eq!(kept.as_ptr().addr(), there, "the id changed");
    model.drop_python(here);
    model.drop_python(here);
    model.drop_native();
    model.over();
}

/// A third waits as well.
fn revival_against_a_waiting_third<L: Lock + 'static, const FLAW: u8>() {
    let (model, kept) = Model::<L, FLAW>::inactive(4);
    let one = thread::spawn(move || model.wrap().as_ptr().addr());
    let two = thread::spawn(move || model.wrap().as_ptr().addr());
    let here = model.wrap();
    for other in [one, two] {
        assert_eq!(
            other.join().unwrap(),
            kept.as_ptr().addr(),
            "the id changed"
        );
    }
    assert_eq!(here, kept, "the id changed");
    for _ in 0..3 {
        model.drop_python(here);
    }
    model.drop_native();
    model.over();
}

/// The wrapper goes, and native code lets go: whoever is last frees it all.
fn dealloc_against_the_last_native_drop<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(2);
    let other = thread::spawn(move || model.drop_native());
    model.drop_python(wrapper);
    other.join().unwrap();
    model.over();
}

/// A move against a fetch: the fetch gets the emptied wrapper or a fresh one.
fn move_against_return<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(2);
    let other = thread::spawn(move || {
        let here = model.wrap();
        model.drop_python(here);
    });
    // SAFETY: alive by our Python reference, not lent.
    let object = unsafe { release(&model, wrapper) };
    assert_eq!(object, Some(model.object));
    model.drop_python(wrapper);
    other.join().unwrap();
    model.drop_native();
    model.over();
}

/// A constructor against a fetch: one wrapper shows the object.
fn adopt_against_return<L: Lock + 'static, const FLAW: u8>() {
    let model = Model::<L, FLAW>::new(2);
    let other = thread::spawn(move || model.wrap().as_ptr().addr());
    let mine = model.new_face();
    // SAFETY: new and empty; a reference of the model's.
    let shown = match unsafe { adopt(&model, mine, model.object) } {
        Adopted::Bound => mine,
        Adopted::Other(other) => {
            model.drop_python(mine);
            other
        }
    };
    assert_eq!(shown.as_ptr().addr(), other.join().unwrap(), "two faces");
    model.drop_python(shown);
    model.drop_python(shown);
    model.over();
}

/// Weakness: nothing is locked.
enum NoLock {}

impl Lock for NoLock {
    const SHARED: bool = true;
    fn acquire(word: &AtomicUsize) -> Word {
        Word::from_bits(word.load(Acquire))
    }
    fn release(word: &AtomicUsize, _: Word, now: Word) {
        word.store(now.bits(), Release);
    }
}

/// Weakness: taking the lock orders nothing (`ACQUIRES` false), or giving it back does not.
enum Weak<const ACQUIRES: bool> {}

impl<const ACQUIRES: bool> Lock for Weak<ACQUIRES> {
    const SHARED: bool = true;
    fn acquire(word: &AtomicUsize) -> Word {
        let ordering = if ACQUIRES { Acquire } else { Relaxed };
        loop {
            let seen = Word::from_bits(word.load(Relaxed));
            if !seen.is_locked()
                && word
                    .compare_exchange(seen.bits(), seen.locked().bits(), ordering, Relaxed)
                    .is_ok()
            {
                return seen;
            }
            loom::hint::spin_loop();
        }
    }
    fn release(word: &AtomicUsize, _: Word, now: Word) {
        let ordering = if ACQUIRES { Relaxed } else { Release };
        word.store(now.bits(), ordering);
    }
}

#[test]
fn the_tie_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        within run::waiting();

        holds return_against_return::<Free, SOUND>;
        holds return_against_dealloc::<Free, SOUND>;
        holds hit_against_dealloc::<Free, SOUND>;
        holds revival_against_revival::<Free, SOUND>;
        holds dealloc_against_the_last_native_drop::<Free, SOUND>;
        holds dealloc_against_the_last_native_drop::<Free, ALWAYS_KEEPS>;
        holds dealloc_against_the_last_native_drop::<Free, NEVER_KEEPS>;
        holds return_against_dealloc::<Free, NEVER_KEEPS>;
        holds move_against_return::<Free, SOUND>;
        holds adopt_against_return::<Free, SOUND>;

        is_caught return_against_return::<NoLock, SOUND>;
        is_caught return_against_return::<Weak<true>, SOUND>;
        is_caught return_against_return::<Weak<false>, SOUND>;
        is_caught return_against_dealloc::<NoLock, SOUND>;
        is_caught return_against_dealloc::<Free, BLIND_INCREF>;
        is_caught hit_against_dealloc::<NoLock, NEVER_KEEPS>;
        is_caught hit_against_dealloc::<Weak<true>, NEVER_KEEPS>;
        is_caught hit_against_dealloc::<Weak<false>, NEVER_KEEPS>;
        is_caught hit_against_dealloc::<Free, BLIND_INCREF>;
        is_caught revival_against_revival::<NoLock, SOUND>;
        is_caught revival_against_revival::<Weak<true>, SOUND>;
        is_caught revival_against_revival::<Weak<false>, SOUND>;
        is_caught dealloc_against_the_last_native_drop::<Free, SETTLES_LATE>;
        is_caught dealloc_against_the_last_native_drop::<Free, RELAXED_DROP>;
        is_caught dealloc_against_the_last_native_drop::<Free, LEAVES_STORAGE>;
        is_caught move_against_return::<NoLock, SOUND>;
        is_caught adopt_against_return::<NoLock, SOUND>;
        is_caught revival_against_a_waiting_third::<NoLock, SOUND>;
    }
    // Three that wait give each other the turn without end when more is forced.
    let mut bounds = run::waiting();
    bounds.preemption_bound = Some(1);
    models! {
        within bounds;
        holds revival_against_a_waiting_third::<Free, SOUND>;
    }
}
