//! Shared life without a GIL under every interleaving: threads that settle, fetch, upgrade, move and let
//! go at once, and a finalizer among them; and copies with one weakness each, which the same models must
//! find. `make loom` runs it. (`settle_loom` is the same with a GIL, where the interpreter is the lock.)
//!
//! The counts, the queue, the word's lock, the tie's doors and the protocol (`tie/share.rs`) are the real
//! ones. What stands around them is `share_model`.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "../../object-core/tests/modelled/run.rs"]
mod run;
mod share_model;

use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::thread;
use py_binding::tie::lock::{Free, Lock, peek};
use py_binding::tie::word::{State, Word, Wrapper};
use py_binding::tie::{release, share};
use share_model::{
    BLIND_TAKE, CLEARS_BLINDLY, DECIDES_EARLY, FORGETS_EARLY, Flaw, IMPATIENT, Kind, LOOKS_EARLY,
    Locked, Model, NO_ARM, NO_LOOK, NO_RESCUE, Native, ONE, SEEN, Sound, face,
};

fn nothing(_: &dyn Fn(Native)) {}

fn address(wrapper: Wrapper) -> usize {
    wrapper.as_ptr().expose_provenance()
}

fn at(address: usize) -> Wrapper {
    NonNull::new(core::ptr::with_exposed_provenance_mut(address)).unwrap()
}

/// One thread drops the last native reference and settles; another, which was lent the object, takes one, and
/// drops it again. Then Python lets go.
fn settle_against_settle<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 1, nothing);
    let other = thread::spawn(move || model.drop_native(true));
    model.take_native(true);
    model.drop_native(true);
    other.join().unwrap();
    model.drop_python(wrapper);
    model.over(1);
}

/// The same, and what was taken is kept: so the wrapper is.
fn what_was_taken_is_kept<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 1, nothing);
    let other = thread::spawn(move || model.drop_native(true));
    model.take_native(true);
    model.drop_python(wrapper);
    other.join().unwrap();
    assert_eq!(peek(&model.body().word).state(), State::Active(wrapper));
    assert!(face(wrapper).count.load(Relaxed) >= ONE, "not owned");
    model.drop_native(true);
    model.over(1);
}

/// Two threads drop a native reference each, and Python has let go.
fn two_drops<K: Kind>() {
    let (model, _) = Model::<K>::watched(0, 2, nothing);
    let other = thread::spawn(move || model.drop_native(true));
    model.drop_native(true);
    other.join().unwrap();
    model.over(1);
}

/// The last native reference goes on a thread that is not attached, while another fetches and lets go.
fn an_unattached_drop_against_a_fetch<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(0, 2, nothing);
    let other = thread::spawn(move || model.drop_native(false));
    let shown = model.wrap(); // with the second reference
    assert_eq!(shown, wrapper);
    model.drain();
    model.drop_python(shown);
    other.join().unwrap();
    model.over(1);
}

/// A thread that is not attached keeps what it was lent. Its call ends while another thread has taken the
/// object off the queue, and the lender lets go: the wrapper is kept, settled or rescued, and `__del__` is not
/// run before it goes.
fn a_drain_against_the_last_python_drop<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    model.take_native(false); // the call
    let other = thread::spawn(move || model.drain());
    model.drop_python(wrapper);
    other.join().unwrap();
    assert_eq!(peek(&model.body().word).state(), State::Active(wrapper));
    model.drop_native(false);
    model.over(1);
}

/// The same, and the reference goes again at once, on another thread.
fn a_rescue_against_a_give_up<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    model.take_native(false);
    let other = thread::spawn(move || model.drop_native(true));
    model.drop_python(wrapper);
    other.join().unwrap();
    model.over(1);
}

/// The same, and another thread fetches with a reference of its own: it gets that very wrapper.
fn a_rescue_against_a_fetch<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    model.take_native(false);
    model.take_native(false);
    let other = thread::spawn(move || address(model.wrap()));
    model.drop_python(wrapper);
    let shown = at(other.join().unwrap());
    assert_eq!(shown, wrapper, "a fresh wrapper: its state is lost");
    model.drop_native(true);
    model.drop_python(shown);
    model.over(1);
}

/// `__del__` hands the object to native code, which another thread drops; somebody upgrades meanwhile.
fn a_del_that_hands_itself_on<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, |native| native(Native::Take));
    let other = thread::spawn(move || {
        if model.upgrade() {
            model.drop_native(true);
        }
    });
    model.drop_python(wrapper);
    other.join().unwrap();
    // It is held now by what `__del__` took, and so is the wrapper.
    assert_eq!(peek(&model.body().word).state(), State::Active(wrapper));
    assert!(face(wrapper).count.load(Relaxed) >= ONE, "not owned");
    model.drop_native(true);
    model.over(1);
}

/// A weak reference becomes strong while Python lets go; what was had keeps the wrapper.
fn an_upgrade_against_the_end<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    let other = thread::spawn(move || {
        if model.upgrade() {
            let shown = model.wrap();
            assert_eq!(address(shown), address(wrapper_of(model)), "two faces");
            model.drop_python(shown);
        }
    });
    model.drop_python(wrapper);
    other.join().unwrap();
    model.over(1);
}

