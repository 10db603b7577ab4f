//! Near and far blocks: the one place where allocation and release agree on the body's offset.
//!
//! `delete_space` is given the body and nothing else. So an allocator whose words are `N` lays them
//! out in two ways, and has one `delete_space` for each:
//!
//! ```text
//!   near, align <= 16:  the body is at near_offset::<N>(), a constant
//!
//!     start                               body
//!     [ padding to 16 | N ............... | ...
//!
//!   far, align > 16:    the body's offset is written in front of N
//!
//!     start                               body
//!     [ padding to align | offset | N ... | ...
//! ```
//!
//! The last 8 bytes of `N` are an [`AllocHeader`](crate::AllocHeader) that holds the matching
//! `delete_space`.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::error::LayoutError;
use crate::header::DeleteSpace;
use crate::locate::{before, block_of, body_in};
use crate::offset::{BlockLayout, MIN_ALIGN, NEAR_ALIGN};
use crate::width;

/// A far block's words; `offset` is at one place in front of the header, whatever the alignment.
#[repr(C)]
struct Far<N> {
    // 8 bytes on every width, so that `N` stays aligned.
    offset: u64,
    near: N,
}

const fn is_far(align: usize) -> bool {
    align > NEAR_ALIGN
}

/// Sizes up to this are nowhere near any limit: a block of them is no object of 2^56 bytes, and none
/// of `isize::MAX`. Bytes.
const USUAL_SIZE: usize = isize::MAX as usize >> 8;

/// Whether a body is one of those that nearly all are. An allocator's code is compiled twice, once for
/// `align` [`MIN_ALIGN`] and sizes that this says are usual: there the alignment is a constant, no sum
/// can fail, and what is left of the same functions are two additions.
#[inline]
pub(crate) const fn is_usual(size: usize, align: usize) -> bool {
    align == MIN_ALIGN && size <= USUAL_SIZE
}

/// The bytes that [`BlockLayout`] is asked to keep in front of the body.
const fn prefix_for<N>(align: usize) -> usize {
    // No loss: a type's size and 16 bytes more are a `usize`.
    width::prefix(size_of::<N>() as u64, align as u64) as usize
}

/// The offset of every near body: a multiple of each near alignment, with room for `N`.
pub(crate) const fn near_offset<N>() -> usize {
    prefix_for::<N>(MIN_ALIGN)
}

/// The block for a body of `size` bytes at alignment `align` behind words `N`.
#[inline(always)]
pub(crate) fn block_for<N>(size: usize, align: usize) -> Result<BlockLayout, LayoutError> {
    const {
        assert!(size_of::<N>() % 8 == 0 && align_of::<N>() <= 8);
        assert!(size_of::<Far<N>>() == prefix_for::<N>(NEAR_ALIGN + 1));
    };
    BlockLayout::new(prefix_for::<N>(align), size, align)
}

/// Which of an allocator's two functions frees a body of alignment `align`.
#[inline(always)]
pub(crate) fn reach(align: usize, near: DeleteSpace, far: DeleteSpace) -> DeleteSpace {
    if is_far(align) { far } else { near }
}

/// Writes the words of a fresh block and returns its body.
///
/// # Safety
///
/// - `start` begins a block of at least `block.size()` bytes, aligned to `block.align()`, that the
///   caller owns, with provenance for all of it.
/// - `block` comes from [`block_for::<N>`](block_for).
#[inline(always)]
pub(crate) unsafe fn wire<N>(
    start: NonNull<c_void>,
    block: &BlockLayout,
    words: N,
) -> NonNull<c_void> {
    // SAFETY: by `BlockLayout`'s invariants, the offset is at most the block's size.
    let body = unsafe { body_in(start, block.body_offset()) };
    if is_far(block.align()) {
        let far = Far {
            offset: block.body_offset() as u64,
            near: words,
        };
        // SAFETY: the prefix holds a `Far<N>`, aligned because the body is to 8 and its size is a
        // multiple of 8; the caller owns the block.
        unsafe { before::<Far<N>>(body).write(far) };
    } else {
        // SAFETY: as above, for `N`.
        unsafe { before::<N>(body).write(words) };
    }
    body
}

/// The start of a near body's block.
///
/// # Safety
///
/// `body` was returned by [`wire::<N>`](wire) for an alignment up to `NEAR_ALIGN`, in a block that
/// was not given back.
pub(crate) unsafe fn near_start<N>(body: NonNull<c_void>) -> NonNull<c_void> {
    // SAFETY: `block_for` rounds `near_offset` up to a divisor of it: the body is at that offset.
    unsafe { block_of(body, near_offset::<N>()) }
}

/// The start of a far body's block.
///
/// # Safety
///
/// `body` was returned by [`wire::<N>`](wire) for an alignment beyond `NEAR_ALIGN`, in a block that
/// was not given back.
pub(crate) unsafe fn far_start<N>(body: NonNull<c_void>) -> NonNull<c_void> {
    // SAFETY: `wire` wrote a `Far<N>` there, and nobody writes it again.
    let offset = unsafe { (*before::<Far<N>>(body).as_ptr()).offset };
    // SAFETY: it is the offset that `wire` added (a `usize` once, so the cast loses nothing).
    unsafe { block_of(body, offset as usize) }
}
