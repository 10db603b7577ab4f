//! The backing of all objects: a slab as an `allocator_api2` allocator, which can be told to fail.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use alloc_header::AllocatorBacking;
use alloc_header::allocator_api2::alloc::{AllocError, Allocator};

use crate::slab::Pool;

/// A slab of objects.
pub(crate) struct Arena {
    pool: Pool,
    /// Allocations until one fails; 0: none does.
    fail_in: AtomicUsize,
}

/// Where objects come from.
pub(crate) static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena {
    pool: Pool::new(),
    fail_in: AtomicUsize::new(0),
});

impl Arena {
    /// The `nth` allocation from now fails.
    pub(crate) fn fail_in(&self, nth: usize) {
        self.fail_in.store(nth, Ordering::Relaxed);
    }

    /// No allocation fails any more; whether one was still to.
    pub(crate) fn fail_no_more(&self) -> bool {
        self.fail_in.swap(0, Ordering::Relaxed) != 0
    }

    /// Frames and blocks in use.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.pool.counts()
    }
}

// SAFETY: blocks fit their layouts and stay where they are; the arena has no clones.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let left = self.fail_in.load(Ordering::Relaxed);
        self.fail_in
            .store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 1 {
            return Err(AllocError);
        }
        let start = self.pool.take(layout).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        // SAFETY: by the trait's contract.
        unsafe { self.pool.give(start, layout) };
    }
}
