//! One slot of the registry: an entry that any thread reads and a few replace.

use core::ptr;

use crate::entry::AllocatorEntry;
use crate::primitive::sync::atomic::{AtomicPtr, Ordering};

/// An atomic `Option<&'static AllocatorEntry>`, one pointer wide; C sees the pointer.
///
/// Stores release and loads acquire, so that an entry (and an arena) built at run time is seen
/// whole.
///
/// # Invariants
///
/// Null, or a pointer made from a `&'static AllocatorEntry`.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Slot(AtomicPtr<AllocatorEntry>);

impl Slot {
    #[cfg(not(loom))]
    pub(crate) const fn new(entry: Option<&'static AllocatorEntry>) -> Self {
        Self(AtomicPtr::new(to_ptr(entry)))
    }

    /// loom's atomics cannot be made in a `const`.
    #[cfg(loom)]
    pub(crate) fn new(entry: Option<&'static AllocatorEntry>) -> Self {
        Self(AtomicPtr::new(to_ptr(entry)))
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static AllocatorEntry> {
        to_ref(self.0.load(Ordering::Acquire))
    }

    /// The bits in which what is in force differs from `entry`: 0 if it is that. (Bits, so that two slots
    /// can be asked with one branch.)
    #[inline(always)]
    #[cfg_attr(not(feature = "default-backing"), expect(dead_code))]
    pub(crate) fn unlike(&self, entry: Option<&'static AllocatorEntry>) -> usize {
        // Relaxed: nothing is read through it; the caller has `entry` by itself.
        self.0.load(Ordering::Relaxed).addr() ^ to_ptr(entry).addr()
    }

    /// Whether `entry` is what is in force.
    #[inline]
    #[cfg_attr(not(feature = "default-backing"), expect(dead_code))]
    pub(crate) fn holds(&self, entry: &'static AllocatorEntry) -> bool {
        // Relaxed: the caller has `entry` by itself.
        ptr::eq(self.0.load(Ordering::Relaxed), entry)
    }

    /// Puts `entry` in and returns what was there.
    pub(crate) fn replace(
        &self,
        entry: &'static AllocatorEntry,
    ) -> Option<&'static AllocatorEntry> {
        // INVARIANT: the pointer comes from a `&'static`.
        to_ref(self.0.swap(to_ptr(Some(entry)), Ordering::AcqRel))
    }

    /// Puts `entry` in if the slot is empty; says whether it did.
    #[must_use]
    pub(crate) fn fill(&self, entry: &'static AllocatorEntry) -> bool {
        // INVARIANT: the pointer comes from a `&'static`. A failed attempt reads nothing through
        // the pointer it found, so it needs no ordering.
        self.0
            .compare_exchange(
                ptr::null_mut(),
                to_ptr(Some(entry)),
                Ordering::Release,
                Ordering::Relaxed,
            )
            .is_ok()
    }
}

const fn to_ptr(entry: Option<&'static AllocatorEntry>) -> *mut AllocatorEntry {
    match entry {
        Some(entry) => ptr::from_ref(entry).cast_mut(),
        None => ptr::null_mut(),
    }
}

/// Only for pointers out of a slot.
#[inline]
fn to_ref(pointer: *mut AllocatorEntry) -> Option<&'static AllocatorEntry> {
    // SAFETY: by the type invariant of the slot it came from, null or a `&'static`.
    unsafe { pointer.as_ref() }
}
