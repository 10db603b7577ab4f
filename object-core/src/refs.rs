//! Counting by address: what every handle, and C through the runtime table, is made of.

use core::ptr::NonNull;

use crate::anchor::settled;
use crate::count::{Rare, Released, Taken};
use crate::drops;
use crate::header::ObjectHeader;
use crate::type_index;

/// Adds a strong reference.
///
/// # Safety
///
/// The caller has a strong reference to a live object, its own or a lent one.
#[inline]
pub unsafe fn inc_ref(object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    if let Some(rare) = unsafe { inc_ref_noting(object) } {
        // SAFETY: as above; just counted.
        unsafe { settle_rare(object, rare) };
    }
}

/// [`inc_ref`] for code that is to have no call in it: what is left to be done, if that is something rare, is the
/// caller's, who jumps to [`settle_rare`].
///
/// # Safety
///
/// As there. What is left is done before anything else that can run foreign code.
#[inline]
#[must_use]
pub unsafe fn inc_ref_noting(object: NonNull<ObjectHeader>) -> Option<Rare> {
    // SAFETY: alive by the caller's contract.
    unsafe { object.as_ref().counts().inc_noting() }
}

/// What [`inc_ref_noting`] left to be done.
///
/// # Safety
///
/// It said so of this object; the caller owns the reference that it added.
#[cold]
#[inline(never)]
pub unsafe fn settle_rare(object: NonNull<ObjectHeader>, rare: Rare) {
    if rare.must_settle() {
        // SAFETY: the caller's contract.
        unsafe { settle_inc(object) };
    }
}

/// As [`inc_ref`], for where locks are held: runs no foreign code. True: the caller owes a
/// [`settle_inc`] once they are not.
///
/// # Safety
///
/// As [`inc_ref`].
#[inline]
#[must_use]
pub(crate) unsafe fn inc_unsettled(object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: alive by the caller's contract.
    unsafe { object.as_ref().counts().inc_strong() }
}

/// Tells the runtime that an object which only its wrapper held has one more reference.
///
/// # Safety
///
/// [`inc_unsettled`] asked for it; the caller owns the reference that it added.
#[cold]
pub(crate) unsafe fn settle_inc(object: NonNull<ObjectHeader>) {
    // No table: no wrapper either, so nothing to settle.
    if let Some(table) = settled() {
        // SAFETY: the caller's contract.
        unsafe { (table.count_settle)(object.as_ptr()) };
    }
}

/// Gives a strong reference back, and deletes the object if it was the last.
///
/// # Safety
///
/// The caller owns a strong reference and does not use it afterwards.
#[inline]
pub unsafe fn dec_ref(object: NonNull<ObjectHeader>) {
    // SAFETY: alive by the caller's reference.
    let header = unsafe { object.as_ref() };
    if !header.is_busy() {
        // SAFETY: the caller's contract.
        return unsafe { dec_first(object) };
    }
    // SAFETY: the caller's reference goes; what is due is done below.
    match unsafe { header.counts().dec_busy() } {
        Released::Held => {}
        // SAFETY: the count said what is due.
        released => unsafe { settle_release(object, released) },
    }
}

/// [`dec_ref`] of an object that the caller keeps by another reference: a little faster.
///
/// # Safety
///
/// The caller owns a strong reference and does not use it afterwards; the rest is
/// [`Counts::dec_kept`](crate::count::Counts::dec_kept)'s.
#[inline]
pub unsafe fn dec_ref_kept(object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    unsafe {
        if !object.as_ref().counts().dec_kept() {
            dec_ref(object);
        }
    }
}

/// [`dec_ref`] of an object that is not known to be busy: the reference is mostly the first that goes, and the
/// last one.
///
/// # Safety
///
/// As there.
#[inline(never)]
unsafe fn dec_first(object: NonNull<ObjectHeader>) {
    // SAFETY: alive by the caller's reference, which goes; what is due is done below.
    unsafe {
        let header = object.as_ref();
        if header.counts().dec_if_last() {
            return drops::delete_both(object);
        }
        if header.counts().strong() > 1 {
            header.note_busy();
        }
        settle_release(object, header.counts().dec_strong());
    }
}

/// Adds a weak reference.
///
/// # Safety
///
/// The caller has a reference of any kind.
#[inline]
pub unsafe fn inc_weak(object: NonNull<ObjectHeader>) {
    // SAFETY: the space is there by the caller's reference.
    unsafe { object.as_ref().counts().inc_weak() };
}

