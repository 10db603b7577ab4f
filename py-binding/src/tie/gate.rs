//! The gate in front of the interpreter: whoever may not be attached asks inside it.
//!
//! After finalization CPython's own answer to "am I attached?" is not to be trusted, and calling
//! into it can crash. So the question, and everything an unattached thread does to Python's side, is
//! asked between [`Gate::enter`] and the guard's end. `atexit` closes the gate and waits until
//! everybody has left; from then on nobody enters, and unattached drops are leaked on purpose.
//!
//! ```text
//! bit 31: closed      bits 0-30: readers inside
//! ```

use alloc_header::primitive::sync::atomic::{AtomicU32, Ordering};

const CLOSED: u32 = 1 << 31;

/// The gate.
#[derive(Debug)]
pub struct Gate(AtomicU32);

/// Inside the gate, until dropped.
#[derive(Debug)]
#[must_use = "the gate is left where this value is dropped"]
pub struct Inside<'a>(&'a Gate);

impl Gate {
    /// Open, nobody inside.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn open() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Open, nobody inside.
    #[must_use]
    #[cfg(loom)]
    pub fn open() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Enters, unless the gate is closed.
    #[inline]
    #[must_use]
    pub fn enter(&self) -> Option<Inside<'_>> {
        // Acquire: what the closer did before it opened the gate again (a forked child) is seen.
        let old = self.0.fetch_add(1, Ordering::Acquire);
        let inside = Inside(self);
        // The count was taken before the look, so a closer either sees us, or we see it.
        if old & CLOSED != 0 {
            None
        } else {
            Some(inside)
        }
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Closes the gate; true if nobody was inside. Otherwise call
    /// [`is_empty`](Self::is_empty) until they have left, detached meanwhile: somebody inside may be
    /// waiting for the interpreter.
    pub fn close(&self) -> bool {
        // AcqRel: what readers did inside happens before what the closer does next.
        self.0.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED == 0
    }

    /// Whether nobody is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Acquire: pairs with the Release of leaving.
        self.0.load(Ordering::Acquire) & !CLOSED == 0
    }

    /// Opens it, with nobody inside: in a forked child, whose other threads are gone, wherever they
    /// were.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Release);
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: what we did inside happens before the closer goes on.
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}
