//! An arena that counts, can run dry, and takes back only what is its own.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloc_header::allocator_api2::alloc::{AllocError, Allocator};

use super::hostile;

pub(crate) struct Arena {
    owner: usize,
    live: AtomicUsize,
    made: AtomicUsize,
    budget: AtomicUsize,
}

impl Arena {
    /// `owner` is its name; two arenas of one name would not notice each other's blocks.
    pub(crate) const fn new(owner: usize) -> Self {
        Self {
            owner,
            live: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            budget: AtomicUsize::new(usize::MAX),
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// How many more allocations succeed.
    pub(crate) fn set_budget(&self, budget: usize) {
        self.budget.store(budget, Ordering::Relaxed);
    }
}

// SAFETY: blocks come from the system and stay where they are; the arena has no clones.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let spend = |left: usize| left.checked_sub(1);
        let budget = &self.budget;
        budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .map_err(|_| AllocError)?;
        let start = NonNull::new(hostile::take(self.owner, layout)).ok_or(AllocError)?;
        self.live.fetch_add(1, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        // SAFETY: by the trait's contract; `give` checks the rest.
        unsafe { hostile::give(self.owner, start.as_ptr(), layout) };
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}
