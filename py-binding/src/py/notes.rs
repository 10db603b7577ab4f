//! What the collector of this build notes in objects: by that its passes are told apart, and made to forget
//! that it finalized one.
//!
//! | | GIL | free-threaded |
//! |---|---|---|
//! | where it counts | in front of the object, above two bits of flags | in the place of the owner's name |
//! | what it takes for dead so far | on a list of its own | a bit |
//! | what it finalized | a bit in front of the object | a bit |
//! | who goes on meanwhile | threads that are not attached | the same: all others stand still |

use pyo3::ffi;

use crate::py::refs;

#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    use pyo3::ffi;

    pub(crate) type Noted = usize;

    /// Where a collector counts while it is at work: in the word in front of the object, above two bits of
    /// flags.
    pub(crate) unsafe fn noted(object: *mut ffi::PyObject) -> Noted {
        // SAFETY: the caller's contract.
        unsafe { *object.cast::<usize>().sub(1) >> 2 }
    }

    pub(crate) unsafe fn add(object: *mut ffi::PyObject, _: bool) {
        // SAFETY: the caller's contract: the collector is known by what it does to that word.
        unsafe { *object.cast::<usize>().sub(1) += 1 << 2 };
    }

    #[inline]
    pub(crate) unsafe fn track_again(_: *mut ffi::PyObject) {}

    pub(crate) unsafe fn is_dying(_: *mut ffi::PyObject, _: bool) -> bool {
        false
    }

    /// The second function that comes by marks.
    pub(crate) fn did(before: Noted, after: Noted) -> Option<super::Did> {
        if before == after + 1 {
            Some(super::Did::Subtracted)
        } else {
            Some(super::Did::Reached)
        }
    }

    /// "Finalized": of the second of the collector's two words in front of the object, from 3.9 on.
    const FINALIZED: usize = 1;

    pub(crate) unsafe fn is_finalized(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's contract.
        unsafe { *object.cast::<usize>().sub(1) & FINALIZED != 0 }
    }

    pub(crate) unsafe fn erase_finalized(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe { *object.cast::<usize>().sub(1) &= !FINALIZED };
    }

    /// The lower of the two flags beside the count: the object is one of those that the collector is at work on.
    const COLLECTING: usize = 2;

    pub(crate) unsafe fn is_candidate(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's contract.
        unsafe { *object.cast::<usize>().sub(1) & COLLECTING != 0 }
    }

    #[inline]
    pub(crate) unsafe fn await_finalized(_: *mut ffi::PyObject) {}
}

#[cfg(Py_GIL_DISABLED)]
mod imp {
    use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

    use pyo3::ffi;

    use crate::py::refs;

    pub(crate) type Noted = (usize, u8, u32);

    /// "Finalized", of the collector's bits.
    const FINALIZED: u8 = 2;
    /// It takes the object for dead so far.
    const UNREACHABLE: u8 = 4;
    /// Of the shared count: it is the only one.
    const MERGED: isize = 3;

    /// While a collector is at work all threads stand still: it counts in the place of the owner's name, notes
    /// what may be dead in a bit of its own, and counts a second time in the place of the owner's count.
    pub(crate) unsafe fn noted(object: *mut ffi::PyObject) -> Noted {
        // SAFETY: the caller's contract.
        unsafe {
            let bits = AtomicU8::from_ptr(&raw mut (*object).ob_gc_bits).load(Ordering::Relaxed);
            let local = (*object).ob_ref_local.load(Ordering::Relaxed);
            (
                AtomicUsize::from_ptr(&raw mut (*object).ob_tid).load(Ordering::Relaxed),
                bits,
                local,
            )
        }
    }

