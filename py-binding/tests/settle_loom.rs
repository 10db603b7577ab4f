//! Shared life under every interleaving: a wrapper and its object, which an unattached thread takes and
//! drops references to while attached code lets go, takes, and drains (design section 6); and copies with
//! one weakness each, which the same models must find. `make loom` runs it.
//!
//! The counts and the queue are the real ones. The interpreter is a lock around what only attached threads
//! touch; the steps between are those of object-core's `sharing` and py-binding's `share`.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "../../object-core/tests/modelled/run.rs"]
mod run;

use std::marker::PhantomData;
use std::sync::Arc; // not loom's, which would order more than the counts do

use loom::sync::Mutex;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::thread;
use object_core::count::{Counts, Released, Taken};
use py_binding::tie::settle::{Queued, SettleQueue, Settling, on_settle};

/// What was told decides, not the level.
const BELIEVES: u8 = 1;
/// The note that it waits goes after it was settled.
const UNMARKS_LATE: u8 = 2;
/// It is queued before its count has changed.
const QUEUES_EARLY: u8 = 3;
/// The call returns without a drain.
const LETS_GO_UNSETTLED: u8 = 4;
/// An upgrade from 1 does not ask for the wrapper.
const UPGRADES_BLINDLY: u8 = 5;

/// A move lets the wrapper go before the word has.
const EMPTIES_LATE: u8 = 6;

/// The collector does not look at what was given back without a word.
const NO_LOOK: u8 = 7;

/// Which weakness a copy has.
trait Weakness: Send + Sync + 'static {
    const FLAW: u8;
}

/// The real protocol with flaw 0.
struct Flaw<const N: u8>;

impl<const N: u8> Weakness for Flaw<N> {
    const FLAW: u8 = N;
}

/// What only attached threads touch.
struct Wrapper {
    references: u32,
    owned: bool,
    alive: bool,
    /// The word names it, and it owns a reference.
    full: bool,
}

struct World<F: Weakness> {
    counts: Counts,
    /// A note of the one weakness, beside the queue's own.
    waits: AtomicBool,
    queue: SettleQueue,
    interpreter: Mutex<Wrapper>,
    deaths: AtomicU32,
    flaw: PhantomData<F>,
}

impl<F: Weakness> World<F> {
    /// An object that Python holds by `references`, and `natives` threads.
    fn new(references: u32, natives: u32) -> Arc<Self> {
        let world = Self {
            counts: Counts::one(),
            waits: AtomicBool::new(false),
            queue: SettleQueue::new(),
            interpreter: Mutex::new(Wrapper {
                references: references + u32::from(natives > 0),
                owned: natives > 0,
                alive: true,
                full: true,
            }),
            deaths: AtomicU32::new(0),
            flaw: PhantomData,
        };
        assert!(world.queue.reserve(4));
        // SAFETY: each is given back below; the models' own functions count.
        unsafe {
            for _ in 0..natives {
                assert!(!world.counts.inc_strong());
            }
            world.counts.set_shared();
        }
        Arc::new(world)
    }

    /// A busy object that Python holds once, and one thread; nothing is flagged yet.
    fn unflagged() -> Arc<Self> {
        let world = Self::new(1, 0);
        // SAFETY: given back below; nobody else is there.
        unsafe {
            world.counts.clear_shared();
            assert!(!world.counts.inc_strong());
        }
        world
    }

    fn died(&self) {
        self.deaths.fetch_add(1, Relaxed);
    }

    /// A decrement of a thread that may not be attached: object-core's `slow_dec`.
    fn drop_reference(&self, attached: Option<&mut Wrapper>) {
        // SAFETY: the caller's reference goes, once; the weak reference keeps the space.
        unsafe {
            if let Some(released) = self.counts.dec_unless_two() {
                if released != Released::Held {
                    self.died();
                }
                return;
            }
            self.counts.inc_weak();
            let early = F::FLAW == QUEUES_EARLY && attached.is_none();
            if early {
                self.leave();
                self.counts.inc_weak();
            }
            if self.counts.dec_flagged() != Released::Held {
                self.died();
            }
            if !early {
                self.told(attached, Settling::Give);
            }
            let _ = self.counts.dec_weak();
        }
    }

    /// A decrement of a busy object, by a thread that is not attached.
    fn drop_busy(&self) {
        // SAFETY: the caller's reference goes, once.
        match unsafe { self.counts.dec_busy() } {
            Released::Held => {}
            Released::Slow => self.drop_reference(None),
            Released::Body | Released::Both => self.died(),
        }
    }

