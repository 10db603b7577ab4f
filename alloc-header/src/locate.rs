//! From a body to what lies in front of it: the only pointer arithmetic of the crate.
//!
//! **Proof comes first.** Whether an object has a header at all is written in the object (the proof
//! bit in `object-core`'s `ObjectHeader.flags`), never guessed from memory: nobody calls a function
//! of this module for a body without that proof, or without having just received it from an
//! allocator's entry. Reading in front of a headerless object is reading somebody else's memory.
//!
//! Bodies are *headed* below when they came from an [`AllocatorEntry`](crate::AllocatorEntry) and
//! were not yet given to their `delete_space`; *tied-headed* when, beyond that, their prefix ends
//! with a [`TiedHeader`]. A pointer to a body must be derived from the one the entry returned
//! (never from a reference to the object, whose provenance ends where the object begins).

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::header::{AllocHeader, DeleteSpace, TiedHeader};
use crate::primitive::sync::atomic::AtomicUsize;

/// The words of type `P` that end where the body begins.
///
/// # Safety
///
/// At least `size_of::<P>()` bytes of `body`'s block lie in front of it.
#[inline(always)]
pub(crate) unsafe fn before<P>(body: NonNull<c_void>) -> NonNull<P> {
    //   body - size_of::<P>()   body
    //   | P ................... | ...
    // SAFETY: by the caller, the result is still inside the block.
    unsafe { body.byte_sub(size_of::<P>()) }.cast()
}

/// The body that begins `offset` bytes into a block.
///
/// # Safety
///
/// The block that begins at `block` has `offset` bytes at least.
#[inline(always)]
pub(crate) unsafe fn body_in(block: NonNull<c_void>, offset: usize) -> NonNull<c_void> {
    // SAFETY: by the caller, the result is inside the block, or one past its end for an empty body.
    unsafe { block.byte_add(offset) }
}

/// The start of the block whose body begins `offset` bytes into it.
///
/// # Safety
///
/// `body` is the result of [`body_in`] for this `offset`, or derived from it.
#[inline(always)]
pub(crate) unsafe fn block_of(body: NonNull<c_void>, offset: usize) -> NonNull<c_void> {
    // SAFETY: by the caller, this undoes an addition inside the same block.
    unsafe { body.byte_sub(offset) }
}

/// The header in front of `body`.
///
/// # Safety
///
/// `body` is headed, as the module's head defines it.
#[inline]
#[must_use]
pub unsafe fn header_of(body: NonNull<c_void>) -> NonNull<AllocHeader> {
    // SAFETY: a headed body has an `AllocHeader` in front of it.
    unsafe { before(body) }
}

/// The tied header in front of `body`.
///
/// # Safety
///
/// `body` is tied-headed, as the module's head defines it: its `delete_space` is one of the two of
/// a tying frontend ([`is_mine`](crate::is_mine)).
#[inline]
#[must_use]
pub unsafe fn tied_header_of(body: NonNull<c_void>) -> NonNull<TiedHeader> {
    // SAFETY: a tied-headed body has a `TiedHeader` in front of it.
    unsafe { before(body) }
}

/// The function that frees the block of `body`; any thread may ask.
///
/// # Safety
///
/// `body` is headed, as the module's head defines it.
#[inline]
#[must_use]
pub unsafe fn delete_space_of(body: NonNull<c_void>) -> DeleteSpace {
    // SAFETY: the header is in front of a headed body, and nobody writes it after the entry did.
    unsafe { (*header_of(body).as_ptr()).delete_space }
}

/// The back word of `body`.
///
/// # Safety
///
/// `body` is tied-headed, as the module's head defines it, and stays so for `'a`.
#[inline]
#[must_use]
pub unsafe fn word_of<'a>(body: NonNull<c_void>) -> &'a AtomicUsize {
    // SAFETY: the word is part of the tied header, lives for `'a`, and is shared only as an atomic.
    unsafe { &(*tied_header_of(body).as_ptr()).word }
}

/// Frees the block of `body` by the function in its own header.
///
/// # Safety
///
/// `body` is headed, as the module's head defines it, and ends to be so: nobody uses it or its
/// header again. What lived in it has been dropped or moved out.
#[inline]
pub unsafe fn delete(body: NonNull<c_void>) {
    // SAFETY: the body is headed, and its `delete_space` is called this once, by the caller.
    unsafe { delete_space_of(body)(body.as_ptr()) }
}
