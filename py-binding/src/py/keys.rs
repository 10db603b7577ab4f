//! Keys of Map and Dict on their way in, and those that are not there.

use core::ptr::null_mut;

use object_core::Any;
use pyo3::ffi;

use crate::py::classes::by_class;
use crate::py::hang;
use crate::py::into::{is_integral, to_key};
use crate::py::nesting::Level;
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
/// with a lone surrogate and an int past 64 bits, in a tuple too.
///
/// # Errors
///
/// As [`key_of`], but for those.
///
/// # Safety
///
/// As [`key_of`].
pub(crate) unsafe fn sought(key: *mut ffi::PyObject) -> Result<Option<Any>, Raised> {
    // SAFETY: the caller's contract; an exception is set where one is asked for; what is sought instead is ours.
    unsafe {
        let mut native = key_of(key);
        if native.is_err()
            && (ffi::PyTuple_Check(key) != 0 || ffi::PyIndex_Check(key) != 0)
            && ffi::PyErr_ExceptionMatches(ffi::PyExc_OverflowError) != 0
        {
            ffi::PyErr_Clear();
            let Some(same) = in_floats(key)? else {
                return Ok(None);
            };
            native = key_of(same);
            ffi::Py_DECREF(same);
        }
        let raised = match native {
            Ok(native) => return Ok(Some(native)),
            Err(raised) => raised,
        };
        if (ffi::PyUnicode_Check(key) != 0 || ffi::PyTuple_Check(key) != 0)
            && ffi::PyErr_ExceptionMatches(ffi::PyExc_UnicodeEncodeError) != 0
        {
            ffi::PyErr_Clear();
            return Ok(None);
        }
        Err(raised)
    }
}

/// The same key with floats for ints past 64 bits: a whole float is the same key as the int of its value. An owned
/// reference; `None` if one has no such float: then there is no such key.
///
/// # Safety
///
/// Attached, no exception set; a live object.
unsafe fn in_floats(key: *mut ffi::PyObject) -> Result<Option<*mut ffi::PyObject>, Raised> {
    // SAFETY: the caller's contract; the tuple's items are alive with it, and what is made here is given on or back.
    unsafe {
        if ffi::PyTuple_Check(key) == 0 {
            let is_int = ffi::PyLong_Check(key) != 0;
            if is_int || ffi::PyIndex_Check(key) != 0 && is_integral(key)? {
                return large(key);
            }
            ffi::Py_INCREF(key);
            return Ok(Some(key));
        }
        let _level = Level::enter(c" while converting nested tuples")?;
        let len = ffi::PyTuple_Size(key);
        let same = ffi::PyTuple_New(len);
        if same.is_null() {
            return Err(Raised);
        }
        for at in 0..len {
            match in_floats(ffi::PyTuple_GetItem(key, at)) {
                Ok(Some(item)) => {
                    ffi::PyTuple_SetItem(same, at, item);
                }
                other => {
                    ffi::Py_DECREF(same);
                    return other;
                }
            }
        }
        Ok(Some(same))
    }
}

/// As [`in_floats`], of an int, or what `numbers.Integral` knows.
///
/// # Safety
///
/// As there; it has an `__index__`.
unsafe fn large(key: *mut ffi::PyObject) -> Result<Option<*mut ffi::PyObject>, Raised> {
    // SAFETY: the caller's contract; what is made here is given on or back.
    unsafe {
        let int = ffi::PyNumber_Index(key);
        if int.is_null() {
            return Err(Raised);
        }
        let mut overflow = 0;
        ffi::PyLong_AsLongLongAndOverflow(int, &raw mut overflow);
        if overflow == 0 {
            return Ok(Some(int));
        }
        let float = ffi::PyLong_AsDouble(int);
        if float == -1.0 && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear(); // past every float
            ffi::Py_DECREF(int);
            return Ok(None);
        }
        let same = ffi::PyFloat_FromDouble(float);
        let equal = if same.is_null() {
            -1
        } else {
            ffi::PyObject_RichCompareBool(int, same, ffi::Py_EQ)
        };
        ffi::Py_DECREF(int);
        if equal == 1 {
            return Ok(Some(same));
        }
        ffi::Py_XDECREF(same);
        if equal < 0 { Err(Raised) } else { Ok(None) }
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
