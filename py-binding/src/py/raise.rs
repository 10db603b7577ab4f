//! Raising Python exceptions from raw slots.

use core::fmt;

use pyo3::{Bound, PyAny, PyErr, PyResult, Python, ffi};

use crate::py::fallible::{attribute, set_attribute, string, text};
use crate::py::hang;

/// A Python exception is set; the C caller gets NULL or -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Raised;

impl Raised {
    /// What a slot that returns an object answers.
    pub(crate) const fn null(self) -> *mut ffi::PyObject {
        core::ptr::null_mut()
    }
}

/// Sets an exception of class `class` with a formatted message.
///
/// # Safety
///
/// Attached; `class` is an exception class.
#[cold]
pub(crate) unsafe fn raise_class(class: *mut ffi::PyObject, message: fmt::Arguments<'_>) -> Raised {
    hang::ready();
    let text = std::fmt::format(message);
    // SAFETY: attached; the text is readable for the call.
    unsafe {
        let object = ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize);
        if !object.is_null() {
            ffi::PyErr_SetObject(class, object);
            ffi::Py_DECREF(object);
        }
    }
    Raised
}

/// Which builtin exception.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exc {
    Type,
    Value,
    Attribute,
    Overflow,
    Index,
    Key,
    Runtime,
    Reference,
}

/// `raise!(Exc::Type, "expected {a}, got {b}")`: sets the exception, answers [`Raised`]; used inside
/// an unsafe block that argues for being attached.
macro_rules! raise {
    ($exc:expr, $($message:tt)*) => {
        $crate::py::raise::raise_builtin($exc, format_args!($($message)*))
    };
}
pub(crate) use raise;

/// Sets a builtin exception with a formatted message.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn raise_builtin(exc: Exc, message: fmt::Arguments<'_>) -> Raised {
    // SAFETY: attached; these live as long as the interpreter.
    unsafe {
        let class = match exc {
            Exc::Type => ffi::PyExc_TypeError,
            Exc::Value => ffi::PyExc_ValueError,
            Exc::Attribute => ffi::PyExc_AttributeError,
            Exc::Overflow => ffi::PyExc_OverflowError,
            Exc::Index => ffi::PyExc_IndexError,
            Exc::Key => ffi::PyExc_KeyError,
            Exc::Runtime => ffi::PyExc_RuntimeError,
            Exc::Reference => ffi::PyExc_ReferenceError,
        };
        raise_class(class, message)
    }
}

/// The exception itself, for functions that PyO3 calls: `refusal!(py, Exc::Type, "...")`. Made at once: `new_err`
/// makes it on the way out, behind PyO3's guard against panics, and there a panic for want of memory is the
/// process's end.
macro_rules! refusal {
    ($py:expr, $exc:expr, $($message:tt)*) => {
        $crate::py::raise::refused($py, $exc, format_args!($($message)*))
    };
}
pub(crate) use refusal;

/// What [`refusal!`] is.
#[cold]
pub(crate) fn refused(py: Python<'_>, exc: Exc, message: fmt::Arguments<'_>) -> PyErr {
    // SAFETY: attached, as `py` says.
    let Raised = unsafe { raise_builtin(exc, message) };
    PyErr::fetch(py)
}

/// MemoryError, as [`refusal!`].
#[cold]
pub(crate) fn memory_error(py: Python<'_>) -> PyErr {
    // SAFETY: attached, as `py` says.
    let Raised = unsafe { no_memory() };
    PyErr::fetch(py)
}

/// Runs what uses PyO3's own references on an attached thread.
///
/// PyO3 drops a `Py` or a `PyErr` at once only where it was itself asked to attach; elsewhere the
/// reference waits until it is asked the next time, and an exception outlives its handler.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn with_pyo3<R>(work: impl FnOnce(Python<'_>) -> R) -> R {
    hang::ready();
    let mut work = Some(work);
    let mut run = |py: Python<'_>| work.take().map(|work| work(py));
    // It declines while the interpreter shuts down: then late is early enough.
    let done = Python::try_attach(&mut run).flatten();
    // SAFETY: attached by the caller's contract.
    match done.or_else(|| run(unsafe { Python::assume_attached() })) {
        Some(answer) => answer,
        None => unreachable!("the work is run by one of the two"),
    }
}

