//! The global allocator: object-core's type table and drop list take their memory from it.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use crate::slab::Pool;

struct Heap(Pool);

#[global_allocator]
static HEAP: Heap = Heap(Pool::new());

// SAFETY: blocks fit their layouts and stay where they are; nothing unwinds here.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.take(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if let Some(start) = NonNull::new(start) {
            // SAFETY: by the trait's contract.
            unsafe { self.0.give(start, layout) };
        }
    }
}

/// Frames and blocks in use.
pub(crate) fn counts() -> (usize, usize) {
    HEAP.0.counts()
}
