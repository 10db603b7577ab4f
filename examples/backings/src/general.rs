//! mimalloc, beside the process's own allocator.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use mimalloc::MiMalloc;
use rust_binding::allocator_api2::alloc::{AllocError, Allocator};

/// mimalloc as an [`Allocator`].
#[derive(Debug)]
pub(crate) struct General;

// SAFETY: mimalloc's blocks stay where they are until they are freed, on whatever thread.
unsafe impl Allocator for General {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Err(AllocError); // blocks have a header, so that nobody asks for nothing
        }
        // SAFETY: the size is not 0.
        let start = unsafe { MiMalloc.alloc(layout) };
        let start = NonNull::new(start).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        // SAFETY: by the trait's contract, a block of this allocator's with that layout.
        unsafe { MiMalloc.dealloc(start.as_ptr(), layout) };
    }
}
