//! Objects whose bit 63 is set: what the runtime does there that arithmetic does not.
//!
//! On such an object one strong reference is its wrapper's, and somebody must know when the object
//! comes to be held by others too, and when that ends: the tying frontend, which says so once
//! ([`Sharing`]). The arithmetic stays here.
//!
//! | strong before -> after | done here | then |
//! |---|---|---|
//! | n -> n + 1, n > 1 | added | |
//! | 1 -> 2 | added | `settle` |
//! | n -> n - 1, n > 2 | given back | |
//! | 2 -> 1 | given back, under a weak reference | `settle` |
//! | 1 -> 0 | given back, deleted | |
//! | upgrade from n > 1 | added | |
//! | upgrade from 1 | nothing | `upgrade`: only a wrapper that lives keeps the object |
//!
//! `settle` judges by the count it finds, not by what it is told: two that come late and in the wrong
//! order settle the same.

use core::ptr::{NonNull, null_mut};

use crate::count::{Released, Taken};
use crate::header::ObjectHeader;
use crate::primitive::sync::atomic::{AtomicPtr, Ordering};
use crate::refs::{inc_weak, settle_release};
use crate::table::Sharing;

static SHARING: AtomicPtr<Sharing> = AtomicPtr::new(null_mut());

fn sharing() -> Option<&'static Sharing> {
    // Acquire: pairs with the Release in `set`.
    let sharing = SHARING.load(Ordering::Acquire);
    // SAFETY: null, or lives as long as the process by `set`'s contract.
    unsafe { sharing.as_ref() }
}

/// The table's `set_sharing`.
pub(crate) unsafe extern "C" fn set(sharing: *const Sharing) {
    SHARING.store(sharing.cast_mut(), Ordering::Release);
}

/// The table's `count_settle`.
pub(crate) unsafe extern "C" fn settle(object: *mut ObjectHeader) {
    if let (Some(sharing), Some(header)) = (sharing(), NonNull::new(object)) {
        // SAFETY: alive by the table's contract; the weak reference goes to `settle`.
        unsafe {
            inc_weak(header);
            (sharing.settle)(object);
        }
    }
}

/// The table's `count_slow_inc`.
pub(crate) unsafe extern "C" fn slow_inc(object: *mut ObjectHeader) {
    // SAFETY: not null and alive by the table's contract.
    let was_alone = unsafe { (*object).counts().inc_flagged() };
    if was_alone {
        // SAFETY: alive by the reference that was added.
        unsafe { settle(object) };
    }
}

/// The table's `count_slow_dec`.
pub(crate) unsafe extern "C" fn slow_dec(object: *mut ObjectHeader) {
    let Some(object) = NonNull::new(object) else { return };
    // SAFETY: alive by the caller's reference, until that is given back.
    let counts = unsafe { object.as_ref() }.counts();
    let sharing = sharing();
    // SAFETY: the caller's reference goes, once; what is due is done.
    unsafe {
        let Some(sharing) = sharing else {
            return settle_release(object, counts.dec_flagged());
        };
        if let Some(released) = counts.dec_unless_two() {
            return settle_release(object, released);
        }
        // Ours and one more. When ours is gone nothing here keeps the object: the weak reference
        // keeps its space, whoever drops the other one meanwhile.
        inc_weak(object);
        match counts.dec_flagged() {
            // Others came or went before us, or the bit: settled or not, the count says.
            Released::Held => {}
            released => settle_release(object, released),
        }
        (sharing.settle)(object.as_ptr());
    }
}

/// The table's `count_slow_upgrade`.
pub(crate) unsafe extern "C" fn slow_upgrade(object: *mut ObjectHeader) -> i32 {
    // SAFETY: not null, and the space is there, by the table's contract.
    let counts = unsafe { (*object).counts() };
    let taken = match sharing() {
        // SAFETY: the caller holds a weak reference.
        None => unsafe { counts.upgrade_flagged() },
        // SAFETY: as above.
        Some(sharing) => match unsafe { counts.upgrade_unless_one() } {
            Some(taken) => taken,
            // SAFETY: as above; bit 63 is the frontend's.
            None => return unsafe { (sharing.upgrade)(object) },
        },
    };
    i32::from(taken == Taken::Counted)
}