/// Says in a refusal's message where the value was: `argument 2: ...`. What Python code raised is
/// left as it is.
///
/// # Safety
///
/// Attached; an exception is set.
#[cold]
pub(crate) unsafe fn name_place(raised: Raised, place: fmt::Arguments<'_>) -> Raised {
    let say = |py: Python<'_>| {
        let Some(error) = PyErr::take(py) else {
            return raised;
        };
        let class = error.get_type(py).as_ptr();
        // SAFETY: lives as long as the interpreter.
        if class == unsafe { ffi::PyExc_UnicodeEncodeError } && error.traceback(py).is_none() {
            // A lone surrogate: its message is made of its parts.
            match say_place(error.value(py), place) {
                Ok(()) => error.restore(py),
                Err(other) => other.restore(py),
            }
            return raised;
        }
        // SAFETY: these live as long as the interpreter.
        let plain = unsafe {
            [
                ffi::PyExc_TypeError,
                ffi::PyExc_ValueError,
                ffi::PyExc_OverflowError,
            ]
        };
        if !plain.contains(&class) || error.traceback(py).is_some() {
            error.restore(py);
            return raised;
        }
        match text(error.value(py)) {
            // SAFETY: attached; an exception class.
            Ok(text) => unsafe { raise_class(class, format_args!("{place}: {text}")) },
            Err(other) => {
                other.restore(py);
                raised
            }
        }
    };
    // SAFETY: attached by the caller's contract.
    unsafe { with_pyo3(say) }
}

/// As [`name_place`], of a UnicodeEncodeError.
fn say_place(error: &Bound<'_, PyAny>, place: fmt::Arguments<'_>) -> PyResult<()> {
    let reason = format!("{place}: {}", text(&attribute(error, c"reason")?)?);
    set_attribute(error, c"reason", string(error.py(), &reason)?.as_any())
}

/// Whether an object has an attribute. `PyObject_HasAttrString` would lose every error on the way.
///
/// # Errors
///
/// What asking raised, if it is no AttributeError.
///
/// # Safety
///
/// Attached, no exception set; a live object.
pub(crate) unsafe fn has_attribute(
    object: *mut ffi::PyObject,
    name: &core::ffi::CStr,
) -> Result<bool, Raised> {
    hang::ready();
    // SAFETY: the caller's contract; what is found is given back.
    unsafe {
        let found = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if !found.is_null() {
            ffi::Py_DECREF(found);
            return Ok(true);
        }
        if ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 0 {
            return Err(Raised);
        }
        ffi::PyErr_Clear();
        Ok(false)
    }
}

/// The name of an object's class, without its module.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn type_name<'a>(object: *mut ffi::PyObject) -> &'a str {
    // SAFETY: a class's name lives as long as the class, which the object keeps.
    unsafe { class_name(ffi::Py_TYPE(object)) }
}

/// The name of a class, without its module.
///
/// # Safety
///
/// A live class.
pub(crate) unsafe fn class_name<'a>(class: *mut ffi::PyTypeObject) -> &'a str {
    // SAFETY: `tp_name` is a NUL-terminated string that lives as long as the class.
    let full = unsafe { core::ffi::CStr::from_ptr((*class).tp_name) }
        .to_str()
        .unwrap_or("?");
    full.rsplit('.').next().unwrap_or(full)
}

/// The exception that is set, put aside until this is dropped.
pub(crate) struct Pending {
    #[cfg(Py_3_12)]
    raised: *mut ffi::PyObject,
    #[cfg(not(Py_3_12))]
    raised: [*mut ffi::PyObject; 3],
}

impl Pending {
    /// Puts it aside, if there is one.
    ///
    /// # Safety
    ///
    /// Attached, also where this is dropped.
    pub(crate) unsafe fn take() -> Self {
        hang::ready();
        #[cfg(Py_3_12)]
        {
            // SAFETY: the caller's contract.
            let raised = unsafe { ffi::PyErr_GetRaisedException() };
            Self { raised }
        }
        #[cfg(not(Py_3_12))]
        {
            let mut raised = [core::ptr::null_mut(); 3];
            let [class, value, traceback] = &mut raised;
            // SAFETY: the caller's contract.
            unsafe { ffi::PyErr_Fetch(class, value, traceback) };
            Self { raised }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: attached by `take`'s contract; what was taken is given back, once.
        #[cfg(Py_3_12)]
        unsafe {
            ffi::PyErr_SetRaisedException(self.raised);
        }
        #[cfg(not(Py_3_12))]
        {
            let [class, value, traceback] = self.raised;
            // SAFETY: as above.
            unsafe { ffi::PyErr_Restore(class, value, traceback) };
        }
    }
}

/// Sets MemoryError.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn no_memory() -> Raised {
    // SAFETY: attached.
    unsafe { ffi::PyErr_NoMemory() };
    Raised
}

/// Says that a Python object inside a native one is no more.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn raise_doomed() -> Raised {
    // SAFETY: attached.
    unsafe {
        raise!(
            Exc::Reference,
            "the collector takes this Python object apart, together with the native object that holds it; \
             what a native destructor calls or shows has to be held by something that lives"
        )
    }
}
