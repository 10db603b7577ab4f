//! What is raised for a value that does not fit a field: where, what was expected, what came.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::py::context::{Context, text};
use crate::py::fallible::{self, attribute, string};
use crate::py::plan::Field;
use crate::py::raise::{Exc, Raised, class_name, name_place, raise, type_name};

/// Where the error is: `Inner.__init__() field 'x'` or `field 'x' of 'Inner'`.
fn whose(field: &Field, context: Context) -> String {
    // SAFETY: attached; name and class are alive.
    unsafe {
        let (name, class) = (text(field.name), class_name(context.class));
        if context.in_init {
            format!("{class}.__init__() field '{name}'")
        } else {
            format!("field '{name}' of '{class}'")
        }
    }
}

/// TypeError: what the field takes, and what came.
///
/// # Safety
///
/// Attached; a live value.
#[cold]
pub(crate) unsafe fn mismatch(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Raised {
    // SAFETY: attached; the value is alive.
    unsafe {
        let got = if value == ffi::Py_None() {
            "None"
        } else {
            type_name(value)
        };
        let optional = if field.optional && !field.text.contains("None") {
            " or None"
        } else {
            ""
        };
        let (at, expected) = (whose(field, context), &field.text);
        raise!(Exc::Type, "{at}: expected {expected}{optional}, got {got}")
    }
}

/// The exception of a failed conversion, with the field's name in it. An exception of another class
/// than the conversions raise is the value's own: it goes on as it is, with a note.
///
/// # Safety
///
/// Attached; an exception is set.
#[cold]
pub(crate) unsafe fn named(raised: Raised, field: &Field, context: Context) -> Raised {
    // SAFETY: attached, an exception is set.
    unsafe {
        let at = whose(field, context);
        let raised = name_place(raised, format_args!("{at}"));
        let py = Python::assume_attached();
        if let Some(error) = PyErr::take(py) {
            // One that cannot be shown is the user's own, too.
            if !fallible::text(error.value(py)).is_ok_and(|text| text.starts_with(&at)) {
                // User code's own exception keeps its text; a note says where it was raised.
                let add = attribute(error.value(py), c"add_note");
                drop(add.and_then(|add| add.call1((string(py, &format!("in {at}"))?,))));
            }
            error.restore(py);
        }
        raised
    }
}

/// The core's refusal, with the field's name in it.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn name_error(
    error: &object_core::Error,
    field: &Field,
    context: Context,
) -> Raised {
    let exc = if error.kind() == "OverflowError" {
        Exc::Overflow
    } else {
        Exc::Type
    };
    // SAFETY: attached.
    unsafe { raise!(exc, "{}: {}", whose(field, context), error.message()) }
}
