//! The kernel as the tying frontend: the word in front of each object is the task that owns it.
//!
//! ```text
//!   [ arena's words | word: owner | delete_space | object ... ]
//! ```

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use alloc_header::{
    AllocatorEntry, REGISTRY, delete_space_of, is_mine, layer_allocate, layer_release_far,
    layer_release_near, word_of,
};
use object_core::{Object, ObjectArc};

use crate::arena::ARENA;

/// The kernel's own; user tasks follow.
pub(crate) const KERNEL: usize = 1;
/// One more than the largest owner.
pub(crate) const OWNERS: usize = 8;

static CURRENT: AtomicUsize = AtomicUsize::new(KERNEL);
/// Objects that live, by owner.
static LIVE: [AtomicIsize; OWNERS] = [const { AtomicIsize::new(0) }; OWNERS];
/// Objects that were made, by owner.
static MADE: [AtomicUsize; OWNERS] = [const { AtomicUsize::new(0) }; OWNERS];

static FRONTEND: AllocatorEntry =
    // SAFETY: `allocate` keeps the contract for any context.
    unsafe { AllocatorEntry::new(allocate, null_mut()) };

/// Makes the arena the backing, and this the frontend.
pub(crate) fn install() {
    REGISTRY.set_backing(ARENA.entry());
    let first = REGISTRY.register_frontend(&FRONTEND);
    assert!(first.is_ok(), "somebody else ties here");
    assert!(
        REGISTRY.register_frontend(&FRONTEND).is_err(),
        "there can be one frontend only"
    );
}

extern "C" fn allocate(size: usize, align: usize, type_index: i32, _: *mut c_void) -> *mut c_void {
    let owner = CURRENT.load(Ordering::Relaxed);
    // SAFETY: `near` and `far` release by the matching function, once.
    let body = unsafe { layer_allocate(&REGISTRY, size, align, type_index, near, far, owner) };
    let Ok(body) = body else { return null_mut() };
    LIVE[owner].fetch_add(1, Ordering::Relaxed);
    MADE[owner].fetch_add(1, Ordering::Relaxed);
    body.as_ptr()
}

/// # Safety
///
/// `body` came from `allocate`, near, and is freed this once.
#[inline(never)]
unsafe extern "C" fn near(body: *mut c_void) {
    // SAFETY: by the caller.
    unsafe {
        let body = NonNull::new_unchecked(body);
        signed_off(body);
        layer_release_near(body);
    }
}

/// # Safety
///
/// `body` came from `allocate`, far, and is freed this once.
#[inline(never)]
unsafe extern "C" fn far(body: *mut c_void) {
    // SAFETY: by the caller.
    unsafe {
        let body = NonNull::new_unchecked(body);
        signed_off(body);
        layer_release_far(body);
    }
}

/// # Safety
///
/// `body` came from `allocate`.
unsafe fn signed_off(body: NonNull<c_void>) {
    // SAFETY: the header is there until the block is released.
    let owner = unsafe { word_of(body) }.load(Ordering::Relaxed);
    LIVE[owner].fetch_sub(1, Ordering::Relaxed);
}

/// Runs `f` as task `owner`: what it makes is that task's.
pub(crate) fn running<R>(owner: usize, f: impl FnOnce() -> R) -> R {
    let before = CURRENT.swap(owner, Ordering::Relaxed);
    let result = f();
    CURRENT.store(before, Ordering::Relaxed);
    result
}

/// Whose the object is; `None` if it has no header of ours.
pub(crate) fn owner_of<T: Object>(object: &ObjectArc<T>) -> Option<usize> {
    Some(word(object)?.load(Ordering::Relaxed))
}

/// Makes the object another task's.
pub(crate) fn hand_over<T: Object>(object: &ObjectArc<T>, to: usize) -> bool {
    let Some(word) = word(object) else {
        return false;
    };
    let from = word.swap(to, Ordering::Relaxed);
    LIVE[from].fetch_sub(1, Ordering::Relaxed);
    LIVE[to].fetch_add(1, Ordering::Relaxed);
    true
}

fn word<T: Object>(object: &ObjectArc<T>) -> Option<&AtomicUsize> {
    let body = ObjectArc::as_ptr(object).cast::<c_void>();
    // SAFETY: the proof bit says that there is a header, and its function that it is ours; the
    // object, and with it the header, lives as long as the borrow.
    unsafe {
        (ObjectArc::header(object).is_headed() && is_mine(delete_space_of(body), near, far))
            .then(|| word_of(body))
    }
}

/// Objects of `owner` that live, and how many were made by it.
pub(crate) fn counts(owner: usize) -> (isize, usize) {
    (
        LIVE[owner].load(Ordering::Relaxed),
        MADE[owner].load(Ordering::Relaxed),
    )
}
