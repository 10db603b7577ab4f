//! Strong and weak count of an object in one 64-bit word.
//!
//! ```text
//!  63  62                    32 31                     0
//! [ S | weak (31 bits)         | strong (32 bits)       ]
//!   \                             \__ all strong references together hold ONE weak
//!    \__ SHARED: the runtime owns the arithmetic of this object (design section 6)
//! ```
//!
//! Decrements that are not the last are RELEASE, so that everything a thread did to the object
//! happens before the deleter runs; whoever runs the deleter ACQUIREs first. Increments are relaxed:
//! whoever increments already holds a reference, which keeps the object alive by itself.
//!
//! # Bit 63
//!
//! It is set only while a wrapper of the frontend's owns one of the strong references, so strong 1 on
//! a flagged word means that nobody but the wrapper holds the object. There the runtime acts when the
//! object comes to be held by others too, and when it ceases to be:
//!
//! - An increment adds and asks afterwards: one that made 2 of a 1 and finds the bit has the runtime
//!   *settle* (the object owns its wrapper from then on). It may come late by that, but not too late:
//!   whoever increments from 1 has borrowed the object through the wrapper, which that loan keeps alive,
//!   and whose reference cannot leave while it is lent. Until the incrementing thread has returned, its
//!   new reference cannot be given back either, so no decrement finds the object unsettled. (Who sets
//!   the bit meanwhile finds 2, and settles as well: twice is as good as once.)
//! - A decrement has to be the runtime's before it is done: afterwards nothing keeps the object, or
//!   the wrapper that it owned. So it is a compare-exchange of the word that it looked at: one that
//!   commits on an unflagged word is plain, one that sees the bit is the runtime's, and there is
//!   nothing in between; upgrades too: a weak reference keeps no wrapper alive. Of busy objects a
//!   decrement is faster, and leaves a moment in between: see `halves.rs`.
//!
//! # The last reference
//!
//! Whoever reads strong 1, weak 1 before giving its reference back is alone. The word it reads is not
//! older than the one its own reference was made by, so the strong one counted there is its own. The
//! strong references together hold the weak one, so there is none that could be upgraded, copied or
//! given back. And references come only from references: one made since, of the reader's, was made
//! under a loan that has ended, and so would have been read. Nobody can reach the word any more: no
//! read-modify-write is needed, and the deleter runs with both bits.
//!
//! What the others did to the object happens before: each left by a releasing decrement of this word,
//! every change since was a read-modify-write and so part of what it released, and an acquire fence
//! follows the load. `delete_space` relies on the same: it is called by whoever was answered
//! [`Released::Both`], and by nobody else.
//! [`Counts::is_unique`] is the same load, and the reader keeps its reference.
//!
//! Whoever changes a count of an object says that a reference appeared or went: those methods are
//! unsafe. Reading is not.

use crate::halves;
use crate::limit::{abort, is_flagged};
use crate::primitive::sync::atomic::{AtomicU64, Ordering};

pub use crate::outcome::{Rare, Released, Taken};

const STRONG_ONE: u64 = 1;
const STRONG_MASK: u64 = 0xFFFF_FFFF;
const WEAK_ONE: u64 = 1 << 32;
const WEAK_MASK: u64 = 0x7FFF_FFFF << 32;
const SHARED: u64 = 1 << 63;
/// One strong reference, and the weak one that all strong ones hold together.
const BOTH_ONE: u64 = STRONG_ONE + WEAK_ONE;
/// Past this the process aborts, long before the field could run over: 2^31 threads would have to
/// stand between the check and the increment.
const STRONG_LIMIT: u64 = 1 << 31;
const WEAK_LIMIT: u64 = 1 << 62;

/// The word.
///
/// # Invariants
///
/// While strong > 0, weak >= 1. Bit 63 is set and cleared by the runtime only.
#[derive(Debug)]
#[repr(transparent)]
pub struct Counts(AtomicU64);

