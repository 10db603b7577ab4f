//! A Python extension module whose objects are Tieback's.

mod reading;

use std::sync::Mutex;

use py_binding::api;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use rust_binding::prelude::*;

use crate::reading::{Reading, live};

/// A new reading, shown.
#[pyfunction]
fn read<'py>(py: Python<'py>, sensor: &str, celsius: f64) -> PyResult<Bound<'py, PyAny>> {
    api::wrap(py, Reading::make(sensor, celsius))
}

/// The warmest of some readings: the very object that was passed in.
#[pyfunction]
fn warmest(readings: Vec<Bound<'_, PyAny>>) -> PyResult<Bound<'_, PyAny>> {
    let mut best: Option<(f64, Bound<'_, PyAny>)> = None;
    for shown in readings {
        let celsius = api::borrow::<Reading>(&shown)?.celsius;
        if best.as_ref().is_none_or(|(most, _)| celsius > *most) {
            best = Some((celsius, shown));
        }
    }
    let (_, shown) = best.ok_or_else(|| PyValueError::new_err("there is no reading"))?;
    Ok(shown)
}

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

/// Calls a global function of any library with one object; its error is the exception that it is.
#[pyfunction]
fn call<'py>(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let Some(function) = Function::get_global(name) else {
        return Err(PyValueError::new_err(format!("nobody registered '{name}'")));
    };
    let argument = api::value(object)?;
    match function.call_packed(&[argument.view()]) {
        Ok(result) => api::wrap(py, result),
        Err(error) => Err(api::exception(py, &error)),
    }
}

/// An exception as the native error it is, and back.
#[pyfunction]
fn round_trip(exception: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = exception.py();
    let error = api::error(py, PyErr::from_value(exception))?;
    Ok(api::exception(py, &error)
        .into_value(py)
        .into_bound(py)
        .into_any())
}

/// Makes `class` the one that shows readings.
#[pyfunction]
fn show_readings_as(class: &Bound<'_, PyType>) -> PyResult<()> {
    api::register_class::<Reading>(class)
}

#[pymodule]
fn extension_module(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    api::init(py)?;
    module.add("Reading", api::class_of::<Reading>(py)?)?;
    for function in [
        wrap_pyfunction!(read, module)?,
        wrap_pyfunction!(warmest, module)?,
        wrap_pyfunction!(put, module)?,
        wrap_pyfunction!(held, module)?,
        wrap_pyfunction!(call, module)?,
        wrap_pyfunction!(round_trip, module)?,
        wrap_pyfunction!(show_readings_as, module)?,
        wrap_pyfunction!(live, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
