//! Raising Python exceptions from raw slots.

use core::fmt;

use pyo3::{PyErr, Python, ffi};

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
    Runtime,
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
            Exc::Runtime => ffi::PyExc_RuntimeError,
        };
        raise_class(class, message)
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
    // SAFETY: attached by the caller's contract; the classes live as long as the interpreter.
    unsafe {
        let py = Python::assume_attached();
        let Some(error) = PyErr::take(py) else {
            return raised;
        };
        let class = error.get_type(py).into_ptr();
        ffi::Py_DECREF(class); // the exception keeps it
        let plain = [
            ffi::PyExc_TypeError,
            ffi::PyExc_ValueError,
            ffi::PyExc_OverflowError,
        ];
        if !plain.contains(&class) || error.traceback(py).is_some() {
            error.restore(py);
            return raised;
        }
        raise_class(class, format_args!("{place}: {}", error.value(py)))
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
