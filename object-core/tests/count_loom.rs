//! The counts under every interleaving, and copies of them with one weakness each, which the same
//! models must find. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p object-core --release --test count_loom`.

#![cfg(loom)]
#![allow(unsafe_code)]

use std::sync::Arc; // not loom's, which would order more than the counts do
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;
use object_core::count::{Counts, Released, Taken};

/// What handles do to a count.
trait Words: Send + Sync + 'static {
    fn one() -> Self;
    fn inc(&self) -> Taken;
    fn dec(&self) -> Released;
    fn upgrade(&self) -> Taken;
    fn inc_weak(&self);
    fn dec_weak(&self) -> bool;
    fn is_unique(&self) -> bool;
    fn set_shared(&self);
    fn strong(&self) -> u32;
}

// The models below hold the references they say they hold.
impl Words for Counts {
    fn one() -> Self {
        Counts::one()
    }
    fn inc(&self) -> Taken {
        // SAFETY: see above.
        unsafe { self.inc_strong() }
    }
    fn dec(&self) -> Released {
        // SAFETY: see above.
        unsafe { self.dec_strong() }
    }
    fn upgrade(&self) -> Taken {
        // SAFETY: see above.
        unsafe { Counts::upgrade(self) }
    }
    fn inc_weak(&self) {
        // SAFETY: see above.
        unsafe { Counts::inc_weak(self) };
    }
    fn dec_weak(&self) -> bool {
        // SAFETY: see above.
        unsafe { Counts::dec_weak(self) }
    }
    fn is_unique(&self) -> bool {
        Counts::is_unique(self)
    }
    fn set_shared(&self) {
        // SAFETY: see above.
        unsafe { Counts::set_shared(self) };
    }
    fn strong(&self) -> u32 {
        Counts::strong(self)
    }
}

const RELAXED_DEC: u8 = 1;
const RELAXED_WEAK_DEC: u8 = 2;
const NO_ACQUIRE: u8 = 3;
const BLIND_UPGRADE: u8 = 4;
const RELAXED_UNIQUE: u8 = 5;
const BLIND_INC: u8 = 6;
const FORGETS_WEAK: u8 = 7;

/// The same steps, but for one.
struct Twin<const FLAW: u8>(AtomicU64);

const WEAK: u64 = 1 << 32;
const SHARED: u64 = 1 << 63;

impl<const FLAW: u8> Twin<FLAW> {
    fn acquire(&self) {
        if FLAW != NO_ACQUIRE {
            fence(Acquire);
        }
    }
}

impl<const FLAW: u8> Words for Twin<FLAW> {
    fn one() -> Self {
        Self(AtomicU64::new(1 + WEAK))
    }

    fn inc(&self) -> Taken {
        if FLAW == BLIND_INC {
            if self.0.load(Relaxed) & SHARED != 0 {
                return Taken::Slow;
            }
            self.0.fetch_add(1, Relaxed); // the bit may be set by now
            return Taken::Counted;
        }
        let mut old = self.0.load(Relaxed);
        while old & SHARED == 0 {
            match self.0.compare_exchange(old, old + 1, Relaxed, Relaxed) {
                Ok(_) => return Taken::Counted,
                Err(now) => old = now,
            }
        }
        Taken::Slow
    }

    fn dec(&self) -> Released {
        let order = if FLAW == RELAXED_DEC {
            Relaxed
        } else {
            Release
        };
        let mut old = self.0.load(Relaxed);
        while old & SHARED == 0 {
            if old == 1 + WEAK || (FLAW == FORGETS_WEAK && old as u32 == 1) {
                self.acquire();
                self.0.store(0, Relaxed);
                return Released::Both;
            }
            match self.0.compare_exchange(old, old - 1, order, Relaxed) {
                Ok(_) if old as u32 > 1 => return Released::Held,
                Ok(_) => {
                    self.acquire();
                    return Released::Body;
                }
                Err(now) => old = now,
            }
        }
        Released::Slow
    }

