//! What the methods of `Map` and `Dict` that the package writes in Python need besides the slots.

use object_core::{Any, Dict};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::py::classes::is_wrapper;
use crate::py::fallible;
use crate::py::hang;
use crate::py::into::to_value;
use crate::py::keys::{key_of, sought};
use crate::py::map::{Either, flat_of, put};
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, memory_error, refusal, type_name};

/// Map or Dict behind an argument of the package's.
pub(crate) fn either(object: &Bound<'_, PyAny>) -> PyResult<Either> {
    // SAFETY: attached; `is_wrapper` says that it is one.
    unsafe {
        if !is_wrapper(object.as_ptr()) {
            let got = type_name(object.as_ptr());
            return Err(refusal!(
                object.py(),
                Exc::Type,
                "expected a tieback.Map or Dict, got {got}"
            ));
        }
        Either::of(object.as_ptr()).map_err(|Raised| PyErr::fetch(object.py()))
    }
}

fn dict(object: &Bound<'_, PyAny>) -> PyResult<Dict> {
    match either(object)? {
        Either::Dict(dict) => Ok(dict),
        Either::Map(_) => Err(refusal!(
            object.py(),
            Exc::Type,
            "a Map does not change; use a Dict"
        )),
    }
}

fn shown(py: Python<'_>, value: Any) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached; a new reference or an exception.
    unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(value)) }
}

/// Takes a key's value out, or answers the default.
#[pyfunction]
pub(crate) fn dict_pop<'py>(
    object: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    default: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = object.py();
    let dict = dict(object)?;
    // SAFETY: attached; a live object.
    let key = unsafe { sought(key.as_ptr()) }.map_err(|Raised| PyErr::fetch(py))?;
    let pair = key.and_then(|key| dict.remove_pair(key.view()));
    pair.map_or(Ok(default), |(_, value)| shown(py, value))
}

/// Takes the last pair out; None if there is none.
#[pyfunction]
pub(crate) fn dict_popitem<'py>(
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    hang::ready();
    let py = object.py();
    let pair = dict(object)?.pop();
    pair.map(|(key, value)| fallible::tuple(py, [shown(py, key)?, shown(py, value)?]))
        .transpose()
}

/// The value of a key; if there is none, the default is put there.
#[pyfunction]
pub(crate) fn dict_setdefault<'py>(
    object: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    default: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = object.py();
    let dict = dict(object)?;
    let raised = |Raised| PyErr::fetch(py);
    // SAFETY: attached; live objects.
    let value = unsafe {
        let (key, value) = (
            key_of(key.as_ptr()).map_err(raised)?,
            to_value(default.as_ptr()).map_err(raised)?,
        );
        dict.try_get_or_insert(key, value)
            .map_err(|_| memory_error(py))?
    };
    shown(py, value)
}

/// Puts all pairs of a mapping or an iterable in. Nothing changes if one of them cannot be converted.
#[pyfunction]
pub(crate) fn dict_update(object: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<()> {
    hang::ready();
    let py = object.py();
    let dict = dict(object)?;
    // SAFETY: attached; a live object.
    unsafe { flat_of(other.as_ptr()).and_then(|flat| put(&dict, flat)) }
        .map_err(|Raised| PyErr::fetch(py))
}

/// Drops all pairs.
#[pyfunction]
pub(crate) fn dict_clear(object: &Bound<'_, PyAny>) -> PyResult<()> {
    hang::ready();
    dict(object).map(|dict| dict.clear())
}

/// Keys and values at one moment, as pairs.
#[pyfunction]
pub(crate) fn map_read<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    hang::ready();
    let py = object.py();
    let flat = either(object)?.flat().map_err(|Raised| PyErr::fetch(py))?;
    let pairs = fallible::list(py)?;
    let mut flat = flat.into_iter();
    while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
        pairs.append(fallible::tuple(py, [shown(py, key)?, shown(py, value)?])?)?;
    }
    Ok(pairs)
}