impl Counts {
    /// One strong reference.
    #[inline]
    #[must_use]
    #[cfg(not(loom))]
    pub const fn one() -> Self {
        // INVARIANT: strong 1, weak 1.
        Self(AtomicU64::new(BOTH_ONE))
    }

    /// As above.
    #[must_use]
    #[cfg(loom)]
    pub fn one() -> Self {
        Self(AtomicU64::new(BOTH_ONE))
    }

    /// A count for an object in static memory: so high that it never reaches 0 by honest use.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn immortal() -> Self {
        Self(AtomicU64::new((1 << 30) * STRONG_ONE + WEAK_ONE))
    }

    /// Strong references now. A hint unless the caller knows that nobody else can change it.
    #[inline]
    pub fn strong(&self) -> u32 {
        halves::strong(&self.0)
    }

    /// Weak references now, without the one that the strong ones hold.
    #[inline]
    pub fn weak(&self) -> u32 {
        self.both().1
    }

    /// [Strong](Self::strong) and [weak](Self::weak) references, of one moment.
    #[inline]
    pub fn both(&self) -> (u32, u32) {
        let word = self.0.load(Ordering::Relaxed);
        let (strong, weak) = (
            (word & STRONG_MASK) as u32,
            ((word & WEAK_MASK) >> 32) as u32,
        );
        (strong, if strong == 0 { weak } else { weak - 1 })
    }

    /// Whether bit 63 is set.
    #[inline]
    pub fn is_shared(&self) -> bool {
        is_flagged(halves::rest(&self.0))
    }

    /// Sets bit 63, and answers how many strong references there were: if more than the wrapper's
    /// own, the object owns its wrapper from here on. For the runtime and its tests.
    ///
    /// # Safety
    ///
    /// The slow functions in force can count this object.
    pub unsafe fn set_shared(&self) -> u32 {
        // Relaxed: the bit guards no data of its own; who acts on it synchronises in the slow path.
        (self.0.fetch_or(SHARED, Ordering::Relaxed) & STRONG_MASK) as u32
    }

    /// Clears bit 63: from here on counting is plain arithmetic again. For the runtime.
    ///
    /// # Safety
    ///
    /// No wrapper depends on being told.
    pub unsafe fn clear_shared(&self) {
        // Relaxed: as above.
        self.0.fetch_and(!SHARED, Ordering::Relaxed);
    }

    /// True if the caller's strong reference is the only reference of any kind; then everything the
    /// earlier holders did has happened before.
    #[inline]
    pub fn is_unique(&self) -> bool {
        // Acquire: pairs with the Release of the decrements that made it unique.
        self.0.load(Ordering::Acquire) & !SHARED == BOTH_ONE
    }

    /// Adds a strong reference. True if the runtime has to settle now: bit 63 is set, and only the
    /// wrapper held the object.
    ///
    /// # Safety
    ///
    /// The caller holds a strong reference, its own or a lent one, until it has had the runtime settle
    /// if that is due.
    #[inline]
    #[must_use]
    pub unsafe fn inc_strong(&self) -> bool {
        // SAFETY: the caller's contract.
        unsafe { self.inc_noting() }.is_some_and(Rare::must_settle)
    }

    /// [`inc_strong`](Self::inc_strong) for code that is to have no call in it: whether something rare was found, for
    /// the caller to [ask](Rare::must_settle) elsewhere.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    #[must_use]
    pub unsafe fn inc_noting(&self) -> Option<Rare> {
        // Relaxed: see the module's head.
        let (strong, rest) = halves::add(&self.0);
        // One test for both rare cases: the highest bit of the one half is the limit, of the other bit 63.
        if is_flagged(strong | rest) {
            Some(Rare(strong))
        } else {
            None
        }
    }

    /// [`dec_strong`](Self::dec_strong) of a busy object; a bit 63 that is set from here on is not seen.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub unsafe fn dec_busy(&self) -> Released {
        if self.is_shared() {
            return Released::Slow;
        }
        // Release: what this thread did to the object happens before its deleter.
        if halves::sub(&self.0) {
            return self.dec_ended();
        }
        Released::Held
    }

    /// After a decrement to 0: what is due.
    fn dec_ended(&self) -> Released {
        // The weak reference of the strong ones is ours now. Read after the decrement, which comes after what was
        // made of any strong one: if there is no other, nobody can reach the word any more.
        if u64::from(halves::rest(&self.0)) << 32 == WEAK_ONE {
            return self.dec_last();
        }
        self.acquire();
        Released::Body
    }

    /// [`dec_strong`](Self::dec_strong) of the last reference of any kind; false, and nothing was done, if it is not.
    ///
    /// # Safety
    ///
    /// As there. After true, [`Released::Both`] is due.
    #[inline]
    #[must_use]
    pub unsafe fn dec_if_last(&self) -> bool {
        let last = self.0.load(Ordering::Relaxed) == BOTH_ONE;
        if last {
            let _ = self.dec_last();
        }
        last
    }

    /// Gives a strong reference back of which the caller knows that it is not the last one. False: bit 63
    /// is set, [`dec_strong`](Self::dec_strong) has to do it, and nothing was done.
    ///
    /// # Safety
    ///
    /// The caller owns a strong reference, which goes, and holds another, its own or a lent one. Nobody sets
    /// bit 63 meanwhile: a thread that is attached to an interpreter with a lock knows that, since who sets
    /// it is attached, too.
    #[inline]
    #[must_use]
    pub unsafe fn dec_kept(&self) -> bool {
        if self.is_shared() {
            return false;
        }
        // Release as every decrement: who holds the other reference may not be this thread.
        halves::sub(&self.0);
        true
    }

    /// Gives a strong reference back.
    ///
    /// # Safety
    ///
    /// The caller owns it, and does what the answer says is due.
    #[inline]
    pub unsafe fn dec_strong(&self) -> Released {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            if old & SHARED != 0 {
                return Released::Slow;
            }
            match self.dec_step(old) {
                Ok(released) => return released,
                Err(now) => old = now,
            }
        }
    }

    #[inline]
    fn dec_step(&self, old: u64) -> Result<Released, u64> {
        if old & !SHARED == BOTH_ONE {
            return Ok(self.dec_last());
        }
        // Release: what this thread did to the object happens before its deleter.
        self.0
            .compare_exchange(old, old - STRONG_ONE, Ordering::Release, Ordering::Relaxed)?;
        if old & STRONG_MASK == STRONG_ONE {
            self.acquire();
            return Ok(Released::Body);
        }
        Ok(Released::Held)
    }

    /// The caller's reference is the only one of any kind, and goes: see the module's head.
    #[inline]
    fn dec_last(&self) -> Released {
        self.acquire();
        self.0.store(0, Ordering::Relaxed);
        Released::Both
    }

    /// Makes a strong reference beside the caller's weak one, if the object lives.
    ///
    /// # Safety
    ///
    /// The caller holds a weak reference.
    #[inline]
    pub unsafe fn upgrade(&self) -> Taken {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            if old & SHARED != 0 {
                return Taken::Slow;
            }
            match self.upgrade_step(old) {
                Ok(taken) => return taken,
                Err(now) => old = now,
            }
        }
    }

    #[inline]
    fn upgrade_step(&self, old: u64) -> Result<Taken, u64> {
        if old & STRONG_MASK == 0 {
            return Ok(Taken::Dead);
        }
        if old & STRONG_LIMIT != 0 {
            abort("an object has more than 2^31 strong references");
        }
        // Acquire: the new strong reference sees what was done before the releases it follows.
        self.0.compare_exchange_weak(
            old,
            old + STRONG_ONE,
            Ordering::Acquire,
            Ordering::Relaxed,
        )?;
        Ok(Taken::Counted)
    }

    /// Adds a weak reference. Bit 63 does not matter to weak references.
    ///
    /// # Safety
    ///
    /// The caller holds a reference of some kind.
    #[inline]
    pub unsafe fn inc_weak(&self) {
        // Relaxed: as for strong ones.
        let old = self.0.fetch_add(WEAK_ONE, Ordering::Relaxed);
        if old & WEAK_LIMIT != 0 {
            abort("an object has more than 2^30 weak references");
        }
    }

    /// Gives a weak reference back; true if it was the last reference of any kind, and the caller
    /// frees the space.
    ///
    /// # Safety
    ///
    /// The caller owns it, and does what the answer says is due.
    #[inline]
    #[must_use]
    pub unsafe fn dec_weak(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        if word & !SHARED == WEAK_ONE {
            // Strong is 0 and ours is the only weak one: nobody can reach the word any more.
            self.acquire();
            return true;
        }
        // Release: what this thread did happens before the space is freed.
        let old = self.0.fetch_sub(WEAK_ONE, Ordering::Release);
        if old & !SHARED == WEAK_ONE {
            self.acquire();
            return true;
        }
        false
    }

    /// [`inc_strong`](Self::inc_strong), as the slow functions do it; so are those below. True if the bit is set and the wrapper's was the only strong reference.
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn inc_flagged(&self) -> bool {
        let old = self.0.fetch_add(STRONG_ONE, Ordering::Relaxed);
        if old & STRONG_LIMIT != 0 {
            abort("an object has more than 2^31 strong references");
        }
        old & (SHARED | STRONG_MASK) == SHARED + STRONG_ONE
    }

    /// [`dec_flagged`](Self::dec_flagged), unless there are two strong references: `None`, and nothing
    /// was done.
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn dec_unless_two(&self) -> Option<Released> {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            if old & (SHARED | STRONG_MASK) == SHARED + 2 * STRONG_ONE {
                return None;
            }
            match self.dec_step(old) {
                Ok(released) => return Some(released),
                Err(now) => old = now,
            }
        }
    }

    /// [`upgrade_flagged`](Self::upgrade_flagged), unless there is one strong reference and bit 63 is set:
    /// `None`, and nothing was done.
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn upgrade_unless_one(&self) -> Option<Taken> {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            if old & (SHARED | STRONG_MASK) == SHARED + STRONG_ONE {
                return None;
            }
            match self.upgrade_step(old) {
                Ok(taken) => return Some(taken),
                Err(now) => old = now,
            }
        }
    }

    /// [`dec_strong`](Self::dec_strong) with bit 63 left as it is; never [`Released::Slow`].
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn dec_flagged(&self) -> Released {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            match self.dec_step(old) {
                Ok(released) => return released,
                Err(now) => old = now,
            }
        }
    }

    /// [`upgrade`](Self::upgrade) with bit 63 left as it is; never [`Taken::Slow`].
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn upgrade_flagged(&self) -> Taken {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            match self.upgrade_step(old) {
                Ok(taken) => return taken,
                Err(now) => old = now,
            }
        }
    }

    /// Of an object that is dead, without weak references, and not deleted yet: what
    /// [`set_link`](Self::set_link) stored. Nobody counts there any more.
    #[cfg(not(feature = "std"))]
    pub(crate) fn link(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets the word of such an object name the next one on a list.
    ///
    /// # Safety
    ///
    /// [`Released::Both`] was the answer to this caller.
    #[cfg(not(feature = "std"))]
    pub(crate) unsafe fn set_link(&self, next: u64) {
        // Relaxed: the list's lock orders it.
        self.0.store(next, Ordering::Relaxed);
    }

    /// Everything other holders did before their releasing decrements happens before what follows.
    #[inline]
    fn acquire(&self) {
        // The thread sanitizer does not model fences.
        #[cfg(tieback_tsan)]
        self.0.load(Ordering::Acquire);
        #[cfg(not(tieback_tsan))]
        crate::primitive::sync::atomic::fence(Ordering::Acquire);
    }
}
