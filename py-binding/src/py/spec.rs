//! Classes from specs, and their slots.

use core::ffi::{CStr, c_int, c_ulong, c_void};
use core::ptr::null_mut;

use pyo3::ffi;

use crate::py::raise::Raised;

/// A slot of a spec.
pub(crate) const fn slot(number: c_int, function: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot {
        slot: number,
        pfunc: function,
    }
}

/// The end of a spec's slots.
pub(crate) const END: ffi::PyType_Slot = slot(0, null_mut());

/// A new class below `base`, or directly below `object` where that is NULL, with `flags` beside the usual ones.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; `base` is NULL or a class; the slots end with [`END`], and fit instances that are `size` bytes long and
/// begin as those of the base.
pub(crate) unsafe fn make_class(
    name: &CStr,
    size: usize,
    flags: c_ulong,
    base: *mut ffi::PyTypeObject,
    slots: &mut [ffi::PyType_Slot],
) -> Result<*mut ffi::PyTypeObject, Raised> {
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | flags) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the caller's contract; name, spec and slots are alive for the call, which copies them.
    let class = unsafe { ffi::PyType_FromSpecWithBases(&raw mut spec, base.cast()) };
    if class.is_null() {
        return Err(Raised);
    }
    Ok(class.cast())
}
