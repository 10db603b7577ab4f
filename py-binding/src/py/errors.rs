//! Exceptions and errors: each crosses as the other and comes back as itself.
//!
//! Out of Python an exception becomes an `Error` with the exception's name, text, cause and frames,
//! and with the exception itself in a carrier as context. Into Python an error with such a context
//! is that very exception; any other becomes a new one of the class its kind names.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicPtr, Ordering};

use object_core::{Error, ObjectArc};
use pyo3::exceptions::{PyBaseException, PyMemoryError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTraceback, PyType};
use pyo3::{PyTypeCheck, ffi};

use crate::py::attached::tells_to_end;
use crate::py::carrier;
use crate::py::fallible::string;
use crate::py::hang;
use crate::py::hold;
use crate::py::raise::{Raised, no_memory, type_name, with_pyo3};

/// Causes of causes are followed this deep.
const CAUSES: usize = 16;
/// Frames written into a native traceback.
const FRAMES: usize = 64;

/// `name -> exception class`, for kinds that are no builtin's name.
static CLASSES: AtomicPtr<ffi::PyObject> = AtomicPtr::new(core::ptr::null_mut());

/// Hands over the dict of registered exception classes; once, at import.
pub(crate) fn set_classes(classes: Bound<'_, PyDict>) {
    CLASSES.store(classes.into_ptr(), Ordering::Release);
}

/// The exception that is set, as an error; clears it.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn take_raised() -> Error {
    let take = |py: Python<'_>| match PyErr::take(py) {
        // Into the value: it carries the traceback from here on, also where the interpreter (before
        // 3.12) kept it beside.
        Some(raised) => describe(raised.into_value(py).bind(py), CAUSES),
        None => Error::new("SystemError", "a Python call failed without an exception"),
    };
    // Some of PyO3's conversions panic without memory; a slot above us has no place for that.
    // SAFETY: attached by the caller's contract.
    catch_unwind(AssertUnwindSafe(|| unsafe { with_pyo3(take) }))
        .unwrap_or_else(|_| Error::out_of_memory())
}

/// An exception as an error, with the exception in it.
pub(crate) fn from_exception(exception: &Bound<'_, PyBaseException>) -> Error {
    // As in `take_raised`.
    // SAFETY: attached, as the Bound says.
    catch_unwind(AssertUnwindSafe(|| unsafe {
        with_pyo3(|_| describe(exception, CAUSES))
    }))
    .unwrap_or_else(|_| Error::out_of_memory())
}

fn describe(exception: &Bound<'_, PyBaseException>, depth: usize) -> Error {
    let py = exception.py();
    // SAFETY: attached; a live object.
    let kind = unsafe { type_name(exception.as_ptr()) };
    // `str(e)` is user code; what it raises is not this error's business.
    let message = match done(py, exception.str()) {
        Ok(text) => text.map_or_else(String::new, |text| text.to_string()),
        Err(_) => return Error::out_of_memory(),
    };
    let cause = match exception.getattr(intern!(py, "__cause__")) {
        Ok(cause) if depth > 0 && !cause.is_none() => cause
            .cast_into::<PyBaseException>()
            .ok()
            .map(|cause| describe(&cause, depth - 1)),
        _ => None,
    };
    // SAFETY: attached; the exception is alive.
    let Ok(context) = (unsafe { carrier::carry(exception.as_ptr()) }) else {
        drop(PyErr::take(py));
        return Error::out_of_memory();
    };
    match Error::try_with(kind, &message, cause, Some(context)) {
        Ok(error) => {
            for frames in native_frames(exception) {
                error.push_traceback(&frames);
            }
            if let Some(traceback) = exception_traceback(exception) {
                error.push_traceback(&traceback);
            }
            error
        }
        Err(_) => Error::out_of_memory(),
    }
}

/// What a note of native frames begins with.
const NATIVE: &str = "native frames, innermost first:\n";

/// The frames that a native error had come through before it became this exception.
fn native_frames(exception: &Bound<'_, PyBaseException>) -> Vec<String> {
    let notes = exception.getattr(intern!(exception.py(), "__notes__")).ok();
    let notes = notes.and_then(|notes| notes.extract::<Vec<String>>().ok());
    let frames = notes.into_iter().flatten();
    frames
        .filter_map(|note| note.strip_prefix(NATIVE).map(str::to_owned))
        .collect()
}

/// The exception's frames, innermost first, as `  File "x.py", line 3, in f`.
pub(crate) fn exception_traceback(exception: &Bound<'_, PyBaseException>) -> Option<String> {
    let py = exception.py();
    let mut next = exception.getattr(intern!(py, "__traceback__")).ok();
    let mut frames = Vec::new();
    while let Some(traceback) = next.take().filter(PyTraceback::type_check) {
        let frame = (|| {
            let code = traceback
                .getattr(intern!(py, "tb_frame"))?
                .getattr(intern!(py, "f_code"))?;
            let mut line = String::new();
            let _ = write!(
                line,
                "  File \"{}\", line {}, in {}",
                code.getattr(intern!(py, "co_filename"))?,
                traceback.getattr(intern!(py, "tb_lineno"))?,
                code.getattr(intern!(py, "co_name"))?
            );
            PyResult::Ok(line)
        })();
        frames.extend(frame);
        next = traceback.getattr(intern!(py, "tb_next")).ok();
    }
    if frames.is_empty() {
        return None;
    }
    frames.reverse();
    frames.truncate(FRAMES);
    Some(frames.join("\n"))
}

