//! What PyO3 itself makes or asks for with a panic where there is no memory: here it is MemoryError. A slot has no
//! place for a panic, and a function of the package's would raise one that no `except Exception` catches.

use core::ffi::CStr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

/// A new str.
pub(crate) fn string<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    let (start, len) = (text.as_ptr().cast(), text.len() as isize);
    // SAFETY: attached; the text is readable for the call. An exact str or an exception comes.
    unsafe {
        let made = ffi::PyUnicode_FromStringAndSize(start, len);
        Ok(Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked())
    }
}

/// A new list with nothing in it.
pub(crate) fn list(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    // SAFETY: attached; a new list or an exception comes.
    unsafe { Ok(Bound::from_owned_ptr_or_err(py, ffi::PyList_New(0))?.cast_into_unchecked()) }
}

/// A new tuple of two.
pub(crate) fn pair<'py>(
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyTuple>> {
    // SAFETY: attached, as a Bound says; both are kept by the tuple. A new one or an exception comes.
    unsafe {
        let made = ffi::PyTuple_Pack(2, first.as_ptr(), second.as_ptr());
        Ok(Bound::from_owned_ptr_or_err(first.py(), made)?.cast_into_unchecked())
    }
}

/// An object's attribute.
pub(crate) fn attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &CStr,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached, as the Bound says; a new reference or an exception comes.
    unsafe {
        let found = ffi::PyObject_GetAttrString(object.as_ptr(), name.as_ptr());
        Bound::from_owned_ptr_or_err(object.py(), found)
    }
}

/// Sets an object's attribute.
pub(crate) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &CStr,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: attached, as the Bound says; live objects.
    match unsafe { ffi::PyObject_SetAttrString(object.as_ptr(), name.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(object.py())),
    }
}

/// A module, imported if it was not.
pub(crate) fn module<'py>(py: Python<'py>, name: &CStr) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; a new reference or an exception comes.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyImport_ImportModule(name.as_ptr())) }
}
