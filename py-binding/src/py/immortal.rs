//! Objects that are there for ever, and that every thread uses all the time: registered classes, and the
//! descriptors of their fields. Without a GIL their counts would be one cache line that all threads write to at
//! each `a.x`, whichever object `a` is.
//!
//! CPython has the same trouble with the classes and descriptors that it makes itself, and the same way
//! out for each version; but what is made by a spec, or is a descriptor of our own type, it does not see to.
//!
//! | build | what is done |
//! |---|---|
//! | GIL | nothing: nobody else counts |
//! | free-threaded 3.14 and later | `PyUnstable_Object_EnableDeferredRefcount`: the interpreter counts a use on the thread's own stack |
//! | free-threaded 3.13 | the object becomes immortal, by hand: nobody counts it any more |

use pyo3::ffi;

/// Takes the count of an object that is kept for ever out of every thread's way.
///
/// # Safety
///
/// Attached; a live object that the collector follows, with a reference that is never given back.
#[inline]
pub(crate) unsafe fn keep_for_ever(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    unsafe { imp::keep_for_ever(object) }
}

#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    use super::ffi;

    #[inline]
    pub(crate) unsafe fn keep_for_ever(_: *mut ffi::PyObject) {}
}

#[cfg(all(Py_GIL_DISABLED, Py_3_14))]
mod imp {
    use super::ffi;

    unsafe extern "C" {
        /// Not in pyo3-ffi yet. 1 if it is done, 0 if it was, or the collector does not follow the object.
        fn PyUnstable_Object_EnableDeferredRefcount(object: *mut ffi::PyObject)
        -> core::ffi::c_int;
    }

    pub(crate) unsafe fn keep_for_ever(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe { PyUnstable_Object_EnableDeferredRefcount(object) };
    }
}

#[cfg(all(Py_GIL_DISABLED, not(Py_3_14)))]
mod imp {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::ffi;

    /// A thread's own count that says: immortal.
    const IMMORTAL: u32 = u32::MAX;
    /// No thread has this number.
    const NOBODY: usize = 0;

    pub(crate) unsafe fn keep_for_ever(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe {
            // The collector has nothing to find out about it; it leaves what it does not follow, and all that
            // is reached from there, alive.
            ffi::PyObject_GC_UnTrack(object.cast());
            // Relaxed: a thread that looks at an old count adds to it or takes from it once more, which nobody
            // reads again. In the interpreter's own order: immortal before it is nobody's.
            (*object).ob_ref_local.store(IMMORTAL, Ordering::Relaxed);
            (*object).ob_ref_shared.store(0, Ordering::Relaxed);
            AtomicUsize::from_ptr(&raw mut (*object).ob_tid).store(NOBODY, Ordering::Relaxed);
        }
    }
}
