//! The system's heap, with this thread's live blocks counted and the n-th allocation refused.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// Allocations until one fails; 0 means that none does.
    static FAIL_IN: Cell<usize> = const { Cell::new(0) };
}

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

impl Heap {
    /// Whether this allocation is the one to fail.
    fn fails() -> bool {
        let fail_in = FAIL_IN.get();
        FAIL_IN.set(fail_in.saturating_sub(1));
        fail_in == 1
    }
}

// SAFETY: blocks are the system's; the counters do not allocate and nothing unwinds.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Self::fails() {
            return std::ptr::null_mut();
        }
        LIVE.set(LIVE.get() + 1);
        // SAFETY: the trait's contract is this one's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - 1);
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if Self::fails() {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(start, layout, size) }
    }
}

/// How many blocks this thread allocated and nobody freed on it.
#[must_use]
pub fn live() -> isize {
    LIVE.get()
}

/// Runs `f` while the `nth` allocation from now fails (0: none does), and says whether it came to
/// that.
pub fn failing<R>(nth: usize, f: impl FnOnce() -> R) -> (R, bool) {
    FAIL_IN.set(nth);
    let result = f();
    (result, nth != 0 && FAIL_IN.replace(0) == 0)
}
