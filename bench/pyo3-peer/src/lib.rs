//! The two classes and the function of the benchmarks, with PyO3.

use pyo3::prelude::*;

#[pyclass(frozen)]
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

#[pymodule]
fn peer_pyo3(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Inner>()?;
    module.add_class::<Outer>()?;
    module.add_function(wrap_pyfunction!(echo, module)?)
}
