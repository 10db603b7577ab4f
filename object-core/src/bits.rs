//! The word of an object's flags, one of which is the slot lock.
//!
//! What each bit means stands in [`flags`](crate::header::flags); this file is the word's arithmetic
//! alone, so that the model checker can run it.

use crate::primitive::relax;
use crate::primitive::sync::atomic::{AtomicU32, Ordering};

/// The slot lock's bit.
pub(crate) const SLOT_LOCK: u32 = 1 << 1;

/// The word.
///
/// # Invariants
///
/// Only [`lock`](Self::lock) and [`unlock`](Self::unlock) change the slot lock's bit.
#[derive(Debug)]
#[repr(transparent)]
pub struct Bits(AtomicU32);

impl Bits {
    /// These bits.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn new(bits: u32) -> Self {
        Self(AtomicU32::new(bits))
    }

    /// These bits.
    #[must_use]
    #[cfg(loom)]
    pub fn new(bits: u32) -> Self {
        Self(AtomicU32::new(bits))
    }

    /// The bits now.
    #[inline]
    pub fn get(&self) -> u32 {
        // Relaxed: bits other than the lock's are written before the object is shared, or order
        // nothing.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets bits, none of them the lock's.
    #[inline]
    pub fn set(&self, bits: u32) {
        debug_assert!(bits & SLOT_LOCK == 0, "the slot lock is taken by `lock`");
        // Relaxed: as above. A read-modify-write, so that the lock's releases still reach its
        // acquires through it.
        self.0.fetch_or(bits, Ordering::Relaxed);
    }

    /// Clears bits, none of them the lock's.
    #[inline]
    pub fn clear(&self, bits: u32) {
        debug_assert!(
            bits & SLOT_LOCK == 0,
            "the slot lock is given back by `unlock`"
        );
        // Relaxed: as in `set`.
        self.0.fetch_and(!bits, Ordering::Relaxed);
    }

    /// Takes the slot lock, waiting for it.
    #[inline]
    pub fn lock(&self) {
        // Acquire: pairs with the Release of the unlock before.
        let mut spins = 0u32;
        while self.0.fetch_or(SLOT_LOCK, Ordering::Acquire) & SLOT_LOCK != 0 {
            // Relaxed: the read-modify-write above decides.
            while self.get() & SLOT_LOCK != 0 {
                relax(spins);
                spins = spins.saturating_add(1);
            }
        }
    }

    /// Gives the slot lock back. The caller holds it.
    #[inline]
    pub fn unlock(&self) {
        // Release: what was read and written under the lock happens before the next holder's.
        self.0.fetch_and(!SLOT_LOCK, Ordering::Release);
    }
}
