//! Storage becomes a live object: for the first time, or again.

use pyo3::ffi;

use crate::py::refs;

unsafe extern "C" {
    /// What `PyObject_Init` does, less the class; exported by every CPython.
    fn _Py_NewReference(object: *mut ffi::PyObject);
}

/// Makes new storage an object of that class with one reference.
///
/// # Safety
///
/// Attached; the storage is the caller's alone and long enough; a live class.
#[inline]
pub(crate) unsafe fn begin(object: *mut ffi::PyObject, class: *mut ffi::PyTypeObject) {
    // SAFETY: the caller's contract.
    unsafe {
        if refs::QUIET {
            // `PyObject_Init` by name: it asks the class whether it is on the heap, as ours are.
            ffi::Py_INCREF(class.cast());
            (*object).ob_type = class;
            _Py_NewReference(object);
        } else {
            ffi::PyObject_Init(object, class);
        }
    }
}

/// Makes kept storage count as a live, armed object with one reference: its class, and the reference
/// it holds to it, were kept.
///
/// # Safety
///
/// Attached; the storage is the caller's alone and its count is 0.
#[inline]
pub(crate) unsafe fn revive(object: *mut ffi::PyObject) {
    // Sets the count to 1, and tells tracemalloc and debug builds of the interpreter.
    // SAFETY: the caller's contract; the reference is the caller's.
    unsafe {
        _Py_NewReference(object);
        refs::arm(object);
    }
}

/// Whether [`revive_plain`] does all that [`revive`] does. Debug builds of the interpreter count all references there
/// are, some have a list of all objects, and 3.13 tells whoever traces them; 3.14 has flags beside the count. To tracemalloc such a wrapper
/// was allocated where it was made, and not where it was last revived.
pub(crate) const REVIVES_PLAINLY: bool = cfg!(all(
    not(Py_3_13),
    not(py_sys_config = "Py_REF_DEBUG"),
    not(py_sys_config = "Py_TRACE_REFS"),
    not(Py_GIL_DISABLED)
));

/// [`revive`] without a call.
///
/// # Safety
///
/// As there; [`REVIVES_PLAINLY`].
#[inline(always)]
pub(crate) unsafe fn revive_plain(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract: the count is an object's first word.
    unsafe { object.cast::<ffi::Py_ssize_t>().write(1) };
}
