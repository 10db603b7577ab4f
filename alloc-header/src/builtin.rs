//! The default backing: the program's global allocator, with the block's layout in the prefix.
//!
//! The only file that calls the global allocator.
//!
//! ```text
//!   near   start        +8             +16 body
//!          | layout     | delete_space | ...
//!
//!   far    start             -24      -16      -8             body
//!          | padding ...... | offset | layout | delete_space | ...
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "blocks are made and freed in this file"
)]

extern crate alloc;

use alloc::alloc::{alloc, dealloc};
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use crate::entry::AllocatorEntry;
use crate::header::{AllocHeader, DeleteSpace};
use crate::layout_word::{LayoutWord, SizedHeader};
use crate::locate::{before, delete_space_of};
use crate::offset::MIN_ALIGN;
use crate::prefix::{block_for, far_start, is_usual, near_offset, near_start, reach, wire};

/// Blocks from the program's global allocator (`#[global_allocator]`, or std's).
///
/// Each library that links this crate has its own copy, over the global allocator it was linked
/// with; a block goes back where it came from, because its header names that copy's functions.
pub static DEFAULT_BACKING: AllocatorEntry =
    // SAFETY: `allocate` keeps the contract, and ignores the context. The global allocator may be
    // used from any thread, and an unwinding one is stopped at `extern "C"`.
    unsafe { AllocatorEntry::new(allocate, ptr::null_mut()) };

extern "C" fn allocate(size: usize, align: usize, _: i32, _: *mut c_void) -> *mut c_void {
    try_allocate(size, align).map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// What [`DEFAULT_BACKING`] hands out: to be called where it is known to be the backing, so that the
/// compiler may know `size` and `align` too.
#[inline]
pub(crate) fn try_allocate(size: usize, align: usize) -> Option<NonNull<c_void>> {
    if is_usual(size, align) {
        take(size, MIN_ALIGN)
    } else {
        rarely(size, align)
    }
}

/// [`take`] for what [`is_usual`] does not cover.
#[inline(never)]
fn rarely(size: usize, align: usize) -> Option<NonNull<c_void>> {
    take(size, align)
}

#[inline(always)]
fn take(size: usize, align: usize) -> Option<NonNull<c_void>> {
    let block = block_for::<SizedHeader>(size, align).ok()?;
    let layout = LayoutWord::pack(&block)?;
    // SAFETY: by `LayoutWord`'s invariant, the size is not zero.
    let start = NonNull::new(unsafe { alloc(layout.layout()) })?;
    let base = AllocHeader::new(reach(align, near_delete, far_delete));
    // SAFETY: the block is fresh and has that very layout.
    Some(unsafe { wire(start.cast(), &block, SizedHeader { layout, base }) })
}

/// Frees a body of alignment up to 16.
///
/// # Safety
///
/// The contract of [`DeleteSpace`](crate::DeleteSpace): `body` has this function in its header.
#[inline(never)]
unsafe extern "C" fn near_delete(body: *mut c_void) {
    // SAFETY: bodies are not null; this one was wired near, by `take`, and is freed this
    // once.
    unsafe {
        let body = NonNull::new_unchecked(body);
        give_back(near_start::<SizedHeader>(body), body);
    }
}

/// Frees a body of alignment beyond 16.
///
/// # Safety
///
/// As for [`near_delete`].
#[inline(never)]
unsafe extern "C" fn far_delete(body: *mut c_void) {
    // SAFETY: as in `near_delete`, wired far.
    unsafe {
        let body = NonNull::new_unchecked(body);
        give_back(far_start::<SizedHeader>(body), body);
    }
}

/// The size of a body that [`DEFAULT_BACKING`] of this copy of the crate handed out and that [`is_usual`]
/// covers; `None` for any other.
///
/// # Safety
///
/// A headed body that is there.
#[inline(always)]
pub(crate) unsafe fn usual_size(body: NonNull<c_void>) -> Option<usize> {
    // SAFETY: the caller's: a header ends at the body; if it names `near_delete`, `take` wired a
    // `SizedHeader`.
    let layout = unsafe {
        if !ptr::fn_addr_eq(delete_space_of(body), near_delete as DeleteSpace) {
            return None;
        }
        (*before::<SizedHeader>(body).as_ptr()).layout.layout()
    };
    (layout.align() == MIN_ALIGN).then(|| layout.size() - near_offset::<SizedHeader>())
}

/// # Safety
///
/// `start` begins the block of `body`, which `take` made; it is given back this once.
unsafe fn give_back(start: NonNull<c_void>, body: NonNull<c_void>) {
    // SAFETY: `take` wired a `SizedHeader`.
    let layout = unsafe { (*before::<SizedHeader>(body).as_ptr()).layout.layout() };
    // SAFETY: the global allocator gave `start` for this layout.
    unsafe { dealloc(start.as_ptr().cast(), layout) }
}
