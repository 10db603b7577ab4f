//! A tying frontend as small as one can be: its word is what the test puts there.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use alloc_header::{
    AllocatorEntry, Registry, delete_space_of, is_mine, layer_allocate, layer_release_far,
    layer_release_near,
};

use super::keep;

thread_local! {
    /// Bodies that this thread freed through the frontend: near, far.
    static FREED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// How many near and far bodies this thread freed since it last asked.
pub(crate) fn freed() -> (usize, usize) {
    FREED.take()
}

/// The frontend's entry for `registry`.
pub(crate) fn entry_for(registry: &'static Registry) -> &'static AllocatorEntry {
    let context = ptr::from_ref(registry).cast_mut().cast();
    // SAFETY: `allocate` keeps the contract, and the registry lives for ever.
    keep(unsafe { AllocatorEntry::new(allocate, context) })
}

/// Whether the frontend made this body.
///
/// # Safety
///
/// `body` is headed.
pub(crate) unsafe fn made(body: NonNull<c_void>) -> bool {
    // SAFETY: by the caller.
    is_mine(unsafe { delete_space_of(body) }, near, far)
}

/// # Safety
///
/// `context` is a `&'static Registry`.
unsafe extern "C" fn allocate(
    size: usize,
    align: usize,
    type_index: i32,
    context: *mut c_void,
) -> *mut c_void {
    // SAFETY: by the caller; `near` and `far` release by the matching function.
    let body = unsafe {
        layer_allocate(
            &*context.cast::<Registry>(),
            size,
            align,
            type_index,
            near,
            far,
            0,
        )
    };
    body.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// # Safety
///
/// `body` came from `allocate`, near, and is freed this once.
#[inline(never)]
unsafe extern "C" fn near(body: *mut c_void) {
    FREED.with(|freed| freed.set((freed.get().0 + 1, freed.get().1)));
    // SAFETY: by the caller.
    unsafe { layer_release_near(NonNull::new(body).unwrap()) }
}

/// # Safety
///
/// As for `near`, far.
#[inline(never)]
unsafe extern "C" fn far(body: *mut c_void) {
    FREED.with(|freed| freed.set((freed.get().0, freed.get().1 + 1)));
    // SAFETY: by the caller.
    unsafe { layer_release_far(NonNull::new(body).unwrap()) }
}
