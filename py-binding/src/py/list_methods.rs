//! What the methods of `List` (and `Array`) that the package writes in Python need besides the slots.

use core::ops::Range;

use object_core::{Any, Array, ArrayObj, List, SpliceError, type_index};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyFloatMethods, PyList, PyTuple};

use crate::py::classes;
use crate::py::fallible::{self, int, size};
use crate::py::hang;
use crate::py::into::values_of;
use crate::py::items::own;
use crate::py::list::list;
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, memory_error, refusal, type_name};
use crate::py::slots::native_of;

fn py_list(object: &Bound<'_, PyAny>) -> PyResult<List> {
    // SAFETY: attached; `is_wrapper` says that it is one.
    unsafe {
        if !classes::is_wrapper(object.as_ptr()) {
            let got = type_name(object.as_ptr());
            return Err(refusal!(
                object.py(),
                Exc::Type,
                "expected a tieback.List, got {got}"
            ));
        }
        list(object.as_ptr()).map_err(|Raised| PyErr::fetch(object.py()))
    }
}

/// The values at one moment, as a Python list, and the version they are of.
#[pyfunction]
pub(crate) fn list_read<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    hang::ready();
    let py = object.py();
    let (values, version) = py_list(object)?
        .try_read(0, usize::MAX)
        .map_err(|_| memory_error(py))?;
    let shown = fallible::list(py)?;
    for value in values {
        // SAFETY: attached; a new reference or an exception.
        let value = unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(value)) }?;
        shown.append(value)?;
    }
    // SAFETY: attached; a new reference or an exception.
    let version =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromUnsignedLongLong(version)) }?;
    fallible::tuple(py, [shown.into_any(), version])
}

/// The first place of a List or an Array from `start` on and before `stop` with what is looked for; -1 without one. Each
/// value is shown when its turn comes, as a `list` does it: the comparison before may have changed what is there.
#[pyfunction]
pub(crate) fn sequence_find<'py>(
    object: &Bound<'py, PyAny>,
    sought: &Bound<'py, PyAny>,
    start: usize,
    stop: usize,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = object.py();
    let wrapper = object.as_ptr();
    // SAFETY: attached; a live object, and a wrapper where the others are asked; the number is ArrayObj's.
    let array = unsafe {
        classes::is_wrapper(wrapper)
            && native_of(wrapper)
                .map_err(|Raised| PyErr::fetch(py))?
                .object()
                .as_ref()
                .type_index()
                == type_index::ARRAY
    };
    let place = if array {
        // SAFETY: as above.
        let array = unsafe { own::<ArrayObj>(wrapper, type_index::ARRAY) };
        let array = array.map(Array::from_object);
        let array = array.map_err(|Raised| PyErr::fetch(py))?;
        find(|at| array.get(at).cloned(), start..stop, sought)?
    } else {
        let list = py_list(object)?;
        find(|at| list.get(at), start..stop, sought)?
    };
    place.map_or_else(|| int(py, -1), |at| size(py, at))
}

fn find(
    get: impl Fn(usize) -> Option<Any>,
    mut places: Range<usize>,
    sought: &Bound<'_, PyAny>,
) -> PyResult<Option<usize>> {
    let py = sought.py();
    while let Some((at, value)) = places.next().and_then(|at| Some((at, get(at)?))) {
        // SAFETY: attached; a new reference or an exception.
        let value = unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(value)) }?;
        if is_found(&value, sought)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Whether a value is what is looked for, as `_found` of `_containers.py` says it.
fn is_found(value: &Bound<'_, PyAny>, sought: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: attached; live objects. By identity or by `value == sought`, as a list.
    let found =
        unsafe { ffi::PyObject_RichCompareBool(value.as_ptr(), sought.as_ptr(), ffi::Py_EQ) };
    if found < 0 {
        return Err(PyErr::fetch(value.py()));
    }
    let is_nan = |number: &Bound<'_, PyFloat>| number.value().is_nan();
    Ok(found > 0 || value.cast_exact().is_ok_and(is_nan) && sought.cast().is_ok_and(is_nan))
}

/// Puts an iterable's values in the place of those from `start` to `stop`, all in one step.
#[pyfunction]
pub(crate) fn list_splice(
    object: &Bound<'_, PyAny>,
    start: isize,
    stop: isize,
    values: &Bound<'_, PyAny>,
) -> PyResult<()> {
    hang::ready();
    let py = object.py();
    // SAFETY: attached; a live object.
    let values = unsafe { values_of(values.as_ptr()) }.map_err(|Raised| PyErr::fetch(py))?;
    let list = py_list(object)?;
    let place = |at: isize| {
        let from_end = || list.len().saturating_sub(at.unsigned_abs());
        usize::try_from(at).unwrap_or_else(|_| from_end())
    };
    let (start, stop) = (place(start), place(stop));
    list.try_splice(start, stop, values, None)
        .map_err(|_| memory_error(py))
}

/// Makes the list hold the values that it has at the places in `order`, if it is of that version:
/// whether it was.
#[pyfunction]
pub(crate) fn list_pick(
    object: &Bound<'_, PyAny>,
    order: &Bound<'_, PyList>,
    version: u64,
) -> PyResult<bool> {
    hang::ready();
    let py = object.py();
    let list = py_list(object)?;
    let (values, of) = list.try_read(0, usize::MAX).map_err(|_| memory_error(py))?;
    if of != version {
        return Ok(false);
    }
    let mut picked = Vec::new();
    if picked.try_reserve_exact(order.len()).is_err() {
        return Err(memory_error(py));
    }
    // One by one: as a whole PyO3 reads it with a panic where there is no memory.
    for place in order.iter() {
        picked.extend(values.get(place.extract::<usize>()?).cloned());
    }
    match list.try_splice(0, usize::MAX, picked, Some(version)) {
        Ok(()) => Ok(true),
        Err(SpliceError::Changed(_)) => Ok(false),
        Err(SpliceError::NoMemory(_)) => Err(memory_error(py)),
    }
}
