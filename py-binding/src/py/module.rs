//! `tieback._core`: the only place where names reach Python.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, TryLockError};

use object_core::abi::ByteSlice;
use object_core::table::RuntimeTable;
use object_core::{adopt, runtime};
use pyo3::exceptions::{PyImportError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::py::hang;
use crate::py::raise::Raised;
use crate::py::{
    allocator, array, attached, blocks, callback, capsule, carrier, classes, collect, descriptor,
    error_type, errors, fields, first_state, fork, iterate, list, list_methods, look, map,
    map_methods, method, moved, passes, pyclass, reflect, registry, share, slots, spare, testing,
};

/// Where a process's runtime table is found by whoever comes later.
const ANCHOR: &str = "tieback.runtime";

fn raised(py: Python<'_>, _: Raised) -> PyErr {
    PyErr::fetch(py)
}

/// Uses the runtime that this process has, or starts one and says where it is.
fn settle_runtime(py: Python<'_>) -> PyResult<()> {
    // SAFETY: attached; the dict lives as long as the interpreter.
    let dict = unsafe {
        let dict = ffi::PyInterpreterState_GetDict(ffi::PyInterpreterState_Get());
        Bound::from_borrowed_ptr_or_err(py, dict)?
    };
    let dict = dict.cast::<PyDict>()?;
    let name = CString::new(ANCHOR)?;
    if let Some(capsule) = dict.get_item(ANCHOR)? {
        // SAFETY: attached; a capsule of that name holds a runtime table that lives for ever.
        unsafe {
            let table = ffi::PyCapsule_GetPointer(capsule.as_ptr(), name.as_ptr());
            if table.is_null() {
                return Err(PyErr::fetch(py));
            }
            return adopt(table.cast::<RuntimeTable>())
                .map_err(|error| PyImportError::new_err(format!("tieback._core: {error}")));
        }
    }
    let table = core::ptr::from_ref(runtime()).cast_mut().cast();
    let name: &'static CString = Box::leak(Box::new(name));
    // SAFETY: attached; table and name live for ever.
    let capsule = unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyCapsule_New(table, name.as_ptr(), None))?
    };
    dict.set_item(ANCHOR, capsule)
}

/// Whether the interpreter was told to use an allocator that shows what is done to freed memory
/// (`PYTHONMALLOC=malloc`, as under valgrind, or one that checks; `-X dev`).
fn memory_is_watched(py: Python<'_>) -> PyResult<bool> {
    let usual = ["", "default", "pymalloc", "mimalloc"];
    let asked = std::env::var_os("PYTHONMALLOC");
    let flags = py.import("sys")?.getattr("flags")?;
    Ok(
        asked.is_some_and(|name| usual.iter().all(|&usual| name != usual))
            || flags.getattr("dev_mode")?.is_truthy()?,
    )
}

/// Tells `sys.unraisablehook` of a destructor's panic, if this thread may touch Python.
unsafe extern "C" fn report_unraisable(message: ByteSlice) {
    // Quiet: native code calls it, attached or not; it is ready where it is attached.
    if !attached::is_attached() {
        return; // the panic hook has printed it
    }
    hang::ready();
    // SAFETY: attached, as just asked; the message is readable for the call.
    unsafe {
        let py = Python::assume_attached();
        let pending = PyErr::take(py);
        let text = format!("a native destructor panicked: {}", message.as_str());
        PyRuntimeError::new_err(text).write_unraisable(py, None);
        if let Some(pending) = pending {
            pending.restore(py);
        }
    }
}

/// At exit: nobody comes through the gate from here on.
#[pyfunction]
fn close_gate() {
    hang::ready();
    // SAFETY: called attached, by atexit.
    unsafe { attached::close_gate() };
}

/// Before a fork.
#[pyfunction]
fn before_fork() {
    hang::ready();
    // SAFETY: called attached, by os.register_at_fork.
    unsafe { fork::comes() };
}