/// Gives a weak reference back, and frees the space if it was the last reference.
///
/// # Safety
///
/// The caller owns a weak reference and does not use it afterwards.
#[inline]
pub unsafe fn dec_weak(object: NonNull<ObjectHeader>) {
    // SAFETY: the space is there by the caller's reference.
    let header = unsafe { object.as_ref() };
    // SAFETY: the caller's reference goes; what is due is done below.
    if unsafe { header.counts().dec_weak() } {
        let deleter = header.deleter();
        // SAFETY: weak is 0, so the space is due, once.
        unsafe { deleter(object.as_ptr().cast(), crate::header::DELETE_SPACE) };
    }
}

/// Makes a strong reference of a weak one, which stays as well; false if the object is dead.
///
/// # Safety
///
/// The caller has a weak reference.
#[inline]
#[must_use]
pub unsafe fn upgrade(object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the caller's contract.
    match unsafe { try_upgrade(object) } {
        Taken::Counted => true,
        Taken::Dead => false,
        // SAFETY: the caller's contract.
        Taken::Slow => unsafe { upgrade_slow(object) },
    }
}

/// As [`upgrade`], unless the runtime has to do it: [`Taken::Slow`], and nothing was done. Runs no
/// foreign code.
///
/// # Safety
///
/// As [`upgrade`].
#[inline]
pub(crate) unsafe fn try_upgrade(object: NonNull<ObjectHeader>) -> Taken {
    // SAFETY: the space is there by the caller's reference.
    unsafe { object.as_ref().counts().upgrade() }
}

/// Whether the object may be called: its number is the functions'.
///
/// # Safety
///
/// Null or a live object.
pub(crate) unsafe fn is_function(object: *const ObjectHeader) -> bool {
    // SAFETY: the caller's contract.
    unsafe { object.as_ref() }.is_some_and(|header| header.type_index() == type_index::FUNCTION)
}

/// Does what a release is due.
///
/// # Safety
///
/// The count said so to this caller, who does not touch the object afterwards (but for a weak reference
/// of its own).
#[inline(never)]
pub unsafe fn settle_release(object: NonNull<ObjectHeader>, released: Released) {
    match released {
        Released::Held => {}
        // SAFETY: the count told this thread, and it alone, that the object is dead.
        Released::Body => unsafe { drops::delete_body(object) },
        // SAFETY: as above.
        Released::Both => unsafe { drops::delete_both(object) },
        Released::Slow => match settled() {
            // SAFETY: the caller's reference goes to the runtime.
            Some(table) => unsafe { (table.count_slow_dec)(object.as_ptr()) },
            // SAFETY: as above; no table, no other arithmetic than this.
            None => unsafe { settle_release(object, object.as_ref().counts().dec_flagged()) },
        },
    }
}

#[cold]
unsafe fn upgrade_slow(object: NonNull<ObjectHeader>) -> bool {
    match settled() {
        // SAFETY: the caller's contract.
        Some(table) => unsafe { (table.count_slow_upgrade)(object.as_ptr()) != 0 },
        // SAFETY: as above.
        None => unsafe { object.as_ref().counts().upgrade_flagged() == Taken::Counted },
    }
}

/// The table's `inc_ref`.
pub(crate) unsafe extern "C" fn table_inc_ref(object: *mut ObjectHeader) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the table's contract.
        unsafe { inc_ref(object) };
    }
}

/// The table's `dec_ref`.
pub(crate) unsafe extern "C" fn table_dec_ref(object: *mut ObjectHeader) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the table's contract.
        unsafe { dec_ref(object) };
    }
}

/// The table's `inc_weak`.
pub(crate) unsafe extern "C" fn table_inc_weak(object: *mut ObjectHeader) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the table's contract.
        unsafe { inc_weak(object) };
    }
}

/// The table's `dec_weak`.
pub(crate) unsafe extern "C" fn table_dec_weak(object: *mut ObjectHeader) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the table's contract.
        unsafe { dec_weak(object) };
    }
}

/// The table's `upgrade`.
pub(crate) unsafe extern "C" fn table_upgrade(object: *mut ObjectHeader) -> i32 {
    match NonNull::new(object) {
        // SAFETY: the table's contract.
        Some(object) => i32::from(unsafe { upgrade(object) }),
        None => 0,
    }
}
