//! The backing of all objects: a slab as an `allocator_api2` allocator, which can be told to fail.

use core::alloc::Layout;
use core::ptr::NonNull;

use alloc_header::AllocatorBacking;
use alloc_header::allocator_api2::alloc::{AllocError, Allocator};

use crate::refusal::Refusal;
use crate::slab::Pool;

/// A slab of objects.
pub(crate) struct Arena {
    pool: Pool,
    pub(crate) refusal: Refusal,
}

/// Where objects come from.
pub(crate) static ARENA: AllocatorBacking<Arena> = AllocatorBacking::new(Arena {
    pool: Pool::new(),
    refusal: Refusal::none(),
});

impl Arena {
    /// Frames and blocks in use.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.pool.counts()
    }
}

// SAFETY: blocks fit their layouts and stay where they are; the arena has no clones.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if self.refusal.is_due() {
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
