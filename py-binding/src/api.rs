//! For Python extension modules written in Rust: native objects in and out of Python, through the one
//! tie of the process.
//!
//! ```no_run
//! use py_binding::api;
//! use pyo3::prelude::*;
//!
//! #[pyfunction]
//! fn same<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
//!     let native = api::value(object)?; // what any Python object is natively
//!     api::wrap(object.py(), native)    // the very same Python object
//! }
//!
//! #[pymodule]
//! fn my_module(module: &Bound<'_, PyModule>) -> PyResult<()> {
//!     api::init(module.py())?; // before the module makes or registers anything
//!     module.add_function(wrap_pyfunction!(same, module)?)
//! }
//! ```
//!
//! Depend on this crate without its default features and with `api`: then the extension module
//! `tieback._core` is not in yours. Such a module never ties anything itself: it imports `tieback`, finds
//! the capsule `tieback._core._table`, and uses the runtime that is there, so that its objects are those of
//! every other module and library of the process.

use core::ptr::NonNull;

use object_core::abi::RawAny;
use object_core::{
    AdoptError, Any, Error, Object, ObjectArc, ObjectRef, TypeName, adopt, is_instance,
};
use pyo3::exceptions::{PyImportError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::capsule::{CAPSULE_MAJOR, CAPSULE_MINOR, CAPSULE_NAME, CapsuleTable};

static TABLE: PyOnceLock<&'static CapsuleTable> = PyOnceLock::new();

/// Joins the process's runtime: imports `tieback` and adopts what it runs. The other functions do it
/// too, but a module that registers types or makes objects of its own must do it first.
///
/// # Errors
///
/// `ImportError`: there is no `tieback`, it speaks another version (both are named), or this module has
/// made objects before it joined.
pub fn init(py: Python<'_>) -> PyResult<()> {
    table(py).map(drop)
}

fn table(py: Python<'_>) -> PyResult<&'static CapsuleTable> {
    TABLE.get_or_try_init(py, || find(py)).copied()
}

fn find(py: Python<'_>) -> PyResult<&'static CapsuleTable> {
    py.import("tieback")?;
    // SAFETY: attached; the capsule of that name holds a table that lives as long as the process.
    let table = unsafe { ffi::PyCapsule_Import(CAPSULE_NAME.as_ptr(), 0) }.cast::<CapsuleTable>();
    if table.is_null() {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: version and size are the first 8 bytes of every version; one by one, because a shorter
    // table must not be borrowed whole.
    let (major, minor, size) = unsafe { ((*table).major, (*table).minor, (*table).size) };
    // As a range, because a minor of 0 cannot be undercut.
    if major != CAPSULE_MAJOR || !(CAPSULE_MINOR..=u16::MAX).contains(&minor) {
        return Err(PyImportError::new_err(format!(
            "tieback._core's table has version {major}.{minor}, this module needs \
             {CAPSULE_MAJOR}.{CAPSULE_MINOR}; {}",
            if major == CAPSULE_MAJOR {
                "update tieback"
            } else {
                "rebuild one of the two"
            }
        )));
    }
    if (size as usize) < size_of::<CapsuleTable>() {
        return Err(PyImportError::new_err(format!(
            "tieback._core's table has {size} bytes, but its version says at least {}",
            size_of::<CapsuleTable>()
        )));
    }
    // SAFETY: as large as this version says, by the check; lives as long as the process.
    let table: &'static CapsuleTable = unsafe { &*table };
    // SAFETY: the process's runtime table.
    unsafe { adopt(table.runtime) }.map_err(|error| {
        PyImportError::new_err(match error {
            AdoptError::Settled => "this module made objects or registered types before it joined \
                                    tieback: call py_binding::api::init first"
                .to_owned(),
            other => other.to_string(),
        })
    })?;
    Ok(table)
}

/// The Python object that a native value is: its one wrapper, if it is an object.
///
/// # Errors
///
/// What making the wrapper raises: no memory, or a type that nobody registered.
pub fn wrap<'py>(py: Python<'py>, value: impl Into<Any>) -> PyResult<Bound<'py, PyAny>> {
    let table = table(py)?;
    let value = value.into();
    // SAFETY: attached; the value is alive for the call; what comes back is a new reference.
    unsafe { Bound::from_owned_ptr_or_err(py, (table.wrap)(value.view().raw())) }
}

/// The native object that a wrapper shows, as a reference of one's own.
///
/// # Errors
///
/// `TypeError`: it is no wrapper, or shows an object of another type. `ValueError`: it was moved from.
pub fn borrow<T: Object>(object: &Bound<'_, PyAny>) -> PyResult<ObjectArc<T>> {
    const {
        assert!(
            T::DISTINCT,
            "the type's number does not tell what items lie behind the body"
        );
    }
    let py = object.py();
    let table = table(py)?;
    let wanted = T::type_index().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    // SAFETY: attached; a live Python object.
    let native = unsafe { (table.borrow)(object.as_ptr()) };
    let native = NonNull::new(native).ok_or_else(|| PyErr::fetch(py))?;
    // SAFETY: the reference is ours.
    let native = unsafe { ObjectRef::from_raw(native) };
    let got = ObjectArc::header(&native).type_index();
    if !is_instance(got, wanted) {
        return Err(PyTypeError::new_err(format!(
            "expected {}, got {}",
            TypeName(wanted),
            TypeName(got)
        )));
    }
    // SAFETY: the type table says that it is a T; the reference moves over.
    Ok(unsafe { ObjectArc::from_raw(ObjectArc::into_raw(native).cast()) })
}

/// Any Python object as a native value: what a native function would be handed.
///
/// # Errors
///
/// What cannot cross: `OverflowError` for an int of more than 64 bits, for instance.
pub fn value(object: &Bound<'_, PyAny>) -> PyResult<Any> {
    let table = table(object.py())?;
    let mut out = RawAny::NONE;
    // SAFETY: attached; a live Python object; room for one value.
    if unsafe { (table.value)(object.as_ptr(), &raw mut out) } != 0 {
        return Err(PyErr::fetch(object.py()));
    }
    // SAFETY: owned, and ours.
    Ok(unsafe { Any::from_raw(out) })
}

/// Makes `class`, a subclass of `tieback.Object`, the one that shows objects of type `T` from here on.
/// Wrappers that exist keep theirs. What the type reflects (fields, methods) is added to the class.
///
/// # Errors
///
/// `TypeError`: its base class shows a type that is no parent of `T`.
pub fn register_class<T: Object>(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let table = table(py)?;
    let number = T::type_index().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    // SAFETY: attached; a live class.
    match unsafe { (table.register_class)(number, class.as_type_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// The class that shows objects of type `T`; made from what the type reflects, if there is none yet.
///
/// # Errors
///
/// The type was refused, or the class could not be made.
pub fn class_of<T: Object>(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let table = table(py)?;
    let number = T::type_index().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    // SAFETY: attached; what comes back is null or a class that is kept for ever.
    unsafe {
        let class = (table.class_of)(number);
        if class.is_null() {
            return Err(PyErr::fetch(py));
        }
        Ok(PyType::from_borrowed_type_ptr(py, class))
    }
}

/// The exception that a native error is: the very one, if it came from Python.
#[must_use]
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match table(py) {
        Ok(table) => {
            let object = ObjectArc::as_ptr(error.as_object()).as_ptr().cast();
            // SAFETY: attached; a live error.
            unsafe { (table.raise)(object) };
            PyErr::fetch(py)
        }
        Err(other) => other,
    }
}

/// The native error that an exception is; it comes back as this very exception.
///
/// # Errors
///
/// There is no `tieback` to join.
pub fn error(py: Python<'_>, exception: PyErr) -> PyResult<Error> {
    let table = table(py)?;
    exception.restore(py);
    // SAFETY: attached, and an exception is set.
    let object = unsafe { (table.take_raised)() };
    let object = NonNull::new(object).ok_or_else(|| PyErr::fetch(py))?;
    // SAFETY: an owned error.
    Ok(unsafe { Error::from_object(ObjectArc::from_raw(object.cast())) })
}
