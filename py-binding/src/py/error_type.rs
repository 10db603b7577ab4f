//! What Python reads of a native error, and how it makes one.

use object_core::{Error, ObjectArc, type_index};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::py::carrier::EXPLICIT;
use crate::py::errors::{carried_exception, to_exception};
use crate::py::fallible::{string, tuple};
use crate::py::hang;
use crate::py::out::object_into_python;
use crate::py::raise::{Exc, memory_error, refusal};
use crate::py::slots::native_of;

/// The error behind a wrapper.
fn error_of(object: &Bound<'_, PyAny>) -> PyResult<Error> {
    // SAFETY: attached; the object is alive; an error by its type.
    unsafe {
        let glance = native_of(object.as_ptr()).map_err(|_| PyErr::fetch(object.py()))?;
        let native = glance.object();
        if native.as_ref().type_index() != type_index::ERROR {
            return Err(refusal!(object.py(), Exc::Type, "expected a tieback.Error"));
        }
        Ok(Error::from_object(ObjectArc::from_borrowed(native.cast())))
    }
}

/// `(kind, message, traceback, cause)` of an Error; the cause is an Error or None.
#[pyfunction]
pub(crate) fn error_parts<'py>(error: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    hang::ready();
    let py = error.py();
    let native = error_of(error)?;
    let cause = match native.cause() {
        Some(cause) => show(py, cause)?,
        None => py.None().into_bound(py),
    };
    let (kind, message) = (native.kind(), native.message());
    let [kind, message, traceback] =
        [kind, message, &native.traceback()].map(|part| string(py, part));
    let parts = [
        kind?.into_any(),
        message?.into_any(),
        traceback?.into_any(),
        cause,
    ];
    tuple(py, parts)
}

/// The exception an Error is raised as: the very one it was made of, or a new one.
#[pyfunction]
pub(crate) fn error_exception<'py>(
    error: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBaseException>> {
    hang::ready();
    to_exception(error.py(), &error_of(error)?)
}

/// Whether an Error carries the exception it was made of.
#[pyfunction]
pub(crate) fn error_is_carrier(error: &Bound<'_, PyAny>) -> PyResult<bool> {
    hang::ready();
    Ok(carried_exception(error.py(), &error_of(error)?).is_some())
}

/// A new Error.
#[pyfunction]
pub(crate) fn make_error<'py>(
    py: Python<'py>,
    kind: &str,
    message: &str,
    traceback: &str,
    cause: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let cause = cause.map(error_of).transpose()?;
    let error = Error::try_with(kind, message, cause, None).map_err(|_| memory_error(py))?;
    if !traceback.is_empty() {
        error.push_traceback(traceback);
    }
    show(py, error)
}

/// An error as its wrapper, not as the exception it may carry.
fn show(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: a frontend bit, and this is the frontend.
    unsafe { ObjectArc::header(error.as_object()).set_flags(EXPLICIT) };
    // SAFETY: attached; the reference is ours to give.
    unsafe {
        let shown = object_into_python(ObjectArc::upcast(error.into_object()));
        Bound::from_owned_ptr_or_err(py, shown)
    }
}
