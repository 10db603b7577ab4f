//! The two classes and the function of the benchmarks, with PyO3.

use std::sync::Mutex;

use pyo3::prelude::*;

#[pyclass(frozen, subclass)]
struct Inner {
    #[pyo3(get)]
    val: i64,
}

#[pymethods]
impl Inner {
    #[new]
    fn new(val: i64) -> Self {
        Self { val }
    }
}

#[pyclass(frozen)]
struct Outer {
    #[pyo3(get)]
    x: Py<Inner>,
}

#[pymethods]
impl Outer {
    #[new]
    fn new(x: Py<Inner>) -> Self {
        Self { x }
    }
}

#[pyfunction]
fn echo(inner: Bound<'_, Inner>) -> Bound<'_, Inner> {
    inner
}

/// What `holds.py` asks of: a Python object in a field, and a reference that is dropped on a thread of Rust's.
#[pyclass]
struct Holder {
    #[pyo3(get, set)]
    callback: Py<PyAny>,
}

#[pymethods]
impl Holder {
    #[new]
    fn new(py: Python<'_>) -> Self {
        Self {
            callback: py.None(),
        }
    }
}

static HELD: Mutex<Option<Py<Inner>>> = Mutex::new(None);

#[pyfunction]
fn hold(inner: Py<Inner>) {
    *HELD.lock().unwrap() = Some(inner);
}

#[pyfunction]
fn drop_on_thread() {
    let held = HELD.lock().unwrap().take();
    std::thread::spawn(move || drop(held)).join().unwrap();
}

#[pymodule]
fn peer_pyo3(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Inner>()?;
    module.add_class::<Outer>()?;
    module.add_class::<Holder>()?;
    module.add_function(wrap_pyfunction!(hold, module)?)?;
    module.add_function(wrap_pyfunction!(drop_on_thread, module)?)?;
    module.add_function(wrap_pyfunction!(echo, module)?)
}
