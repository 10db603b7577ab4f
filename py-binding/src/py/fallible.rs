//! What PyO3 itself makes or asks for with a panic where there is no memory: here it is MemoryError. A slot has no
//! place for a panic, and a function of the package's would raise one that no `except Exception` catches.

use core::ffi::CStr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

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

/// The items of a list. As a whole PyO3 reads it with a panic where there is no memory.
pub(crate) fn each<'py, T>(list: &Bound<'py, PyAny>) -> PyResult<Vec<T>>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let items = list.cast::<PyList>()?;
    items.iter().map(|item| item.extract()).collect()
}

/// A new tuple.
pub(crate) fn tuple<'py, const N: usize>(
    py: Python<'py>,
    items: [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyTuple>> {
    // SAFETY: attached; a new tuple or an exception comes. Nobody else has it, and each of its places is given its
    // own reference.
    unsafe {
        let made = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(N as isize))?;
        for (at, item) in items.into_iter().enumerate() {
            ffi::PyTuple_SET_ITEM(made.as_ptr(), at as isize, item.into_ptr());
        }
        Ok(made.cast_into_unchecked())
    }
}

/// A new dict with nothing in it.
pub(crate) fn dict(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // SAFETY: attached; a new dict or an exception comes.
    unsafe { Ok(Bound::from_owned_ptr_or_err(py, ffi::PyDict_New())?.cast_into_unchecked()) }
}

/// An int.
pub(crate) fn int(py: Python<'_>, value: i64) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached; a new reference or an exception comes.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromLongLong(value)) }
}

/// An int that counts something, or says where it is.
pub(crate) fn size(py: Python<'_>, value: usize) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached; a new reference or an exception comes.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromSize_t(value)) }
}

/// What `str()` says of an object. Shown by its `Display`, an object that cannot be is reported and passed over.
pub(crate) fn text<T>(object: &Bound<'_, T>) -> PyResult<String> {
    Ok(object.as_any().str()?.to_cow()?.into_owned())
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