    /// An increment: arithmetic, and `count_settle` after it.
    fn take_reference(&self, attached: Option<&mut Wrapper>) {
        // SAFETY: the caller has borrowed the object, or owns a reference.
        if unsafe { self.counts.inc_strong() } {
            // SAFETY: as above.
            unsafe { self.counts.inc_weak() };
            self.told(attached, Settling::Take);
            // SAFETY: just taken.
            let _ = unsafe { self.counts.dec_weak() };
        }
    }

    fn told(&self, attached: Option<&mut Wrapper>, what: Settling) {
        match attached {
            Some(wrapper) if F::FLAW == BELIEVES => self.act(wrapper, what),
            Some(wrapper) => self.settle(wrapper),
            None => self.leave(),
        }
    }

    fn leave(&self) {
        if F::FLAW != UNMARKS_LATE || !self.waits.swap(true, Relaxed) {
            assert_ne!(self.queue.push(1), Queued::Full);
        }
    }

    fn settle(&self, wrapper: &mut Wrapper) {
        if wrapper.alive && wrapper.full {
            self.act(wrapper, on_settle(wrapper.owned, self.counts.strong()));
        }
    }

    fn act(&self, wrapper: &mut Wrapper, what: Settling) {
        match what {
            Settling::Take => {
                assert!(!wrapper.owned, "taken twice");
                wrapper.owned = true;
                wrapper.references += 1;
            }
            Settling::Give => {
                assert!(wrapper.owned, "given up twice");
                wrapper.owned = false;
                self.let_go(wrapper);
            }
            Settling::Nothing => {}
        }
    }

    /// A Python reference goes, and with the last one the wrapper and its reference.
    fn let_go(&self, wrapper: &mut Wrapper) {
        wrapper.references -= 1;
        if wrapper.references == 0 && !wrapper.full {
            wrapper.alive = false;
        } else if wrapper.references == 0 {
            assert_eq!(
                self.counts.strong(),
                1,
                "the wrapper dies though others hold the object"
            );
            wrapper.alive = false;
            // SAFETY: the wrapper's own reference.
            if unsafe { self.counts.dec_flagged() } != Released::Held {
                self.died();
            }
        }
    }

    /// The wrapper's reference becomes the caller's: py-binding's `release` and `end`.
    fn move_out(&self) {
        let give_up = |wrapper: &mut Wrapper| {
            // SAFETY: from here on nobody depends on being told.
            unsafe { self.counts.clear_shared() };
            if wrapper.owned {
                self.act(wrapper, Settling::Give);
            }
        };
        if F::FLAW == EMPTIES_LATE {
            give_up(&mut self.interpreter.lock().unwrap());
            self.interpreter.lock().unwrap().full = false;
            return;
        }
        let mut wrapper = self.interpreter.lock().unwrap();
        wrapper.full = false;
        give_up(&mut wrapper);
    }

    fn drain(&self, wrapper: &mut Wrapper) {
        while self.queue.pop().is_some() {
            self.settle(wrapper);
            if F::FLAW == UNMARKS_LATE {
                self.waits.store(false, Relaxed);
            }
        }
    }

    /// object-core's `slow_upgrade`, and the frontend's part of it.
    fn upgrade(&self) -> bool {
        // SAFETY: the models' weak reference, held to the end.
        unsafe {
            if F::FLAW == UPGRADES_BLINDLY {
                return self.counts.upgrade_flagged() == Taken::Counted;
            }
            match self.counts.upgrade_unless_one() {
                Some(taken) => taken == Taken::Counted,
                None => {
                    let mut wrapper = self.interpreter.lock().unwrap();
                    if wrapper.references == 0 {
                        return false;
                    }
                    wrapper.references += 1;
                    let alive = self.counts.upgrade_flagged() == Taken::Counted;
                    self.settle(&mut wrapper);
                    self.let_go(&mut wrapper);
                    alive
                }
            }
        }
    }

    /// A collection, of which the wrapper visits what is its own: `py/collect.rs`.
    fn collect(&self, wrapper: &mut Wrapper) {
        let alone = wrapper.owned && self.counts.strong() == 1;
        if F::FLAW != NO_LOOK && alone && wrapper.references == 1 {
            self.settle(wrapper);
        }
    }

    /// Everybody is done: what waits is settled, and then there is nothing.
    fn end(&self) {
        let mut wrapper = self.interpreter.lock().unwrap();
        self.drain(&mut wrapper);
        assert!(!wrapper.alive, "the wrapper outlives everybody");
        assert_eq!((wrapper.references, wrapper.owned), (0, false));
        assert_eq!((self.counts.strong(), self.deaths.load(Relaxed)), (0, 1));
    }
}

