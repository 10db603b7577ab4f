//! The tying frontend's allocator entry: a back word in front of every object.
//!
//! Blocks come from whatever backing is current, or are such as came from it before ([`blocks`]); the word is
//! layered on top. Each of the two `delete_space`s is one function, so that "is it mine" is two compares.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering;

use alloc_header::{
    AllocatorEntry, DEFAULT_BACKING, FrontendTaken, MIN_ALIGN, Registry, layer_allocate,
    layer_release_far, layer_release_near, word_of,
};
use object_core::runtime;

use crate::py::attached;
use crate::py::blocks;
use crate::py::counts::{self, Count};
use crate::tie::lock::peek;
use crate::tie::{Word, kept_storage};

/// Frees a near body: the wrapper storage it kept, then its block.
#[inline(never)]
pub(crate) unsafe extern "C" fn near(body: *mut c_void) {
    // Quiet: native code calls it, attached or not; what then frees Python's side is ready by itself.
    // SAFETY: `delete_space`'s contract: a block of ours, near, that nobody reaches.
    unsafe {
        let body = NonNull::new_unchecked(body);
        // The way of nearly all: no storage is kept for it.
        if peek(word_of(body)) == Word::DETACHED {
            give_near_back(body);
        } else {
            near_with_wrapper(body);
        }
    }
}

/// Keeps a near body's block for the next one, or gives it back.
///
/// # Safety
///
/// As [`near`], and no storage is kept for it.
#[inline(always)]
unsafe fn give_near_back(body: NonNull<c_void>) {
    // SAFETY: the caller's contract.
    unsafe {
        if let Some(own) = counts::own() {
            if blocks::keep(own, body) {
                counts::add_to(own, Count::Objects, -1);
                return;
            }
        }
        release_near(body);
    }
}

/// A C function, which does not unwind: so it is jumped to.
///
/// # Safety
///
/// As [`give_near_back`].
#[inline(never)]
unsafe extern "C" fn release_near(body: NonNull<c_void>) {
    // Quiet: as `near`.
    // SAFETY: the caller's contract.
    unsafe { layer_release_near(body) };
    counts::add(Count::Objects, -1);
}

/// [`near`] of what has had a wrapper. Jumped to as [`release_near`] is.
///
/// # Safety
///
/// As there.
#[inline(never)]
unsafe extern "C" fn near_with_wrapper(body: NonNull<c_void>) {
    // Quiet: as `near`.
    // SAFETY: the caller's contract.
    unsafe {
        let_go_of_wrapper(body);
        give_near_back(body);
    }
}

/// Frees a far body: the wrapper storage it kept, then its block.
#[inline(never)]
pub(crate) unsafe extern "C" fn far(body: *mut c_void) {
    // Quiet: native code calls it, attached or not; what then frees Python's side is ready by itself.
    if let Some(body) = NonNull::new(body) {
        // SAFETY: `delete_space`'s contract: the block is ours, far, and nobody reaches it.
        unsafe {
            let_go_of_wrapper(body);
            layer_release_far(body);
            counts::add(Count::Objects, -1);
        }
    }
}

/// # Safety
///
/// A body behind our header, both counts 0.
#[inline]
unsafe fn let_go_of_wrapper(body: NonNull<c_void>) {
    // SAFETY: the caller's contract.
    let word = unsafe { word_of(body) };
    if let Some(kept) = kept_storage(peek(word)) {
        // SAFETY: the block goes when we return.
        unsafe { attached::storage_gone(word, kept) };
    }
}

/// A body that an object had before, ours to make one of that size in; if there is one, and a new one would come
/// from where it came. Its bytes are anything.
#[inline(always)]
pub(crate) fn used(registry: &Registry, size: usize) -> Option<NonNull<c_void>> {
    if !core::ptr::eq(registry.backing(), &raw const DEFAULT_BACKING) {
        return None;
    }
    let own = counts::own()?;
    let body = blocks::take(own, size)?;
    // SAFETY: a near body of ours.
    let word = unsafe { word_of(body) };
    word.store(Word::DETACHED.bits(), Ordering::Relaxed); // nobody else has it
    counts::add_to(own, Count::Objects, 1);
    Some(body)
}

unsafe extern "C" fn allocate(
    size: usize,
    align: usize,
    type_index: i32,
    context: *mut c_void,
) -> *mut c_void {
    // Quiet: nothing of Python's is touched.
    // SAFETY: the entry below hands us the registry.
    let registry = unsafe { &*context.cast::<Registry>() };
    if align <= MIN_ALIGN {
        if let Some(body) = used(registry, size) {
            return body.as_ptr();
        }
    }
    // SAFETY: as above.
    unsafe { allocate_new(size, align, type_index, registry) }
}

/// [`allocate`], of a block that was nobody's. A C function, which does not unwind: so it is jumped to.
///
/// # Safety
///
/// As there.
#[inline(never)]
unsafe extern "C" fn allocate_new(
    size: usize,
    align: usize,
    type_index: i32,
    registry: &Registry,
) -> *mut c_void {
    // Quiet: as `allocate`.
    // SAFETY: near and far give the block back once.
    let body = unsafe { layer_allocate(registry, size, align, type_index, near, far, 0) };
    match body {
        Ok(body) => {
            counts::add(Count::Objects, 1);
            body.as_ptr()
        }
        Err(_) => null_mut(),
    }
}

/// Registers the entry with the runtime in force: from here on new objects can be tied.
///
/// # Errors
///
/// Another frontend ties already.
pub(crate) fn install() -> Result<(), FrontendTaken> {
    let registry = runtime().registry;
    // SAFETY: `allocate` keeps the entry's contract with this context, which lives as long as the
    // runtime.
    let entry = unsafe { AllocatorEntry::new(allocate, registry.cast_mut().cast()) };
    // SAFETY: a table's registry lives as long as the process.
    unsafe { &*registry }.register_frontend(Box::leak(Box::new(entry)))
}
