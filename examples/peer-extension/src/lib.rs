//! The second extension module of a process: it holds one object, and calls what it is handed.

use std::sync::Mutex;

use object_core::{Any, runtime_state};
use py_binding::api;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

static HELD: Mutex<Any> = Mutex::new(Any::NONE);

/// Exchanges what the module holds for any other object.
#[pyfunction]
fn put<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let new = api::value(object)?;
    let old = {
        let Ok(mut held) = HELD.lock() else {
            return Err(PyValueError::new_err("the holder is poisoned"));
        };
        std::mem::replace(&mut *held, new)
    };
    api::wrap(object.py(), old)
}

/// What the module holds.
#[pyfunction]
fn held(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let value = HELD.lock().map_or(Any::NONE, |held| held.clone());
    api::wrap(py, value)
}

/// Calls a function of any library or language with one object.
#[pyfunction]
fn call<'py>(
    function: &Bound<'py, PyAny>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let function = api::value(function)?;
    let function: object_core::Function = function
        .get()
        .map_err(|error| PyTypeError::new_err(error.to_string()))?;
    let argument = api::value(object)?;
    match function.call_packed(&[argument.view()]) {
        Ok(result) => api::wrap(py, result),
        Err(error) => Err(api::exception(py, &error)),
    }
}

/// Which runtime this copy of the code uses.
#[pyfunction]
fn state() -> String {
    format!("{:?}", runtime_state())
}

#[pymodule]
fn peer_extension(module: &Bound<'_, PyModule>) -> PyResult<()> {
    api::init(module.py())?;
    for function in [
        wrap_pyfunction!(put, module)?,
        wrap_pyfunction!(held, module)?,
        wrap_pyfunction!(call, module)?,
        wrap_pyfunction!(state, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