/// In the parent, forked or not.
#[pyfunction]
fn after_fork_in_parent() {
    hang::ready();
    fork::is_over();
}

/// In a forked child.
#[pyfunction]
fn after_fork() {
    hang::ready();
    // SAFETY: called attached, by os.register_at_fork.
    unsafe { attached::reset_after_fork() };
}

static IMPORTED: AtomicBool = AtomicBool::new(false);
static MAIN: Mutex<()> = Mutex::new(());

/// The extension module.
// Without a GIL the word is its own lock: see `tie::lock`.
#[pymodule(gil_used = false)]
#[pyo3(name = "_core")]
pub(crate) fn core_module(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // SAFETY: attached. PyO3 refuses subinterpreters that come second, and CPython those with a GIL of
    // their own; this is for one that comes first.
    if unsafe { ffi::PyInterpreterState_Get() != ffi::PyInterpreterState_Main() } {
        return Err(PyImportError::new_err(
            "tieback._core cannot be imported in a subinterpreter: the tie is one in a process; import \
             it in the main interpreter",
        ));
    }
    // Python code runs under this one, so it is not waited for: the thread may be no more, after a fork.
    let _once = match MAIN.try_lock() {
        Ok(once) => once,
        Err(TryLockError::Poisoned(once)) => once.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(PyImportError::new_err(
                "tieback._core is being initialised by another thread, or was when this process was \
                 forked; import it before",
            ));
        }
    };
    if IMPORTED.load(Ordering::Acquire) {
        return Err(PyImportError::new_err(
            "tieback._core can be initialised once in a process: the tie is one, and so is its \
             interpreter",
        ));
    }
    settle_runtime(py)?;
    // SAFETY: attached.
    unsafe { attached::set_home() };
    allocator::install()
        .map_err(|error| PyImportError::new_err(format!("tieback._core cannot tie: {error}")))?;
    // SAFETY: static; before any object gets bit 63, which we alone set.
    unsafe { (runtime().set_sharing)(&raw const attached::SHARING) };
    IMPORTED.store(true, Ordering::Release);
    classes::set_maker(reflect::make_class);
    carrier::set_entry(callback::call_python);
    // SAFETY: the hook may be called on any thread.
    unsafe { (runtime().set_unraisable_hook)(Some(report_unraisable)) };
    let native = PyDict::new(py);
    // SAFETY: attached; the classes are kept by their records.
    unsafe {
        moved::make_class().map_err(|error| raised(py, error))?;
        iterate::make_class().map_err(|error| raised(py, error))?;
        descriptor::make_types(fields::GETTERS).map_err(|error| raised(py, error))?;
        method::make_type().map_err(|error| raised(py, error))?;
        passes::learn().map_err(|error| raised(py, error))?;
        share::set_holders(collect::holders);
        fork::watch();
        for (name, class) in [
            ("Object", slots::make_base()),
            ("Array", array::make_array()),
            ("List", list::make_list()),
            ("Map", map::make_map()),
            ("Dict", map::make_dict()),
            ("Function", array::make_function()),
        ] {
            let class = class.map_err(|error| raised(py, error))?;
            module.add(name, PyType::from_borrowed_type_ptr(py, class))?;
        }
        let error = slots::make_plain_class(c"tieback.Error", classes::base(), true)
            .map_err(|error| raised(py, error))?;
        classes::register(object_core::type_index::ERROR, error, None)
            .map_err(|error| raised(py, error))?;
        module.add("Error", PyType::from_borrowed_type_ptr(py, error))?;
    }
    if memory_is_watched(py)? {
        blocks::ROOM.keep_none();
        spare::ROOM.keep_none();
    }
    testing::register_functions().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    module.add("error_classes", &native)?;
    errors::set_classes(native);
    let panic = PyErr::new_type(
        py,
        c"tieback.PanicError",
        Some(c"Native code panicked; the panic was caught at the border."),
        Some(&py.get_type::<PyRuntimeError>()),
        None,
    )?;
    module.add("PanicError", panic.bind(py))?;
    module
        .getattr("error_classes")?
        .set_item("PanicError", panic)?;
    for function in [
        wrap_pyfunction!(error_type::error_parts, module)?,
        wrap_pyfunction!(error_type::error_exception, module)?,
        wrap_pyfunction!(error_type::error_is_carrier, module)?,
        wrap_pyfunction!(error_type::make_error, module)?,
        wrap_pyfunction!(pyclass::type_index_by_key, module)?,
        wrap_pyfunction!(pyclass::type_key, module)?,
        wrap_pyfunction!(pyclass::type_reaches_python, module)?,
        wrap_pyfunction!(pyclass::class_type_index, module)?,
        wrap_pyfunction!(pyclass::class_of_type, module)?,
        wrap_pyfunction!(pyclass::register_type, module)?,
        wrap_pyfunction!(pyclass::make_class, module)?,
        wrap_pyfunction!(pyclass::register_class, module)?,
        wrap_pyfunction!(pyclass::add_fields, module)?,
        wrap_pyfunction!(pyclass::set_plan, module)?,
        wrap_pyfunction!(pyclass::init_fields, module)?,
        wrap_pyfunction!(pyclass::new_unfilled, module)?,
        wrap_pyfunction!(pyclass::is_building, module)?,
        wrap_pyfunction!(pyclass::finish_building, module)?,
        wrap_pyfunction!(registry::find_global_func, module)?,
        wrap_pyfunction!(registry::register_global, module)?,
        wrap_pyfunction!(registry::function_about, module)?,
        wrap_pyfunction!(registry::remove_global, module)?,
        wrap_pyfunction!(registry::list_global_names, module)?,
        wrap_pyfunction!(registry::convert, module)?,
        wrap_pyfunction!(registry::load_library, module)?,
        wrap_pyfunction!(list_methods::list_read, module)?,
        wrap_pyfunction!(list_methods::sequence_find, module)?,
        wrap_pyfunction!(list_methods::list_splice, module)?,
        wrap_pyfunction!(list_methods::list_pick, module)?,
        wrap_pyfunction!(map_methods::map_read, module)?,
        wrap_pyfunction!(map_methods::dict_pop, module)?,
        wrap_pyfunction!(map_methods::dict_popitem, module)?,
        wrap_pyfunction!(map_methods::dict_setdefault, module)?,
        wrap_pyfunction!(map_methods::dict_update, module)?,
        wrap_pyfunction!(map_methods::dict_clear, module)?,
        wrap_pyfunction!(iterate::iterate_items, module)?,
        wrap_pyfunction!(iterate::iterate_map, module)?,
        wrap_pyfunction!(testing::use_count, module)?,
        wrap_pyfunction!(testing::tie_state, module)?,
        wrap_pyfunction!(testing::stats, module)?,
        wrap_pyfunction!(testing::trim, module)?,
        wrap_pyfunction!(testing::deferred, module)?,
        wrap_pyfunction!(testing::spare_blocks, module)?,
        wrap_pyfunction!(close_gate, module)?,
        wrap_pyfunction!(after_fork, module)?,
        wrap_pyfunction!(before_fork, module)?,
        wrap_pyfunction!(after_fork_in_parent, module)?,
    ] {
        module.add_function(function)?;
    }
    module.add_class::<look::Look>()?;
    capsule::add(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    py.import("atexit")?
        .call_method1("register", (module.getattr("close_gate")?,))?;
    let os = py.import("os")?;
    if os.hasattr("register_at_fork")? {
        let hooks = PyDict::new(py);
        hooks.set_item("after_in_child", module.getattr("after_fork")?)?;
        if first_state::NEEDED {
            hooks.set_item("before", module.getattr("before_fork")?)?;
            hooks.set_item("after_in_parent", module.getattr("after_fork_in_parent")?)?;
        }
        os.call_method("register_at_fork", (), Some(&hooks))?;
    }
    Ok(())
}
