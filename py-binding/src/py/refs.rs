//! How this build of CPython counts. The only file that knows.
//!
//! With a GIL a wrapper whose count is above 0 can be taken: whoever would bring it to 0 needs the
//! GIL, which we hold.

use pyo3::ffi;

/// Takes a reference unless the count is 0 (the object's teardown is under way).
///
/// # Safety
///
/// Attached; the object's storage is there.
#[inline]
pub(crate) unsafe fn try_incref(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe {
        if ffi::Py_REFCNT(object) > 0 {
            ffi::Py_INCREF(object);
            true
        } else {
            false
        }
    }
}

unsafe extern "C" {
    /// What `PyObject_Init` does, less the class; exported by every CPython.
    fn _Py_NewReference(object: *mut ffi::PyObject);
}

/// Makes kept storage count as a live object with one reference: its class, and the reference it
/// holds to it, were kept.
///
/// # Safety
///
/// Attached; the storage is the caller's alone and its count is 0.
#[inline]
pub(crate) unsafe fn revive(object: *mut ffi::PyObject) {
    // Sets the count to 1, and tells tracemalloc and debug builds of the interpreter.
    // SAFETY: the caller's contract.
    unsafe { _Py_NewReference(object) };
}

/// Whether the collector follows objects of this class.
///
/// # Safety
///
/// A live class.
#[inline]
pub(crate) unsafe fn is_collected(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { (*class).tp_flags & ffi::Py_TPFLAGS_HAVE_GC != 0 }
}