/// The very exception an error carries, if it came from Python.
pub(crate) fn carried_exception<'py>(
    py: Python<'py>,
    error: &Error,
) -> Option<Bound<'py, PyBaseException>> {
    let context = error.context()?;
    // SAFETY: attached; the context is alive.
    let hold = unsafe { carrier::held_by(ObjectArc::header(&context)) }?;
    // SAFETY: attached; the carrier holds it.
    let object = unsafe {
        // One that the collector has taken apart cannot even be printed.
        if hold::is_doomed(hold) {
            return None;
        }
        Bound::from_borrowed_ptr(py, hold::object(hold))
    };
    object.cast_into::<PyBaseException>().ok()
}

/// The exception an error becomes in Python, with its causes.
pub(crate) fn to_exception<'py>(
    py: Python<'py>,
    error: &Error,
) -> PyResult<Bound<'py, PyBaseException>> {
    let first = one_exception(py, error)?;
    // Not by recursion: a chain may be as long as it likes. What was carried has its causes itself.
    let (mut last, mut error) = (first.clone(), error.clone());
    while carried_exception(py, &error).is_none() {
        let Some(cause) = error.cause() else { break };
        let next = one_exception(py, &cause)?;
        last.setattr(intern!(py, "__cause__"), &next)?;
        (last, error) = (next, cause);
    }
    Ok(first)
}

/// An error as an exception: the one it carries, or a new one without its cause.
fn one_exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyBaseException>> {
    if let Some(exception) = carried_exception(py, error) {
        return Ok(exception);
    }
    let made = match class_for(py, error.kind())? {
        // A class may want other arguments than a message: then it is not made of one.
        Some(class) => done(py, class.call1((string(py, error.message())?,)))?
            .and_then(|made| made.cast_into::<PyBaseException>().ok()),
        None => None,
    };
    let exception = match made {
        Some(exception) => exception,
        None => {
            let text = format!("{}: {}", error.kind(), error.message());
            py.get_type::<pyo3::exceptions::PyRuntimeError>()
                .call1((string(py, &text)?,))?
                .cast_into::<PyBaseException>()?
        }
    };
    let traceback = error.traceback();
    if !traceback.is_empty() {
        let note = format!("{NATIVE}{}", traceback.trim_end());
        exception.call_method1(intern!(py, "add_note"), (string(py, &note)?,))?;
    }
    Ok(exception)
}

/// What was answered, or nothing if it could not be; but without memory nothing can go on.
fn done<T>(py: Python<'_>, answer: PyResult<T>) -> PyResult<Option<T>> {
    match answer {
        Err(error) if error.is_instance_of::<PyMemoryError>(py) => Err(error),
        answer => Ok(answer.ok()),
    }
}

/// The exception class a kind names: registered, or a builtin.
fn class_for<'py>(py: Python<'py>, kind: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let kind = string(py, kind)?;
    let classes = CLASSES.load(Ordering::Acquire);
    if !classes.is_null() {
        // SAFETY: a dict, kept for ever.
        let classes = unsafe { Bound::from_borrowed_ptr(py, classes) };
        if let Some(class) = classes.cast::<PyDict>()?.get_item(&kind)? {
            return Ok(Some(class));
        }
    }
    let builtins = py.import(intern!(py, "builtins"))?;
    let Some(class) = done(py, builtins.getattr(kind))? else {
        return Ok(None);
    };
    let is_exception = class
        .cast::<PyType>()
        .is_ok_and(|class| class.is_subclass_of::<PyBaseException>().unwrap_or(false));
    Ok(is_exception.then_some(class))
}

/// Raises an error as its exception.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn raise_error(error: &Error) -> Raised {
    // SAFETY: attached by the caller's contract.
    if unsafe { tells_to_end(error) } {
        // A daemon thread. It would print that error at a moment when nobody wants to read; this one
        // ends it without a word.
        hang::ready();
        // SAFETY: attached; lives as long as the interpreter.
        unsafe { ffi::PyErr_SetNone(ffi::PyExc_SystemExit) };
        return Raised;
    }
    let raise = |py: Python<'_>| match to_exception(py, error) {
        Ok(exception) => {
            if carried_exception(py, error).is_some() {
                PyErr::from_value(exception.into_any()).restore(py);
            } else {
                // A new one: raised here, it gets what is being handled here as its context.
                let class = exception.get_type();
                // SAFETY: attached; a live exception and its class.
                unsafe { ffi::PyErr_SetObject(class.as_ptr(), exception.as_ptr()) };
            }
        }
        Err(raised) => raised.restore(py),
    };
    // As in `take_raised`.
    // SAFETY: attached by the caller's contract.
    if catch_unwind(AssertUnwindSafe(|| unsafe { with_pyo3(raise) })).is_err() {
        // SAFETY: as above.
        return unsafe { no_memory() };
    }
    Raised
}
