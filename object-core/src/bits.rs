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
/// Only [`lock`](Self::lock) and [`unlock`](Self::unlock) change the slot lock's bit, and only who
/// holds the lock changes the others, once the word is shared; but for [hints](Self::hint).
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

    /// Sets bits, none of them the lock's. Takes the lock: whoever holds it may write the whole word.
    #[inline]
    pub fn set(&self, bits: u32) {
        debug_assert!(bits & SLOT_LOCK == 0, "the slot lock is taken by `lock`");
        let old = self.lock();
        self.unlock(old | bits);
    }

    /// Clears bits, none of them the lock's. Takes the lock, as [`set`](Self::set).
    #[inline]
    pub fn clear(&self, bits: u32) {
        debug_assert!(
            bits & SLOT_LOCK == 0,
            "the slot lock is given back by `unlock`"
        );
        let old = self.lock();
        self.unlock(old & !bits);
    }

    /// Sets bits that are hints, without the lock: who holds that may lose them.
    #[inline]
    pub fn hint(&self, bits: u32) {
        // Relaxed: a hint orders nothing. What the unlock before it released stays released: it is no store.
        self.0.fetch_or(bits, Ordering::Relaxed);
    }

    /// Takes the slot lock, waiting for it; the bits, without the lock's, to be given back.
    #[inline]
    #[must_use]
    pub fn lock(&self) -> u32 {
        let mut spins = 0u32;
        // Relaxed: a guess, which the exchange checks.
        let mut seen = self.get();
        loop {
            if seen & SLOT_LOCK != 0 {
                relax(spins);
                spins = spins.saturating_add(1);
                seen = self.get();
                continue;
            }
            // Acquire: pairs with the Release of the unlock before.
            match self.0.compare_exchange_weak(
                seen,
                seen | SLOT_LOCK,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return seen,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes the slot lock if nobody has it; the bits as they are without it.
    #[must_use]
    pub fn lock_if_free(&self) -> Option<u32> {
        // Acquire: as in `lock`. If somebody has it the bit is set already.
        let seen = self.0.fetch_or(SLOT_LOCK, Ordering::Acquire);
        (seen & SLOT_LOCK == 0).then_some(seen)
    }

    /// Gives the slot lock back; the word is `bits` from here on. The caller holds the lock.
    #[inline]
    pub fn unlock(&self, bits: u32) {
        // Release: what was read and written under the lock happens before the next holder's. A plain
        // store: while the bit is set nobody else writes the word, but for hints, which may go.
        self.0.store(bits, Ordering::Release);
    }
}