/// The bit is set while another thread drops the other reference of a busy object, and then Python lets go.
fn a_beginning_against_a_busy_drop<K: Kind>() {
    beginning_against_busy_drop::<K>(true);
}

/// The same, and that thread is not attached.
fn a_beginning_against_an_unattached_busy_drop<K: Kind>() {
    beginning_against_busy_drop::<K>(false);
}

fn beginning_against_busy_drop<K: Kind>(attached: bool) {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    let object = model.object();
    // SAFETY: nobody else is there yet.
    unsafe { model.body().counts.clear_shared() };
    model.take_native(true);
    let other = thread::spawn(move || model.drop_busy(attached));
    // SAFETY: alive by our Python reference.
    unsafe { share::begin(&model, wrapper, object) };
    model.drain();
    model.drop_python(wrapper);
    other.join().unwrap();
    model.drain();
    model.collect();
    model.over(1);
}

fn wrapper_of<K: Kind>(model: Model<K>) -> Wrapper {
    match peek(&model.body().word).state() {
        State::Active(wrapper) => wrapper,
        other => panic!("{other:?}"),
    }
}

/// A move empties the wrapper while another thread fetches the object, and so shows it anew; then that
/// one is settled as any other.
fn a_move_against_a_fetch<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 1, nothing);
    let other = thread::spawn(move || {
        let shown = model.wrap(); // with the native reference
        address(shown)
    });
    // SAFETY: alive by our Python reference, not lent.
    let moved = unsafe { release(&model, wrapper) };
    let shown = at(other.join().unwrap());
    let moved = moved.is_some();
    if shown == wrapper {
        // It came first; what it got was emptied under its hands.
        model.drop_python(shown);
        assert!(!model.body().counts.is_shared());
    } else {
        assert!(model.body().counts.is_shared(), "nobody is told any more");
        model.drop_python(shown);
        assert!(face(shown).count.load(Relaxed) >= ONE, "not owned");
    }
    model.drop_python(wrapper);
    if moved {
        model.drop_native(true);
    }
    model.drain();
    let body = model.body();
    assert_eq!(body.deaths.load(SEEN), 1);
    assert_eq!(body.made.load(SEEN), body.freed.load(SEEN));
    model.drop_weak();
}

/// The word is not locked at all.
#[derive(Debug)]
enum Unlocked {}

impl Lock for Unlocked {
    const SHARED: bool = true;

    fn acquire(word: &AtomicUsize) -> Word {
        Word::from_bits(word.load(Acquire))
    }

    fn release(word: &AtomicUsize, was: Word, now: Word) {
        if was != now {
            word.store(now.bits(), loom::sync::atomic::Ordering::Release);
        }
    }
}

/// Giving the lock back orders nothing.
#[derive(Debug)]
enum Relaxing {}

impl Lock for Relaxing {
    const SHARED: bool = true;

    fn acquire(word: &AtomicUsize) -> Word {
        Free::acquire(word)
    }

    fn release(word: &AtomicUsize, _: Word, now: Word) {
        word.store(now.bits(), Relaxed);
    }
}

/// One test, because a panic hook is the process's.
#[test]
fn shared_life_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        holds settle_against_settle::<Sound>;
        holds what_was_taken_is_kept::<Sound>;
        holds two_drops::<Sound>;
        holds an_unattached_drop_against_a_fetch::<Sound>;
        holds a_drain_against_the_last_python_drop::<Sound>;
        holds a_rescue_against_a_give_up::<Sound>;
        holds a_rescue_against_a_fetch::<Sound>;
        holds a_del_that_hands_itself_on::<Sound>;
        holds an_upgrade_against_the_end::<Sound>;
        holds a_move_against_a_fetch::<Sound>;

        holds a_beginning_against_a_busy_drop::<Sound>;
        holds a_beginning_against_an_unattached_busy_drop::<Sound>;

        is_caught a_beginning_against_a_busy_drop::<Flaw<NO_LOOK>>;
        is_caught settle_against_settle::<Locked<Unlocked>>;
        is_caught settle_against_settle::<Locked<Relaxing>>;
        is_caught settle_against_settle::<Flaw<LOOKS_EARLY>>;
        is_caught what_was_taken_is_kept::<Locked<Relaxing>>;
        is_caught two_drops::<Flaw<DECIDES_EARLY>>;
        is_caught an_unattached_drop_against_a_fetch::<Flaw<DECIDES_EARLY>>;
        is_caught an_upgrade_against_the_end::<Flaw<BLIND_TAKE>>;
        is_caught a_del_that_hands_itself_on::<Flaw<NO_ARM>>;
        is_caught a_drain_against_the_last_python_drop::<Flaw<NO_RESCUE>>;
        is_caught a_rescue_against_a_fetch::<Flaw<IMPATIENT>>;
        is_caught a_rescue_against_a_give_up::<Flaw<FORGETS_EARLY>>;
        is_caught a_move_against_a_fetch::<Flaw<CLEARS_BLINDLY>>;
    }
}
