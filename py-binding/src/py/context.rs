//! What is known of a field that is about to be written, besides the value: whose it is, for messages,
//! and whether it may be written still.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::py::fallible::{attribute, module};
use crate::py::plan::Field;
use crate::py::raise::{Raised, raise_class};
use crate::py::wrapper::{Writing, storage};

/// A str's text, for messages.
///
/// # Safety
///
/// Attached; a live str.
pub(crate) unsafe fn text<'a>(object: *mut ffi::PyObject) -> &'a str {
    // SAFETY: the caller's contract.
    match unsafe { crate::py::into::text_of(object) } {
        Ok(text) => text,
        Err(Raised) => {
            // SAFETY: attached.
            unsafe { ffi::PyErr_Clear() };
            "?"
        }
    }
}

/// For messages: whose field it is, and whether a constructor fills it.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) class: *mut ffi::PyTypeObject,
    pub(crate) in_init: bool,
    /// The wrapper, alive, if others may have it: whether it is still being built is asked again
    /// where a frozen field is written, because converting the value may have run anything. Else null.
    pub(crate) shared: *mut ffi::PyObject,
}

impl Context {
    /// The value goes into the field while the answer lives.
    ///
    /// # Errors
    ///
    /// FrozenInstanceError: the field is frozen and the object was built meanwhile.
    ///
    /// # Safety
    ///
    /// Attached.
    #[inline]
    pub(crate) unsafe fn writing(&self, field: &Field) -> Result<Option<Writing<'_>>, Raised> {
        if !field.frozen || self.shared.is_null() {
            return Ok(None);
        }
        // SAFETY: alive by the field's contract; attached.
        unsafe {
            match storage(self.shared).write() {
                None => Err(frozen(field)),
                writing => Ok(writing),
            }
        }
    }
}

/// Raises what setting a frozen field gets.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn frozen(field: &Field) -> Raised {
    // SAFETY: attached; the name is alive.
    unsafe {
        raise_frozen(format_args!(
            "cannot assign to field '{}'",
            text(field.name)
        ))
    }
}

/// Raises `dataclasses.FrozenInstanceError`, an AttributeError.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn raise_frozen(message: core::fmt::Arguments<'_>) -> Raised {
    // SAFETY: attached by the caller's contract.
    let py = unsafe { Python::assume_attached() };
    let class =
        module(py, c"dataclasses").and_then(|module| attribute(&module, c"FrozenInstanceError"));
    match class {
        // SAFETY: attached; an exception class.
        Ok(class) => unsafe { raise_class(class.as_ptr(), message) },
        Err(raised) => {
            raised.restore(py);
            Raised
        }
    }
}