    fn upgrade(&self) -> Taken {
        let mut old = self.0.load(Relaxed);
        loop {
            if old as u32 == 0 {
                return Taken::Dead;
            }
            if FLAW == BLIND_UPGRADE {
                self.0.fetch_add(1, Acquire); // it may be dead by now
                return Taken::Counted;
            }
            match self.0.compare_exchange(old, old + 1, Acquire, Relaxed) {
                Ok(_) => return Taken::Counted,
                Err(now) => old = now,
            }
        }
    }

    fn inc_weak(&self) {
        self.0.fetch_add(WEAK, Relaxed);
    }

    fn dec_weak(&self) -> bool {
        let order = if FLAW == RELAXED_WEAK_DEC {
            Relaxed
        } else {
            Release
        };
        if self.0.load(Relaxed) != WEAK && self.0.fetch_sub(WEAK, order) != WEAK {
            return false;
        }
        self.acquire();
        true
    }

    fn is_unique(&self) -> bool {
        self.0.load(if FLAW == RELAXED_UNIQUE {
            Relaxed
        } else {
            Acquire
        }) == 1 + WEAK
    }

    fn set_shared(&self) {
        self.0.fetch_or(SHARED, Relaxed);
    }

    fn strong(&self) -> u32 {
        self.0.load(Relaxed) as u32
    }
}

/// An object: loom sees who reads its parts and who ends them.
struct Object<C> {
    counts: C,
    body: UnsafeCell<bool>,
    space: UnsafeCell<bool>,
}

type Shared<C> = Arc<Object<C>>;

fn object<C: Words>() -> Shared<C> {
    Arc::new(Object {
        counts: C::one(),
        body: UnsafeCell::new(true),
        space: UnsafeCell::new(true),
    })
}

impl<C: Words> Object<C> {
    /// A read by who holds a strong reference.
    fn look(&self) {
        // SAFETY: loom panics if it may coincide with the end.
        assert!(
            self.body.with(|alive| unsafe { *alive }),
            "the body is gone"
        );
    }

    fn end(&self, part: &UnsafeCell<bool>) {
        // SAFETY: as above.
        part.with_mut(|alive| assert!(std::mem::take(unsafe { &mut *alive }), "ended twice"));
    }

    fn clone_strong(self: &Arc<Self>) -> Shared<C> {
        assert_eq!(self.counts.inc(), Taken::Counted);
        self.clone()
    }

    fn drop_strong(&self) {
        match self.counts.dec() {
            Released::Held => {}
            Released::Both => {
                self.end(&self.body);
                self.end(&self.space);
            }
            Released::Body => {
                self.end(&self.body);
                self.drop_weak();
            }
            Released::Slow => unreachable!("no model that drops sets the bit"),
        }
    }

    fn drop_weak(&self) {
        // SAFETY: as above; a weak reference keeps the space.
        assert!(
            self.space.with(|there| unsafe { *there }),
            "the space is gone"
        );
        if self.counts.dec_weak() {
            self.end(&self.space);
        }
    }

    /// All references are given back: both parts ended, once each.
    fn ended(&self) {
        for part in [&self.body, &self.space] {
            // SAFETY: all threads were joined.
            assert!(!part.with(|alive| unsafe { *alive }), "it leaks");
        }
    }
}

fn clones_are_dropped_on_three_threads<C: Words>() {
    let first = object::<C>();
    let threads = [(); 2].map(|()| {
        let own = first.clone_strong();
        thread::spawn(move || {
            own.look();
            own.drop_strong();
        })
    });
    first.look();
    first.drop_strong();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    first.ended();
}

fn an_upgrade_races_the_last_drop<C: Words>() {
    let strong = object::<C>();
    strong.counts.inc_weak();
    let weak = strong.clone();
    let thread = thread::spawn(move || {
        if weak.counts.upgrade() == Taken::Counted {
            weak.look();
            weak.drop_strong();
        }
        weak.drop_weak();
    });
    strong.look();
    strong.drop_strong();
    thread.join().unwrap();
    strong.ended();
}

fn a_downgrade_races_a_drop<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let thread = thread::spawn(move || {
        own.counts.inc_weak();
        own.look();
        own.drop_strong();
        if own.counts.upgrade() == Taken::Counted {
            own.look();
            own.drop_strong();
        }
        own.drop_weak();
    });
    strong.drop_strong();
    thread.join().unwrap();
    strong.ended();
}

