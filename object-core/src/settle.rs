//! A pointer that is settled once: by its first use, or by being handed one before that.

use core::ptr::null_mut;

use crate::primitive::sync::atomic::{AtomicPtr, Ordering};

/// Empty, then for ever the one `&'static T` that was first.
///
/// # Invariants
///
/// Null, or made from a `&'static T`.
#[derive(Debug)]
pub struct Settled<T: 'static>(AtomicPtr<T>);

impl<T: Sync> Settled<T> {
    /// Empty.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Empty.
    #[must_use]
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// What was settled for, if anything was.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        // Acquire: pairs with the Release in `settle`, so that what is behind it is seen written.
        let there = self.0.load(Ordering::Acquire);
        // SAFETY: by the type invariant.
        unsafe { there.as_ref() }
    }

    /// Settles for `new` unless something was settled for before; returns what is in force.
    pub fn settle(&self, new: &'static T) -> &'static T {
        // INVARIANT: made from a `&'static T`. Release: as in `get`. Acquire on failure: the one in
        // force is seen written, too.
        let (done, failed) = (Ordering::Release, Ordering::Acquire);
        let pointer = core::ptr::from_ref(new).cast_mut();
        match self.0.compare_exchange(null_mut(), pointer, done, failed) {
            Ok(_) => new,
            // SAFETY: not null, and by the type invariant.
            Err(there) => unsafe { &*there },
        }
    }
}

impl<T: Sync> Default for Settled<T> {
    fn default() -> Self {
        Self::new()
    }
}
