//! The global allocator: object-core's type table and drop list take their memory from it.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use crate::refusal::Refusal;
use crate::slab::Pool;

struct Heap(Pool);

#[global_allocator]
static HEAP: Heap = Heap(Pool::new());

/// For checks: an allocation of the heap that fails.
pub(crate) static REFUSAL: Refusal = Refusal::none();

// SAFETY: blocks fit their layouts and stay where they are; nothing unwinds here.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if REFUSAL.is_due() {
            return null_mut();
        }
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

/// All of the heap's memory, until it is dropped: every small size, so that nothing is left.
pub(crate) struct Full(*mut Taken);

/// A block that was taken to fill the heap.
struct Taken {
    next: *mut Self,
    layout: Layout,
}

/// Takes what the heap still can give.
pub(crate) fn fill() -> Full {
    let mut full = Full(null_mut());
    for size in [4096, 1024, 512, 256, 128, 64, 32] {
        let Ok(layout) = Layout::from_size_align(size, 8) else {
            continue;
        };
        while let Some(block) = HEAP.0.take(layout) {
            // SAFETY: fresh, and large enough for a `Taken`.
            unsafe {
                block.cast::<Taken>().write(Taken {
                    next: full.0,
                    layout,
                })
            };
            full.0 = block.as_ptr().cast();
        }
    }
    full
}

impl Drop for Full {
    fn drop(&mut self) {
        while let Some(taken) = NonNull::new(self.0) {
            // SAFETY: `fill` took the block for this layout and wrote it; the list is ours.
            unsafe {
                let Taken { next, layout } = taken.read();
                self.0 = next;
                HEAP.0.give(taken.cast(), layout);
            }
        }
    }
}
