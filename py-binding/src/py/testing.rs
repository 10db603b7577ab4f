//! What tests and curious people ask: counts, tie states, and three functions to call.

use core::ptr::NonNull;
use std::sync::atomic::Ordering;

use object_core::{Any, AnyView, Error, Function, ObjectHeader, TypeName};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::py::attached::{self, deferred_len};
use crate::py::blocks;
use crate::py::counts::{self, Count, sum};
use crate::py::fallible::{dict, int, size, string, text};
use crate::py::hang;
use crate::py::host::tied_word;
use crate::py::raise::{Exc, refusal};
use crate::py::slots::native_of;
use crate::py::trim::give_back;
use crate::tie::State;
use crate::tie::lock::peek;

/// Strong references to the object behind a wrapper, the wrapper's own among them.
#[pyfunction]
pub(crate) fn use_count<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = object.py();
    // SAFETY: attached; a live object.
    let strong = unsafe {
        let native = native_of(object.as_ptr()).map_err(|_| PyErr::fetch(py))?;
        native.object().as_ref().counts().strong()
    };
    int(py, strong.into())
}

/// "detached", "active" or "inactive"; "untied" for objects that cannot be tied.
#[pyfunction]
pub(crate) fn tie_state<'py>(
    object_or_handle: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyString>> {
    hang::ready();
    let py = object_or_handle.py();
    let glance;
    let native: NonNull<ObjectHeader> = if object_or_handle.is_instance_of::<PyInt>() {
        let address = object_or_handle.extract::<usize>().unwrap_or(0);
        let Some(native) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) else {
            let text = text(object_or_handle)?;
            return Err(refusal!(py, Exc::Value, "handle {text} is no object's"));
        };
        native
    } else {
        // SAFETY: attached; a live object.
        glance = unsafe { native_of(object_or_handle.as_ptr()) }.map_err(|_| PyErr::fetch(py))?;
        glance.object()
    };
    // SAFETY: alive: a wrapper's, or the caller says so.
    let state = match unsafe { tied_word(native) } {
        None => "untied",
        Some(word) => match peek(word).state() {
            State::Detached => "detached",
            State::Active(_) => "active",
            State::Inactive(_) | State::Reviving(_) => "inactive",
        },
    };
    string(py, state)
}

/// Counts of this process: tied objects alive, wrappers alive, storage kept, frees deferred.
#[pyfunction]
#[pyo3(signature = (*, drain = true))]
pub(crate) fn stats(py: Python<'_>, drain: bool) -> PyResult<Bound<'_, PyDict>> {
    hang::ready();
    if drain {
        // SAFETY: attached; no word is held. What waits is freed, so that the counts are of now.
        unsafe { attached::drain() };
    }
    let kept = sum(Count::Kept);
    let answer = dict(py)?;
    for (name, count) in [
        ("objects", sum(Count::Objects)),
        ("wrappers", sum(Count::Wrappers) - kept),
        ("kept", kept),
        ("stateful", counts::STATEFUL.load(Ordering::Relaxed)),
        ("owned", counts::OWNED.load(Ordering::Relaxed)),
        ("deferred", deferred_len() as isize),
    ] {
        answer.set_item(string(py, name)?, int(py, count as i64)?)?;
    }
    Ok(answer)
}

/// Gives kept storage back: how many wrappers' it was.
#[pyfunction]
pub(crate) fn trim(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    hang::ready();
    // SAFETY: attached; no word is held.
    size(py, unsafe { give_back() })
}

/// How many blocks of dead objects this thread keeps for its next ones.
#[pyfunction]
pub(crate) fn spare_blocks(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    hang::ready();
    size(py, blocks::count())
}

/// How many frees wait for an attached thread, without freeing them.
#[pyfunction]
pub(crate) fn deferred(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    hang::ready();
    size(py, deferred_len())
}

#[cold]
#[inline(never)]
fn one_argument(got: usize) -> Error {
    let text = format!("testing.echo() takes 1 argument, got {got}");
    Error::new("TypeError", &text)
}

/// Registers "testing.echo", "testing.nop" and "testing.object_use_count".
pub(crate) fn register_functions() -> Result<(), Error> {
    let echo = Function::try_from_packed_borrowed(|args| match args {
        [only] => Ok(*only),
        _ => Err(one_argument(args.len())),
    })?;
    echo.register_documented("testing.echo", true, "What it was given.", "(value, /)")?;
    let nop = |_: &[AnyView<'_>]| Ok(Any::NONE);
    Function::try_from_packed(nop)?.register_documented(
        "testing.nop",
        true,
        "None, whatever it was given.",
        "(*args)",
    )?;
    let count = |args: &[AnyView<'_>]| {
        let Some(object) = args.first().and_then(|first| object_of(first)) else {
            let got = args.first().map_or_else(
                || "no argument".to_owned(),
                |first| TypeName(first.type_index()).to_string(),
            );
            let text = format!("testing.object_use_count() takes an object, got {got}");
            return Err(Error::new("TypeError", &text));
        };
        // SAFETY: alive for the call.
        Ok(Any::from(i64::from(
            unsafe { object.as_ref() }.counts().strong(),
        )))
    };
    Function::try_from_packed(count)?.register_documented(
        "testing.object_use_count",
        true,
        "How many strong references an object has.",
        "(object, /)",
    )
}

/// The object in a value, borrowed also from a moved reference.
fn object_of(view: &AnyView<'_>) -> Option<NonNull<ObjectHeader>> {
    if view.type_index() == object_core::type_index::RVALUE_REF {
        // SAFETY: a moved argument's place holds an owned object, or null once taken.
        return NonNull::new(unsafe { *view.raw().value.pointer.cast::<*mut ObjectHeader>() });
    }
    view.raw().as_object()
}
