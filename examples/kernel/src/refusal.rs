//! An allocation that fails on purpose: the n-th from when it was asked for.

use core::sync::atomic::{AtomicUsize, Ordering};

/// Allocations until one fails; 0: none does.
pub(crate) struct Refusal(AtomicUsize);

impl Refusal {
    pub(crate) const fn none() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// The `nth` allocation from now fails.
    pub(crate) fn set(&self, nth: usize) {
        self.0.store(nth, Ordering::Relaxed);
    }

    /// No allocation fails any more; whether one was still to.
    pub(crate) fn clear(&self) -> bool {
        self.0.swap(0, Ordering::Relaxed) != 0
    }

    /// Counts an allocation; whether it fails.
    pub(crate) fn is_due(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 1
    }
}
