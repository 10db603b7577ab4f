//! Bodies without objects in them, for counting what headers alone cost.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::NonNull;

use alloc_header::AllocError;
use alloc_header::allocator_api2::alloc::Allocator;

use crate::arena::ARENA;

/// Frees a body that `Registry::allocate` has just returned.
pub(crate) fn delete(body: Result<NonNull<c_void>, AllocError>) {
    if let Ok(body) = body {
        // SAFETY: by the call's one use: fresh, headed, and nobody else has it.
        unsafe { alloc_header::delete(body) };
    }
}

/// Gives a block back that the arena has just handed out.
pub(crate) fn give_back(block: NonNull<u8>, layout: Layout) {
    // SAFETY: by the call's one use.
    unsafe { ARENA.allocator().deallocate(block, layout) };
}