fn weak_references_end_the_space_once<C: Words>() {
    let strong = object::<C>();
    let threads = [(); 2].map(|()| {
        strong.counts.inc_weak();
        let weak = strong.clone();
        thread::spawn(move || weak.drop_weak())
    });
    strong.drop_strong();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    strong.ended();
}

fn the_only_reference_may_change_the_body<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let thread = thread::spawn(move || {
        own.look();
        own.drop_strong();
    });
    // loom does not come back to a load once the other thread has loaded too: let that one go first.
    thread::yield_now();
    if strong.counts.is_unique() {
        // SAFETY: as above.
        strong.body.with_mut(|body| unsafe { *body = true });
    }
    thread.join().unwrap();
    assert!(strong.counts.is_unique());
    strong.drop_strong();
    strong.ended();
}

/// Once the bit is set, the strong count changes by slow calls only.
fn a_bit_set_meanwhile_is_seen<C: Words>() {
    let strong = object::<C>();
    let slow = Arc::new(AtomicUsize::new(0));
    let (own, calls) = (strong.clone(), slow.clone());
    let thread = thread::spawn(move || {
        if own.counts.inc() == Taken::Slow {
            calls.fetch_add(1, SeqCst); // where the runtime would count
        }
    });
    strong.counts.set_shared();
    let before = (strong.counts.strong(), slow.load(SeqCst));
    thread.join().unwrap();
    let after = (strong.counts.strong(), slow.load(SeqCst));
    assert_eq!(before.0, after.0, "a plain count landed on a flagged word");
    assert_eq!(after.0 as usize + after.1, 2, "counted once, here or there");
}

/// Whether loom finds fault with a model.
fn is_caught(model: fn()) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(|| loom::model(model)).is_err();
    std::panic::set_hook(hook);
    caught
}

/// One test, because a panic hook is the process's.
#[test]
fn the_counts_pass_every_model_and_each_weakness_fails_its_own() {
    loom::model(clones_are_dropped_on_three_threads::<Counts>);
    loom::model(an_upgrade_races_the_last_drop::<Counts>);
    loom::model(a_downgrade_races_a_drop::<Counts>);
    loom::model(weak_references_end_the_space_once::<Counts>);
    loom::model(the_only_reference_may_change_the_body::<Counts>);
    loom::model(a_bit_set_meanwhile_is_seen::<Counts>);

    // Without a flaw the copy is as good; so what is caught below is the flaw.
    loom::model(clones_are_dropped_on_three_threads::<Twin<0>>);
    loom::model(an_upgrade_races_the_last_drop::<Twin<0>>);
    loom::model(a_downgrade_races_a_drop::<Twin<0>>);
    loom::model(weak_references_end_the_space_once::<Twin<0>>);
    loom::model(the_only_reference_may_change_the_body::<Twin<0>>);
    loom::model(a_bit_set_meanwhile_is_seen::<Twin<0>>);

    assert!(is_caught(
        clones_are_dropped_on_three_threads::<Twin<RELAXED_DEC>>
    ));
    assert!(is_caught(
        clones_are_dropped_on_three_threads::<Twin<NO_ACQUIRE>>
    ));
    assert!(is_caught(
        an_upgrade_races_the_last_drop::<Twin<BLIND_UPGRADE>>
    ));
    assert!(is_caught(a_downgrade_races_a_drop::<Twin<FORGETS_WEAK>>));
    assert!(is_caught(a_downgrade_races_a_drop::<Twin<RELAXED_DEC>>));
    assert!(is_caught(
        weak_references_end_the_space_once::<Twin<RELAXED_WEAK_DEC>>
    ));
    assert!(is_caught(
        weak_references_end_the_space_once::<Twin<NO_ACQUIRE>>
    ));
    assert!(is_caught(
        the_only_reference_may_change_the_body::<Twin<RELAXED_UNIQUE>>
    ));
    assert!(is_caught(a_bit_set_meanwhile_is_seen::<Twin<BLIND_INC>>));
}
