//! A hold: one Python object owned by native code, with room to wait on the deferred list.
//!
//! Made together with every closure, carrier and error that owns a Python object, so that dropping
//! allocates nothing.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;

use crate::py::hang;
use crate::py::raise::{Raised, no_memory};

/// One owned Python object.
#[repr(C)]
pub(crate) struct Hold {
    object: *mut ffi::PyObject,
    /// The deferred list's link.
    pub(crate) next: Cell<usize>,
    /// The collector takes the object apart, or has.
    doomed: AtomicBool,
}

/// A hold on `object`.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn new(object: *mut ffi::PyObject) -> Result<*mut Hold, Raised> {
    // SAFETY: attached; the raw allocator, because unattached threads may see the memory.
    unsafe {
        let hold = ffi::PyMem_RawMalloc(size_of::<Hold>()).cast::<Hold>();
        if hold.is_null() {
            return Err(no_memory());
        }
        ffi::Py_INCREF(object);
        hold.write(Hold {
            object,
            next: Cell::new(0),
            doomed: AtomicBool::new(false),
        });
        Ok(hold)
    }
}

/// The object held.
///
/// # Safety
///
/// A live hold.
#[inline]
pub(crate) unsafe fn object(hold: *mut Hold) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe { (*hold).object }
}

/// Whether the collector takes the object apart, or has: then nothing may be called that leads to it. The
/// interpreter counts on that: a function that was cleared and is called ends the process.
///
/// # Safety
///
/// Attached; a live hold.
#[inline]
pub(crate) unsafe fn is_doomed(hold: *mut Hold) -> bool {
    // SAFETY: the caller's contract. Relaxed: written within the collector's passes, while no other attached
    // thread runs.
    unsafe { (*hold).doomed.load(Ordering::Relaxed) }
}

/// Says whether the collector is about to take the object apart.
///
/// # Safety
///
/// As [`is_doomed`], within a pass of the collector.
pub(crate) unsafe fn doom(hold: *mut Hold, doomed: bool) {
    // SAFETY: the caller's contract. Relaxed: as above.
    unsafe { (*hold).doomed.store(doomed, Ordering::Relaxed) };
}

/// Drops the object and frees the hold. May run Python code.
///
/// # Safety
///
/// Attached; the hold is the caller's alone.
pub(crate) unsafe fn free(hold: *mut Hold) {
    // SAFETY: the caller's contract; the hold is freed before anything can look at it.
    unsafe {
        let object = (*hold).object;
        ffi::PyMem_RawFree(hold.cast());
        hang::ready();
        ffi::Py_DECREF(object);
    }
}