    pub(crate) unsafe fn add(object: *mut ffi::PyObject, again: bool) {
        // SAFETY: the caller's contract.
        unsafe {
            if again {
                (*object).ob_ref_local.fetch_add(1, Ordering::Relaxed);
            } else {
                AtomicUsize::from_ptr(&raw mut (*object).ob_tid).fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[inline]
    pub(crate) unsafe fn track_again(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe { ffi::PyObject_GC_Track(object.cast()) };
    }

    /// A count that came to 0 in two parts, which the collector has put together: the object is to be
    /// finalized by it. When it subtracts again it owns a reference to each.
    pub(crate) unsafe fn is_dying(object: *mut ffi::PyObject, again: bool) -> bool {
        // SAFETY: the caller's contract.
        unsafe {
            let shared = (*object).ob_ref_shared.load(Ordering::Relaxed) >> 2;
            if again {
                shared <= 1
            } else {
                shared + (*object).ob_ref_local.load(Ordering::Relaxed) as isize == 0
            }
        }
    }

    /// Told by what one visit has changed; nothing else is taken for a pass.
    pub(crate) fn did(before: Noted, after: Noted) -> Option<super::Did> {
        let ((tid, bits, local), (tid_now, bits_now, local_now)) = (before, after);
        let (dead, dead_now) = (bits & UNREACHABLE != 0, bits_now & UNREACHABLE != 0);
        // A candidate that is come by for the first time has a count of 0.
        let counted = if dead { tid } else { 0 };
        if dead_now && local == local_now && tid_now == counted.wrapping_sub(1) {
            Some(super::Did::Subtracted)
        } else if dead && !dead_now && local == local_now && tid == tid_now {
            Some(super::Did::Reached)
        } else if dead && dead_now && tid == tid_now && local_now == local.wrapping_sub(1) {
            Some(super::Did::SubtractedAgain)
        } else {
            None
        }
    }

    pub(crate) unsafe fn is_finalized(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's contract. Relaxed: while a collector is at work nobody writes it.
        let bits = unsafe { AtomicU8::from_ptr(&raw mut (*object).ob_gc_bits) };
        bits.load(Ordering::Relaxed) & FINALIZED != 0
    }

    /// "Finalized" is set by whoever calls the finalizer, by a load and a store: by the collector before it calls,
    /// else after it, and before the count is merged, which the interpreter does to all that it finds
    /// alive after the finalizer. The collector itself writes these bits of what it took for dead and is dead
    /// still, or with all threads stopped.
    pub(crate) unsafe fn erase_finalized(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe { AtomicU8::from_ptr(&raw mut (*object).ob_gc_bits) }
            .fetch_and(!FINALIZED, Ordering::Relaxed);
    }

    pub(crate) unsafe fn is_candidate(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's contract. Relaxed: while a collector is at work nobody writes it.
        let bits = unsafe { AtomicU8::from_ptr(&raw mut (*object).ob_gc_bits) };
        bits.load(Ordering::Relaxed) & UNREACHABLE != 0
    }

    pub(crate) unsafe fn await_finalized(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe {
            // A handful of instructions of the finalizing thread's: bounded, so that it cannot hang.
            for _ in 0..1000 {
                // Acquire: pairs with the merge.
                if (*object).ob_ref_shared.load(Ordering::Acquire) & MERGED == MERGED {
                    break;
                }
                refs::pause();
            }
        }
    }
}

/// What a collector at work notes in an object, as far as its passes are told by it.
pub(crate) use imp::Noted;

/// What a collector's function does to an object that is visited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Did {
    /// Takes one from the count of references to it.
    Subtracted,
    /// Marks it as reached.
    Reached,
    /// As the first, once more, of what was found dead and has been finalized. (With a GIL that is the first
    /// again.)
    #[cfg_attr(
        not(Py_GIL_DISABLED),
        expect(dead_code, reason = "one function does both")
    )]
    SubtractedAgain,
}

/// What a collector has noted in an object by now.
///
/// # Safety
///
/// Attached; a live object that the collector follows.
pub(crate) unsafe fn noted(object: *mut ffi::PyObject) -> Noted {
    // SAFETY: the caller's contract.
    unsafe { imp::noted(object) }
}

/// Has the collector count one reference more to an object.
///
/// # Safety
///
/// A pass that subtracts, or subtracts `again`, asks this object what it refers to; the collector's functions are
/// known.
pub(crate) unsafe fn add(object: *mut ffi::PyObject, again: bool) {
    // SAFETY: the caller's contract.
    unsafe { imp::add(object, again) };
}

/// Has the collector follow an object that it did before that was [revived](crate::py::begin::revive): where its bits are
/// in the object, they are forgotten with that.
///
/// # Safety
///
/// Attached; the object is the caller's alone, of a collected class, and was tracked before.
#[inline]
pub(crate) unsafe fn track_again(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    unsafe { imp::track_again(object) };
}

/// Whether nobody in Python holds the object, so that it dies in this collection whatever is counted.
///
/// # Safety
///
/// As [`add`].
pub(crate) unsafe fn is_dying(object: *mut ffi::PyObject, again: bool) -> bool {
    // SAFETY: the caller's contract.
    unsafe { imp::is_dying(object, again) }
}

/// Whether an object is one of those that the collector looks at: in a pass that subtracts again, of those it found
/// dead before.
///
/// # Safety
///
/// Attached; a live object; within a pass that subtracts.
pub(crate) unsafe fn is_candidate(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract; collected objects have the bits.
    unsafe { ffi::PyObject_IS_GC(object) != 0 && imp::is_candidate(object) }
}

/// What a visit did to an object, by what was noted before and after it. `None`: none of these.
pub(crate) fn did(before: Noted, after: Noted) -> Option<Did> {
    imp::did(before, after)
}

/// Whether the interpreter has noted that an object was finalized.
///
/// # Safety
///
/// Attached; a live object that the collector follows.
pub(crate) unsafe fn is_finalized(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { imp::is_finalized(object) }
}

/// Makes the interpreter forget that an object was finalized, so that it will be again.
///
/// # Safety
///
/// Attached; a live object, not in the hands of the collector.
pub(crate) unsafe fn forget_finalized(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract; collected objects have the bit.
    unsafe {
        if refs::is_collected(ffi::Py_TYPE(object)) {
            imp::await_finalized(object);
            imp::erase_finalized(object);
        }
    }
}

/// As [`forget_finalized`]. Quiet.
///
/// # Safety
///
/// The collector asks this object what it refers to: so no finalizer of it is about to end.
pub(crate) unsafe fn erase_finalized(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    unsafe { imp::erase_finalized(object) };
}