/// An unattached thread drops the last native reference while Python clones, drops, and lets go.
fn a_drop_races_a_take<F: Weakness>() {
    let world = World::<F>::new(1, 1);
    let native = thread::spawn({
        let world = world.clone();
        move || world.drop_reference(None)
    });
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.take_reference(Some(&mut wrapper));
    }
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drop_reference(Some(&mut wrapper));
        world.drain(&mut wrapper);
        world.let_go(&mut wrapper);
    }
    native.join().unwrap();
    world.end();
}

/// Two unattached threads, each with a reference of its own, drop them.
fn two_drops_race_a_drain<F: Weakness>() {
    let world = World::<F>::new(0, 2);
    let natives = [(); 2].map(|()| {
        let world = world.clone();
        thread::spawn(move || world.drop_reference(None))
    });
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
    }
    for native in natives {
        native.join().unwrap();
    }
    world.end();
}

/// A call that releases the interpreter keeps what it was lent, and drops it later; the lender lets go.
fn a_loan_is_kept<F: Weakness>() {
    let world = World::<F>::new(1, 0);
    let call = thread::spawn({
        let world = world.clone();
        move || world.take_reference(None)
    });
    {
        // Somebody else is attached meanwhile.
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
    }
    call.join().unwrap(); // it returns
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        if F::FLAW != LETS_GO_UNSETTLED {
            world.drain(&mut wrapper);
        }
        world.let_go(&mut wrapper);
    }
    world.drop_reference(None);
    world.end();
}

/// A call that was lent the object crosses the level to and fro, while somebody else drains.
fn a_loan_comes_and_goes<F: Weakness>() {
    let world = World::<F>::new(1, 1);
    let call = thread::spawn({
        let world = world.clone();
        move || {
            world.drop_reference(None);
            world.take_reference(None);
            world.drop_reference(None);
        }
    });
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
    }
    call.join().unwrap();
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
        world.let_go(&mut wrapper);
    }
    world.end();
}

/// A weak reference becomes strong while the last native one goes and Python lets go.
fn an_upgrade_races_the_end<F: Weakness>() {
    let world = World::<F>::new(1, 0);
    // SAFETY: given back at the end of the model, with it.
    unsafe { world.counts.inc_weak() };
    let native = thread::spawn({
        let world = world.clone();
        move || {
            if world.upgrade() {
                world.drop_reference(None);
            }
        }
    });
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
        world.let_go(&mut wrapper);
    }
    native.join().unwrap();
    world.end();
}

/// The object is moved out of its wrapper while an unattached thread drops the other reference, and somebody
/// settles late.
fn a_move_races_a_drop<F: Weakness>() {
    let world = World::<F>::new(1, 1);
    let native = thread::spawn({
        let world = world.clone();
        move || world.drop_reference(None)
    });
    let late = thread::spawn({
        let world = world.clone();
        move || world.settle(&mut world.interpreter.lock().unwrap())
    });
    world.move_out();
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.let_go(&mut wrapper);
    }
    world.drop_reference(None); // who was handed it
    native.join().unwrap();
    late.join().unwrap();
    world.end();
}

/// The bit is set while an unattached thread drops the other reference of a busy object.
fn a_beginning_races_a_busy_drop<F: Weakness>() {
    let world = World::<F>::unflagged();
    let native = thread::spawn({
        let world = world.clone();
        move || world.drop_busy()
    });
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        // SAFETY: the models' own functions count.
        unsafe { world.counts.set_shared() };
        world.settle(&mut wrapper);
    }
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
        world.let_go(&mut wrapper);
    }
    native.join().unwrap();
    {
        let mut wrapper = world.interpreter.lock().unwrap();
        world.drain(&mut wrapper);
        world.collect(&mut wrapper);
    }
    world.end();
}

/// One test, because a panic hook is the process's.
#[test]
fn shared_life_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        holds a_drop_races_a_take::<Flaw<0>>;
        holds two_drops_race_a_drain::<Flaw<0>>;
        holds a_loan_is_kept::<Flaw<0>>;
        holds a_loan_comes_and_goes::<Flaw<0>>;
        holds an_upgrade_races_the_end::<Flaw<0>>;
        holds a_move_races_a_drop::<Flaw<0>>;

        holds a_beginning_races_a_busy_drop::<Flaw<0>>;

        is_caught a_beginning_races_a_busy_drop::<Flaw<NO_LOOK>>;
        is_caught a_drop_races_a_take::<Flaw<BELIEVES>>;
        is_caught two_drops_race_a_drain::<Flaw<QUEUES_EARLY>>;
        is_caught a_loan_comes_and_goes::<Flaw<UNMARKS_LATE>>;
        is_caught a_loan_is_kept::<Flaw<LETS_GO_UNSETTLED>>;
        is_caught an_upgrade_races_the_end::<Flaw<UPGRADES_BLINDLY>>;
        is_caught a_move_races_a_drop::<Flaw<EMPTIES_LATE>>;
    }
}
