//! A wrapper without state of its own that Python lets go of, under every interleaving: its object takes it if
//! others hold that, and gives it up with the last of them, whatever unattached threads do meanwhile (design
//! section 6); and copies with one weakness each, which the same models must find. `make loom` runs it.
//!
//! The counts and the queue are the real ones; the steps between are those of py-binding's `share`.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "../../object-core/tests/modelled/run.rs"]
mod run;

use std::marker::PhantomData;
use std::sync::Arc; // not loom's, which would order more than the counts do

use loom::sync::Mutex;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use object_core::count::{Counts, Released};
use py_binding::tie::settle::{Queued, SettleQueue, Settling, on_settle};

/// The count is looked at, and the bit set after that.
const LOOKS_FIRST: u8 = 1;
/// It is given up, and still noted as owned.
const KEEPS_OWNED: u8 = 2;

/// The collector does not look at what was given back without a word.
const NO_LOOK: u8 = 3;

/// Which weakness a copy has, and whether the object is busy.
trait Weakness: Send + Sync + 'static {
    const FLAW: u8;
    const BUSY: bool;
}

/// The real protocol with flaw 0.
struct Flaw<const N: u8>;

impl<const N: u8> Weakness for Flaw<N> {
    const FLAW: u8 = N;
    const BUSY: bool = false;
}

/// The same of a busy object.
struct Busy<const N: u8>;

impl<const N: u8> Weakness for Busy<N> {
    const FLAW: u8 = N;
    const BUSY: bool = true;
}

/// What only attached threads touch.
struct Wrapper {
    references: u32,
    owned: bool,
    alive: bool,
}

struct World<F: Weakness> {
    counts: Counts,
    queue: SettleQueue,
    interpreter: Mutex<Wrapper>,
    deaths: AtomicU32,
    flaw: PhantomData<F>,
}

impl<F: Weakness> World<F> {
    /// An object that Python holds once, and `natives` threads; nothing is flagged.
    fn new(natives: u32) -> Arc<Self> {
        let world = Self {
            counts: Counts::one(),
            queue: SettleQueue::new(),
            interpreter: Mutex::new(Wrapper {
                references: 1,
                owned: false,
                alive: true,
            }),
            deaths: AtomicU32::new(0),
            flaw: PhantomData,
        };
        assert!(world.queue.reserve(4));
        for _ in 0..natives {
            // SAFETY: each is given back below.
            assert!(!unsafe { world.counts.inc_strong() });
        }
        Arc::new(world)
    }

    fn released(&self, released: Released) {
        if released != Released::Held {
            self.deaths.fetch_add(1, Relaxed);
        }
    }

    /// A native reference goes, on a thread that is not attached.
    fn drop_reference(&self) {
        // SAFETY: the caller's reference goes, once; the weak reference keeps the space.
        unsafe {
            let released = if F::BUSY {
                self.counts.dec_busy()
            } else {
                self.counts.dec_strong()
            };
            if released != Released::Slow {
                return self.released(released);
            }
            if let Some(released) = self.counts.dec_unless_two() {
                return self.released(released);
            }
            self.counts.inc_weak();
            self.released(self.counts.dec_flagged());
            assert_ne!(self.queue.push(1), Queued::Full);
            let _ = self.counts.dec_weak();
        }
    }

    /// `tp_dealloc`, and what it asks first.
    fn let_go(&self, wrapper: &mut Wrapper) {
        wrapper.references -= 1;
        if wrapper.references > 0 || self.take(wrapper) {
            return;
        }
        wrapper.alive = false;
        // SAFETY: the wrapper's own reference.
        match unsafe { self.counts.dec_strong() } {
            Released::Slow => panic!("a wrapper that nobody owns dies flagged"),
            released => self.released(released),
        }
    }

    /// Whether the object takes the wrapper, whose count is 0.
    fn take(&self, wrapper: &mut Wrapper) -> bool {
        if self.counts.strong() < 2 {
            return false;
        }
        // SAFETY: the models' own functions count.
        let strong = unsafe { self.counts.set_shared() };
        if strong < 2 && F::FLAW != LOOKS_FIRST {
            // SAFETY: nobody depends on it.
            unsafe { self.counts.clear_shared() };
            return false;
        }
        (wrapper.owned, wrapper.references) = (true, 1);
        true
    }

    fn settle(&self, wrapper: &mut Wrapper) {
        if !wrapper.alive || !self.counts.is_shared() {
            return;
        }
        match on_settle(wrapper.owned, self.counts.strong()) {
            Settling::Take => panic!("one that was taken is owned until it is given up"),
            Settling::Give => {
                if F::FLAW != KEEPS_OWNED {
                    wrapper.owned = false;
                }
                // SAFETY: the wrapper's next end is told by `let_go`.
                unsafe { self.counts.clear_shared() };
                self.let_go(wrapper);
            }
            Settling::Nothing => {}
        }
    }

    fn drain(&self) {
        while self.queue.pop().is_some() {
            self.settle(&mut self.interpreter.lock().unwrap());
        }
    }

    /// Attached: fetches the object's live wrapper for a moment, if there is one.
    fn fetch_and_let_go(&self) {
        let mut wrapper = self.interpreter.lock().unwrap();
        if wrapper.alive && wrapper.references > 0 {
            wrapper.references += 1;
            self.let_go(&mut wrapper);
        }
    }

    /// Attached: a collection, of which the wrapper visits what is its own: `py/collect.rs`.
    fn collect(&self) {
        let mut wrapper = self.interpreter.lock().unwrap();
        let alone = wrapper.owned && self.counts.strong() == 1;
        if F::FLAW != NO_LOOK && alone && wrapper.references == 1 {
            self.settle(&mut wrapper);
        }
    }

    /// Everybody is done.
    fn end(&self) {
        self.drain();
        if F::BUSY {
            self.collect();
        }
        let wrapper = self.interpreter.lock().unwrap();
        assert!(!wrapper.alive, "the wrapper outlives everybody");
        assert_eq!((wrapper.references, wrapper.owned), (0, false));
        assert_eq!((self.counts.strong(), self.deaths.load(Relaxed)), (0, 1));
    }
}

/// Python lets go while the only other holder does, on a thread that is not attached.
fn two_let_go<F: Weakness>() {
    let world = World::<F>::new(1);
    let native = thread::spawn({
        let world = world.clone();
        move || world.drop_reference()
    });
    world.let_go(&mut world.interpreter.lock().unwrap());
    world.drain();
    native.join().unwrap();
    world.end();
}

/// As before with two others, and one who fetches the wrapper that was taken, and lets go of it again.
fn three_let_go_and_one_fetches<F: Weakness>() {
    let world = World::<F>::new(2);
    let natives = [(); 2].map(|()| {
        let world = world.clone();
        thread::spawn(move || world.drop_reference())
    });
    world.let_go(&mut world.interpreter.lock().unwrap());
    world.drain();
    world.fetch_and_let_go();
    for native in natives {
        native.join().unwrap();
    }
    world.end();
}

/// One test, because a panic hook is the process's.
#[test]
fn what_is_entrusted_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        holds two_let_go::<Flaw<0>>;
        holds three_let_go_and_one_fetches::<Flaw<0>>;

        holds two_let_go::<Busy<0>>;
        holds three_let_go_and_one_fetches::<Busy<0>>;

        is_caught two_let_go::<Busy<NO_LOOK>>;
        is_caught two_let_go::<Flaw<LOOKS_FIRST>>;
        is_caught three_let_go_and_one_fetches::<Flaw<KEEPS_OWNED>>;
    }
}
