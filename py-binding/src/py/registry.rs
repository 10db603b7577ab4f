//! Global functions and `convert`, as Python calls them.

use std::path::PathBuf;
use std::sync::Mutex;

use hashbrown::HashMap;
use object_core::{Error, Function, ObjectArc, load_library as load};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::py::carrier;
use crate::py::classes::is_wrapper;
use crate::py::errors::raise_error;
use crate::py::fallible::{list, string, tuple};
use crate::py::hang;
use crate::py::host::tied_word;
use crate::py::into::to_explicit_value;
use crate::py::out::{object_into_python, value_into_python};
use crate::py::raise::{Exc, memory_error, refusal, type_name};
use crate::py::reflect::types;
use crate::py::slots::native_of;
use crate::py::wrapper::storage;

/// Wrappers of functions that cannot be tied (made before the frontend was), by name; strong, so
/// that their identity lasts. An entry counts only while the name still means its function.
static UNTIED: Mutex<Option<HashMap<String, Py<PyAny>>>> = Mutex::new(None);

fn raise(py: Python<'_>, error: &Error) -> PyErr {
    // SAFETY: attached.
    let _ = unsafe { raise_error(error) };
    PyErr::fetch(py)
}

/// The global function of that name, or None.
#[pyfunction]
pub(crate) fn find_global_func<'py>(
    py: Python<'py>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    hang::ready();
    let Some(function) = Function::get_global(name) else {
        return Ok(None);
    };
    let object = function.into_object();
    let address = ObjectArc::as_ptr(&object).cast();
    // SAFETY: alive by our reference.
    let tied = unsafe { tied_word(address) }.is_some();
    let cached = |fresh: Option<&Bound<'py, PyAny>>| {
        let mut guard = UNTIED
            .lock()
            .map_err(|_| refusal!(py, Exc::Runtime, "the cache is poisoned"))?;
        let cache = guard.get_or_insert_with(HashMap::new);
        // SAFETY: attached; a cached wrapper holds its function, so the address is its own. One
        // whose function was moved out has none.
        let shows =
            |there: &Py<PyAny>| unsafe { storage(there.as_ptr()).address() } == address.as_ptr();
        if let Some(there) = cache.get(name).filter(|there| shows(there)) {
            return Ok(Some(there.bind(py).clone()));
        }
        let old = fresh.and_then(|fresh| cache.insert(name.to_owned(), fresh.clone().unbind()));
        drop(guard);
        drop(old); // outside the lock: it may run Python code
        PyResult::Ok(None)
    };
    if !tied {
        if let Some(there) = cached(None)? {
            return Ok(Some(there));
        }
    }
    // SAFETY: attached; the reference is ours to give.
    let shown =
        unsafe { Bound::from_owned_ptr_or_err(py, object_into_python(ObjectArc::upcast(object))) }?;
    // SAFETY: attached; a live object.
    if !tied && unsafe { is_wrapper(shown.as_ptr()) } {
        // Somebody else may have shown it meanwhile: theirs counts then.
        return Ok(Some(cached(Some(&shown))?.unwrap_or(shown)));
    }
    Ok(Some(shown))
}

fn no_callable(name: &str, got: &Bound<'_, PyAny>) -> PyErr {
    // SAFETY: attached; a live object.
    let kind = unsafe { type_name(got.as_ptr()) };
    refusal!(
        got.py(),
        Exc::Type,
        "register_global_func('{name}') expects a callable, got {kind}"
    )
}

/// Gives a callable a name that every frontend can look up; answers its Function.
#[pyfunction]
pub(crate) fn register_global<'py>(
    name: &str,
    callable: &Bound<'py, PyAny>,
    override_existing: bool,
    doc: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = callable.py();
    // SAFETY: attached; a live object.
    unsafe {
        if !is_wrapper(callable.as_ptr()) && ffi::PyCallable_Check(callable.as_ptr()) == 0 {
            return Err(no_callable(name, callable));
        }
        let function = if is_wrapper(callable.as_ptr()) {
            let glance = native_of(callable.as_ptr()).map_err(|_| PyErr::fetch(py))?;
            let native = glance.object();
            if native.as_ref().type_index() == object_core::type_index::FUNCTION {
                Function::from_object(ObjectArc::from_borrowed(native.cast()))
            } else if ffi::PyCallable_Check(callable.as_ptr()) != 0 {
                carrier::function(callable.as_ptr(), true).map_err(|_| PyErr::fetch(py))?
            } else {
                return Err(no_callable(name, callable));
            }
        } else {
            carrier::function(callable.as_ptr(), true).map_err(|_| PyErr::fetch(py))?
        };
        function
            .register_documented(name, override_existing, doc.unwrap_or(""), "")
            .map_err(|error| raise(py, &error))?;
        let object = ObjectArc::upcast(function.into_object());
        Bound::from_owned_ptr_or_err(py, object_into_python(object))
    }
}

