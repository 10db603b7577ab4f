//! The tying frontend's allocator entry: a back word in front of every object.
//!
//! Blocks come from whatever backing is current; the word is layered on top. Each of the two
//! `delete_space`s is one function, so that "is it mine" is two compares.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use alloc_header::{
    AllocatorEntry, FrontendTaken, Registry, layer_allocate, layer_release_far, layer_release_near,
    word_of,
};
use object_core::runtime;

use crate::py::attached;
use crate::py::counts::{self, Count};
use crate::tie::kept_storage;
use crate::tie::lock::peek;

/// Frees a near body: the wrapper storage it kept, then its block.
#[inline(never)]
pub(crate) unsafe extern "C" fn near(body: *mut c_void) {
    // Quiet: native code calls it, attached or not; what then frees Python's side is ready by itself.
    if let Some(body) = NonNull::new(body) {
        // SAFETY: `delete_space`'s contract: the block is ours, near, and nobody reaches it.
        unsafe {
            let_go_of_wrapper(body);
            layer_release_near(body);
            counts::add(Count::Objects, -1);
        }
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

unsafe extern "C" fn allocate(
    size: usize,
    align: usize,
    type_index: i32,
    context: *mut c_void,
) -> *mut c_void {
    // Quiet: nothing of Python's is touched.
    // SAFETY: the entry below hands us the registry; near and far give the block back once.
    let body = unsafe {
        let registry = &*context.cast::<Registry>();
        layer_allocate(registry, size, align, type_index, near, far, 0)
    };
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
