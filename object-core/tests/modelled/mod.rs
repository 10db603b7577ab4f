//! An object as loom sees it, for every model of this crate: who reads its parts, and who ends them.
#![allow(dead_code)] // each model uses its own part

use std::sync::Arc; // not loom's, which would order more than the counts do

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use object_core::count::{Counts, Released, Taken};

/// What handles do to a count.
pub(crate) trait Words: Send + Sync + 'static {
    fn one() -> Self;
    /// Whether the runtime has to settle.
    fn inc(&self) -> bool;
    /// Of an object that is not known to be busy.
    fn dec(&self) -> Released;
    fn dec_busy(&self) -> Released;
    /// Of one of two references; where nobody sets bit 63.
    fn dec_kept(&self) -> bool;
    fn upgrade(&self) -> Taken;
    fn inc_weak(&self);
    fn dec_weak(&self) -> bool;
    fn is_unique(&self) -> bool;
    fn set_shared(&self) -> u32;
    fn strong(&self) -> u32;
    fn both(&self) -> (u32, u32);
    /// The runtime's arithmetic, once bit 63 was seen.
    fn dec_flagged(&self) -> Released;
    fn upgrade_flagged(&self) -> Taken;
}

// The models hold the references they say they hold.
impl Words for Counts {
    fn one() -> Self {
        Counts::one()
    }
    fn inc(&self) -> bool {
        // SAFETY: see above.
        unsafe { self.inc_strong() }
    }
    fn dec(&self) -> Released {
        // SAFETY: see above.
        unsafe {
            if self.dec_if_last() {
                return Released::Both;
            }
            self.dec_strong()
        }
    }
    fn dec_busy(&self) -> Released {
        // SAFETY: see above.
        unsafe { Counts::dec_busy(self) }
    }
    fn dec_kept(&self) -> bool {
        // SAFETY: see above.
        unsafe { Counts::dec_kept(self) }
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
    fn set_shared(&self) -> u32 {
        // SAFETY: see above.
        unsafe { Counts::set_shared(self) }
    }
    fn strong(&self) -> u32 {
        Counts::strong(self)
    }
    fn both(&self) -> (u32, u32) {
        Counts::both(self)
    }
    fn dec_flagged(&self) -> Released {
        // SAFETY: see above.
        unsafe { Counts::dec_flagged(self) }
    }
    fn upgrade_flagged(&self) -> Taken {
        // SAFETY: see above.
        unsafe { Counts::upgrade_flagged(self) }
    }
}

/// The counts of an object that is marked as busy, from the first or by who drops first: `refs::dec_ref`.
pub(crate) struct Marked<C, const BUSY: bool> {
    counts: C,
    busy: AtomicBool,
}

impl<C: Words, const BUSY: bool> Words for Marked<C, BUSY> {
    fn one() -> Self {
        Self {
            counts: C::one(),
            busy: AtomicBool::new(BUSY),
        }
    }
    fn inc(&self) -> bool {
        self.counts.inc()
    }
    fn dec(&self) -> Released {
        if self.busy.load(Relaxed) {
            return self.counts.dec_busy();
        }
        if self.counts.strong() > 1 {
            self.busy.store(true, Relaxed);
        }
        self.counts.dec()
    }
    fn dec_busy(&self) -> Released {
        self.counts.dec_busy()
    }
    fn dec_kept(&self) -> bool {
        self.counts.dec_kept()
    }
    fn upgrade(&self) -> Taken {
        self.counts.upgrade()
    }
    fn inc_weak(&self) {
        self.counts.inc_weak();
    }
    fn dec_weak(&self) -> bool {
        self.counts.dec_weak()
    }
    fn is_unique(&self) -> bool {
        self.counts.is_unique()
    }
    fn set_shared(&self) -> u32 {
        self.counts.set_shared()
    }
    fn strong(&self) -> u32 {
        self.counts.strong()
    }
    fn both(&self) -> (u32, u32) {
        self.counts.both()
    }
    fn dec_flagged(&self) -> Released {
        self.counts.dec_flagged()
    }
    fn upgrade_flagged(&self) -> Taken {
        self.counts.upgrade_flagged()
    }
}

/// An object: loom sees who reads its parts and who ends them.
pub(crate) struct Object<C> {
    pub(crate) counts: C,
    pub(crate) body: UnsafeCell<bool>,
    pub(crate) space: UnsafeCell<bool>,
}

pub(crate) type Shared<C> = Arc<Object<C>>;

pub(crate) fn object<C: Words>() -> Shared<C> {
    Arc::new(Object {
        counts: C::one(),
        body: UnsafeCell::new(true),
        space: UnsafeCell::new(true),
    })
}

impl<C: Words> Object<C> {
    /// A read by who holds a strong reference.
    pub(crate) fn look(&self) {
        // SAFETY: loom panics if it may coincide with the end.
        let alive = self.body.with(|alive| unsafe { *alive });
        assert!(alive, "the body is gone");
    }

    fn end(&self, part: &UnsafeCell<bool>) {
        // SAFETY: as above.
        part.with_mut(|alive| assert!(std::mem::take(unsafe { &mut *alive }), "ended twice"));
    }

    pub(crate) fn clone_strong(self: &Arc<Self>) -> Shared<C> {
        let _ = self.counts.inc(); // nothing to settle: there is no wrapper
        self.clone()
    }

    /// Whether a weak reference became a strong one besides.
    #[must_use]
    pub(crate) fn upgrade(&self) -> bool {
        match self.counts.upgrade() {
            Taken::Slow => self.counts.upgrade_flagged() == Taken::Counted,
            taken => taken == Taken::Counted,
        }
    }

    pub(crate) fn drop_strong(&self) {
        let mut due = self.counts.dec();
        if due == Released::Slow {
            due = self.counts.dec_flagged();
        }
        match due {
            Released::Held => {}
            Released::Both => {
                self.end(&self.body);
                self.end(&self.space);
            }
            Released::Body => {
                self.end(&self.body);
                self.drop_weak();
            }
            Released::Slow => unreachable!("the slow functions count"),
        }
    }

    /// A read by who holds any reference.
    pub(crate) fn touch_space(&self) {
        // SAFETY: as above; a weak reference keeps the space.
        let there = self.space.with(|there| unsafe { *there });
        assert!(there, "the space is gone");
    }

    pub(crate) fn take_weak(&self) {
        self.touch_space();
        self.counts.inc_weak();
    }

    pub(crate) fn drop_weak(&self) {
        self.touch_space();
        if self.counts.dec_weak() {
            self.end(&self.space);
        }
    }

    /// All references are given back: both parts ended, once each.
    pub(crate) fn ended(&self) {
        for part in [&self.body, &self.space] {
            // SAFETY: all threads were joined.
            assert!(!part.with(|alive| unsafe { *alive }), "it leaks");
        }
    }
}
