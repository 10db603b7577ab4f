//! What a tying frontend needs to put its word in front of bodies that come from any backing.
//!
//! ```text
//!                 backing's body B'                        frontend's body B
//!                 v                                        v
//!   [ ... | ds'   | padding | (far: offset) | word | ds    | ... ]
//!     \_ backing's          \                \_ TiedHeader /
//!        prefix              \_ at B-24
//! ```
//!
//! `ds` is the frontend's, near or far. It does its own work, then calls [`layer_release_near`] or
//! [`layer_release_far`], which go back to `B'` and call the `ds'` that the backing wrote.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

#[cfg(feature = "default-backing")]
use crate::builtin::usual_size;
use crate::error::AllocError;
use crate::header::{DeleteSpace, TiedHeader};
use crate::locate::delete;
use crate::offset::MIN_ALIGN;
#[cfg(feature = "default-backing")]
use crate::prefix::near_offset;
use crate::prefix::{block_for, far_start, is_usual, near_start, reach, wire};
use crate::registry::Registry;

/// A body of `size` bytes at alignment `align` from the registry's present backing, behind a
/// [`TiedHeader`] with back word `word` and `near` or `far` as its `delete_space`.
///
/// # Errors
///
/// The backing has no such block, or there is no such layout. The error names `size` and `align`.
///
/// # Safety
///
/// `near` and `far` may be called as [`DeleteSpace`] says; each gives the block back exactly once,
/// by [`layer_release_near`] and [`layer_release_far`].
#[inline]
pub unsafe fn layer_allocate(
    registry: &Registry,
    size: usize,
    align: usize,
    type_index: i32,
    near: DeleteSpace,
    far: DeleteSpace,
    word: usize,
) -> Result<NonNull<c_void>, AllocError> {
    if is_usual(size, align) {
        // SAFETY: the caller's contract.
        unsafe { layer(registry, size, MIN_ALIGN, type_index, near, far, word) }
    } else {
        // SAFETY: as above.
        unsafe { layer_rarely(registry, size, align, type_index, near, far, word) }
    }
}

/// [`layer`] for what [`is_usual`] does not cover.
///
/// # Safety
///
/// As [`layer_allocate`].
#[inline(never)]
unsafe fn layer_rarely(
    registry: &Registry,
    size: usize,
    align: usize,
    type_index: i32,
    near: DeleteSpace,
    far: DeleteSpace,
    word: usize,
) -> Result<NonNull<c_void>, AllocError> {
    // SAFETY: the caller's contract.
    unsafe { layer(registry, size, align, type_index, near, far, word) }
}

/// # Safety
///
/// As [`layer_allocate`].
#[inline(always)]
unsafe fn layer(
    registry: &Registry,
    size: usize,
    align: usize,
    type_index: i32,
    near: DeleteSpace,
    far: DeleteSpace,
    word: usize,
) -> Result<NonNull<c_void>, AllocError> {
    let error = AllocError::new(size, align);
    let block = block_for::<TiedHeader>(size, align).map_err(|_| error)?;
    let inner = registry.back(block.size(), block.align(), type_index);
    let header = TiedHeader::new(word, reach(align, near, far));
    // SAFETY: the backing's body is fresh, and has the size and alignment that the layout asks for.
    Ok(unsafe { wire(inner.ok_or(error)?, &block, header) })
}

/// Gives a near body's block back to the backing it came from.
///
/// # Safety
///
/// `body` came from [`layer_allocate`] and has its `near` in the header. It is given back this
/// once, and nobody uses it or its header again.
pub unsafe fn layer_release_near(body: NonNull<c_void>) {
    // SAFETY: near bodies were wired near, at the backing's body, which is headed.
    unsafe { delete(near_start::<TiedHeader>(body)) }
}

/// The size of a near body whose block this copy's [`DEFAULT_BACKING`](crate::DEFAULT_BACKING) handed out for
/// an alignment up to 8; `None` for any other.
///
/// For frontends that keep some such blocks for their next objects, instead of giving each back: a body of
/// that size may be wired there again, which is what [`layer_allocate`] would answer while the registry's backing
/// is that one. All that has to be written is the back word.
///
/// # Safety
///
/// `body` came from [`layer_allocate`] and has its `near` in the header.
#[cfg(feature = "default-backing")]
#[inline(always)]
pub unsafe fn layer_usual_size(body: NonNull<c_void>) -> Option<usize> {
    // SAFETY: near bodies were wired near, at the backing's body, which is headed.
    let size = unsafe { usual_size(near_start::<TiedHeader>(body)) }?;
    Some(size - near_offset::<TiedHeader>())
}

/// Gives a far body's block back to the backing it came from.
///
/// # Safety
///
/// As for [`layer_release_near`], with `far` in the header.
pub unsafe fn layer_release_far(body: NonNull<c_void>) {
    // SAFETY: far bodies were wired far, at the backing's body, which is headed.
    unsafe { delete(far_start::<TiedHeader>(body)) }
}

/// Whether `ds` is one of a frontend's two functions: then the body's header is a [`TiedHeader`].
///
/// Both must be single functions: not generic and never inlined, or they have many addresses.
#[inline]
pub fn is_mine(ds: DeleteSpace, near: DeleteSpace, far: DeleteSpace) -> bool {
    ptr::fn_addr_eq(ds, near) || ptr::fn_addr_eq(ds, far)
}