/// What is known of a Function: `(callable, about)`, the callable it was made of, if that is Python's, and a tuple of
/// its name, doc and signature, if it has a name or is a type's method.
#[pyfunction]
pub(crate) fn function_about<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    hang::ready();
    let py = function.py();
    let no_function = || refusal!(py, Exc::Type, "function_about expects a Function");
    // SAFETY: attached; a live object, whose native one is alive as long as the glance.
    let (callable, native) = unsafe {
        if !is_wrapper(function.as_ptr()) {
            return Err(no_function());
        }
        let glance = native_of(function.as_ptr()).map_err(|_| PyErr::fetch(py))?;
        let native = glance.object();
        if native.as_ref().type_index() != object_core::type_index::FUNCTION {
            return Err(no_function());
        }
        let callable = carrier::carried(native.as_ref());
        let callable = callable.map(|callable| Bound::from_borrowed_ptr(py, callable));
        let native = Function::from_object(ObjectArc::from_borrowed(native.cast()));
        (callable, native)
    };
    let none = || py.None().into_bound(py);
    let texts = match native.about().map_err(|_| memory_error(py))? {
        Some(about) => Some((about.name, about.doc, about.signature)),
        None => method_about(&native),
    };
    let about = match texts {
        Some((name, doc, signature)) => {
            let [name, doc, signature] = [name, doc, signature].map(|text| string(py, &text));
            let texts = [name?.into_any(), doc?.into_any(), signature?.into_any()];
            tuple(py, texts)?.into_any()
        }
        None => none(),
    };
    tuple(py, [callable.unwrap_or_else(none), about])
}

/// Name and doc of a function that is some type's method: `Type.method`. Parameters are not reflected.
fn method_about(function: &Function) -> Option<(String, String, String)> {
    let address = ObjectArc::as_ptr(function.as_object()).as_ptr();
    types().find_map(|info| {
        let mut methods = info.own_methods().iter();
        let method = methods.find(|method| core::ptr::addr_eq(method.function, address))?;
        let class = info.key().rsplit('.').next()?;
        let name = format!("{class}.{}", method.name());
        Some((name, method.doc().to_owned(), String::new()))
    })
}

/// Takes a name out; whether it was there.
#[pyfunction]
pub(crate) fn remove_global(name: &str) -> bool {
    hang::ready();
    let old = UNTIED
        .lock()
        .ok()
        .and_then(|mut cache| cache.as_mut()?.remove(name));
    drop(old);
    Function::remove_global(name)
}

/// All names, sorted.
#[pyfunction]
#[pyo3(name = "global_names")]
pub(crate) fn list_global_names(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    hang::ready();
    let names = list(py)?;
    for name in global_names() {
        names.append(string(py, &name)?)?;
    }
    Ok(names)
}

/// The names of all global functions, sorted.
pub(crate) fn global_names() -> Vec<String> {
    unsafe extern "C" fn note(context: *mut core::ffi::c_void, name: object_core::abi::ByteSlice) {
        // Quiet: it notes a name.
        // SAFETY: the context is the vector below; the name is readable for the call.
        unsafe { (*context.cast::<Vec<String>>()).push(name.as_str().to_owned()) };
    }
    let mut names: Vec<String> = Vec::new();
    // SAFETY: `note` does not call back into the table.
    unsafe { (object_core::runtime().function_names)((&raw mut names).cast(), note) };
    names.sort();
    names
}

/// A value in its native form, shown: a callable as a Function, a list as an Array.
#[pyfunction]
pub(crate) fn convert<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = value.py();
    // SAFETY: attached; a live object.
    unsafe {
        if is_wrapper(value.as_ptr()) {
            let _there = native_of(value.as_ptr()).map_err(|_| PyErr::fetch(py))?;
            return Ok(value.clone());
        }
        let native = to_explicit_value(value.as_ptr()).map_err(|_| PyErr::fetch(py))?;
        Bound::from_owned_ptr_or_err(py, value_into_python(native))
    }
}

/// Loads a library into this process's runtime.
#[pyfunction]
pub(crate) fn load_library(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    hang::ready();
    // SAFETY: whoever calls this trusts the library, as with any import of native code.
    unsafe { load(&path) }.map_err(|error| raise(py, &error))
}
