//! For whom storage is kept: the word leads from an object to the storage kept for it, the mark in the
//! storage's handle leads back. That is the way trimming goes, which has storages and needs objects.
//!
//! | handle | meaning |
//! |---|---|
//! | null, or an object | no mark: see invariant I3 |
//! | object + kept | the storage is kept for this object, whose block is there |
//! | object + kept + looked at | a trim looks at the object's word: whoever revives the storage waits |
//!
//! Nothing but the mark keeps the block for a trim. It may follow one because nobody who lets the object go
//! passes it meanwhile: a reviver owns a reference, and waits for the look to end before it goes on; the
//! object's `delete_space` takes the lock that the trim holds, and looks at the word again behind it.

use core::ptr::NonNull;

use alloc_header::primitive::hint::spin_loop;
use alloc_header::primitive::sync::atomic::{AtomicPtr, Ordering};

const KEPT: usize = 2; // 1 tells two kinds of deferred nodes apart, whose links lie in handles too
const LOOKED_AT: usize = 4;

/// Marks storage as kept for an object.
///
/// The object is alive and the storage's word held, or about to be published with Release.
#[inline]
pub fn keep<T>(handle: &AtomicPtr<T>, object: NonNull<T>) {
    let marked = object.as_ptr().map_addr(|address| address | KEPT);
    // Release: what was done to the object happens before a trim looks at it.
    handle.store(marked, Ordering::Release);
}

/// The object that storage is kept for, if it is, which stays until [`look_away`].
#[must_use]
pub fn look<T>(handle: &AtomicPtr<T>) -> Option<NonNull<T>> {
    let seen = handle.load(Ordering::Relaxed);
    if seen.addr() & (KEPT | LOOKED_AT) != KEPT {
        return None;
    }
    let looked_at = seen.map_addr(|address| address | LOOKED_AT);
    // Acquire: pairs with the Release of `keep`. If it fails the storage is being revived: leave it alone.
    handle
        .compare_exchange(seen, looked_at, Ordering::Acquire, Ordering::Relaxed)
        .ok()?;
    NonNull::new(seen.map_addr(|address| address & !KEPT))
}

/// Ends a look: the storage is kept as before, or it is the trim's.
pub fn look_away<T>(handle: &AtomicPtr<T>, object: NonNull<T>, trimmed: bool) {
    let next = if trimmed {
        core::ptr::null_mut()
    } else {
        object.as_ptr().map_addr(|address| address | KEPT)
    };
    // Release: the look happens before what a reviver that waits for it does, which may free the object.
    handle.store(next, Ordering::Release);
}

/// Takes the mark off storage that is being revived, when nobody looks at it.
pub fn keep_no_more<T>(handle: &AtomicPtr<T>) {
    let mut seen = handle.load(Ordering::Relaxed);
    loop {
        if seen.addr() & LOOKED_AT != 0 {
            // For the few instructions that a trim holds the object's word.
            spin_loop();
            seen = handle.load(Ordering::Relaxed);
            continue;
        }
        // Acquire: pairs with the Release of `look_away`.
        let taken = handle.compare_exchange_weak(
            seen,
            core::ptr::null_mut(),
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        match taken {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}
