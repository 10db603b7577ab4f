//! Keys of Map and Dict on their way in, and those that are not there.

use core::ptr::null_mut;

use object_core::Any;
use pyo3::ffi;

use crate::py::classes::by_class;
use crate::py::hang;
use crate::py::into::to_key;
use crate::py::raise::{Exc, Raised, has_attribute, name_place, raise, type_name};

/// A key on its way in. What Python cannot hash is no key here either.
///
/// # Errors
///
/// TypeError: a list, dict or bytearray; what converting raises.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn key_of(key: *mut ffi::PyObject) -> Result<Any, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let unhashable = ffi::PyList_Check(key) != 0
            || ffi::PyDict_Check(key) != 0
            || ffi::PyByteArray_Check(key) != 0;
        if unhashable {
            let got = type_name(key);
            return Err(raise!(
                Exc::Type,
                "unhashable type: '{got}' cannot be a key"
            ));
        }
        to_key(key).map_err(|raised| name_place(raised, format_args!("key")))
    }
}

/// The key that something is looked for by; `None` if what cannot be a key is: then it is not there. That is a str
/// with a lone surrogate, also in a tuple, and an int past 64 bits.
///
/// # Errors
///
/// As [`key_of`], but for those.
///
/// # Safety
///
/// As [`key_of`].
pub(crate) unsafe fn sought(key: *mut ffi::PyObject) -> Result<Option<Any>, Raised> {
    // SAFETY: the caller's contract; an exception is set where one is asked for.
    unsafe {
        let raised = match key_of(key) {
            Ok(native) => return Ok(Some(native)),
            Err(raised) => raised,
        };
        if ffi::PyLong_Check(key) != 0 && ffi::PyErr_ExceptionMatches(ffi::PyExc_OverflowError) != 0
        {
            ffi::PyErr_Clear();
            return large(key);
        }
        if (ffi::PyUnicode_Check(key) != 0 || ffi::PyTuple_Check(key) != 0)
            && ffi::PyErr_ExceptionMatches(ffi::PyExc_UnicodeEncodeError) != 0
        {
            ffi::PyErr_Clear();
            return Ok(None);
        }
        Err(raised)
    }
}

/// A whole float past 64 bits is the same key as the int of its value.
///
/// # Safety
///
/// Attached; an int.
unsafe fn large(key: *mut ffi::PyObject) -> Result<Option<Any>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let float = ffi::PyLong_AsDouble(key);
        if float == -1.0 && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear(); // past every float
            return Ok(None);
        }
        let same = ffi::PyFloat_FromDouble(float);
        if same.is_null() {
            return Err(Raised);
        }
        let equal = ffi::PyObject_RichCompareBool(key, same, ffi::Py_EQ);
        ffi::Py_DECREF(same);
        match equal {
            -1 => Err(Raised),
            0 => Ok(None),
            _ => Ok(Some(Any::from(float))),
        }
    }
}

/// What a subclass's `__missing__` makes of a key that is not there; KeyError without one.
///
/// # Safety
///
/// Attached; a live wrapper, a live object.
#[cold]
pub(crate) unsafe fn ask_missing(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract. The class is asked first, as for all such methods.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if by_class(class).is_some() {
            return missing(key).null();
        }
        match has_attribute(class.cast(), c"__missing__") {
            Ok(true) => {
                let method = ffi::PyObject_GetAttrString(object, c"__missing__".as_ptr());
                if method.is_null() {
                    return null_mut();
                }
                let made = ffi::PyObject_Vectorcall(method, &raw const key, 1, null_mut());
                ffi::Py_DECREF(method);
                made
            }
            Ok(false) => missing(key).null(),
            Err(Raised) => null_mut(),
        }
    }
}

/// KeyError, with the key itself as Python has it.
///
/// # Safety
///
/// Attached; a live object.
#[cold]
pub(crate) unsafe fn missing(key: *mut ffi::PyObject) -> Raised {
    hang::ready();
    // SAFETY: the caller's contract. A tuple would be taken for the arguments.
    unsafe {
        let args = ffi::PyTuple_Pack(1, key);
        if !args.is_null() {
            ffi::PyErr_SetObject(ffi::PyExc_KeyError, args);
            ffi::Py_DECREF(args);
        }
    }
    Raised
}
