//! Python objects as native values.
//!
//! | Python | native |
//! |---|---|
//! | None, bool, int, float | themselves; an int must fit into 64 bits |
//! | str, bytes, bytearray | string, bytes |
//! | a wrapper | its object |
//! | list, tuple | an Array |
//! | an exception | an Error that carries it |
//! | a callable | a Function that calls it |
//! | anything else | a carrier |

use core::ptr::NonNull;

use object_core::abi::RawAny;
use object_core::{Any, Array, Bytes, NewError, ObjectArc, ObjectRef, Str, type_index as index};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{Bound, ffi};

use crate::py::carrier::{self, EXPLICIT};
use crate::py::classes::is_wrapper;
use crate::py::errors::from_exception;
use crate::py::moved::{as_moved, twice};
use crate::py::raise::{Exc, Raised, name_place, no_memory, raise, type_name};
use crate::py::wrapper::{Loan, glance};

/// A value for a call: borrowed from its Python object, or made for the call.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) raw: RawAny,
    /// The caller drops it after the call. An object that is not owned is a wrapper's, lent: the
    /// caller takes the loan back after the call.
    pub(crate) owned: bool,
}

impl Passed {
    const fn plain(raw: RawAny) -> Self {
        Self { raw, owned: false }
    }

    fn made(value: impl Into<Any>) -> Self {
        Self {
            raw: Any::into_raw(value.into()),
            owned: true,
        }
    }
}

/// What to do with objects that stand for another one: `convert` keeps the native form visible.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A callable comes back as that very callable, an exception as that very exception.
    Crossing,
    /// A callable becomes a `Function`, an exception an `Error`.
    Explicit,
}

/// A Python object as a value for a call; borrows where it can.
///
/// # Errors
///
/// The exception of what cannot cross: OverflowError for a large int, ValueError for a moved-from
/// wrapper, TypeError for a dict.
///
/// # Safety
///
/// Attached; the object is alive as long as the value is used.
#[inline]
pub(crate) unsafe fn pass(object: *mut ffi::PyObject) -> Result<Passed, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if is_wrapper(object) {
            let native = Loan::of(object)?.leave();
            let raw = RawAny::object(native.as_ref().type_index(), native.as_ptr());
            return Ok(Passed::plain(raw));
        }
        if ffi::PyLong_CheckExact(object) != 0 {
            return Ok(Passed::plain(RawAny::int(int_of(object)?)));
        }
        pass_other(object, Form::Crossing)
    }
}

/// A Python object as an owned value.
///
/// # Errors
///
/// As [`pass`].
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn to_value(object: *mut ffi::PyObject) -> Result<Any, Raised> {
    // SAFETY: the caller's contract; a wrapper's object gets a reference of the value's own.
    unsafe {
        if is_wrapper(object) {
            let native = glance(object)?;
            return Ok(ObjectRef::from_borrowed(native.object()).into());
        }
        Ok(own(pass(object)?))
    }
}

/// As [`to_value`], for `convert`.
///
/// # Errors
///
/// As [`pass`].
///
/// # Safety
///
/// Attached; a live object that is no wrapper.
pub(crate) unsafe fn to_explicit_value(object: *mut ffi::PyObject) -> Result<Any, Raised> {
    // SAFETY: the caller's contract.
    unsafe { Ok(own(pass_other(object, Form::Explicit)?)) }
}

/// # Safety
///
/// What the value borrows is alive.
unsafe fn own(passed: Passed) -> Any {
    if passed.raw.type_index == index::RVALUE_REF {
        // SAFETY: a moved reference's cell; it is taken, as its purpose is.
        unsafe {
            let cell = passed
                .raw
                .value
                .pointer
                .cast::<*mut object_core::ObjectHeader>();
            let taken = core::mem::replace(&mut *cell, core::ptr::null_mut());
            return NonNull::new(taken)
                .map_or(Any::NONE, |object| ObjectRef::from_raw(object).into());
        }
    }
    if !passed.owned {
        // SAFETY: alive by the caller's contract; the reference just taken is the Any's.
        unsafe { object_core::slots::raw_inc(&passed.raw) };
    }
    // SAFETY: owned, either way.
    unsafe { Any::from_raw(passed.raw) }
}

/// An int that must fit into 64 bits.
///
/// # Errors
///
/// OverflowError.
///
/// # Safety
///
/// Attached; an int.
#[inline]
pub(crate) unsafe fn int_of(object: *mut ffi::PyObject) -> Result<i64, Raised> {
    let mut overflow = 0;
    // SAFETY: the caller's contract.
    unsafe {
        let value = ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
        if overflow == 0 && (value != -1 || ffi::PyErr_Occurred().is_null()) {
            return Ok(value);
        }
        if overflow == 0 {
            return Err(Raised);
        }
        let sign = if overflow > 0 {
            "above 2**63-1"
        } else {
            "below -2**63"
        };
        Err(raise!(
            Exc::Overflow,
            "expected an int of 64 bits (i64), got one {sign}"
        ))
    }
}

/// The UTF-8 of a str, alive as long as the object.
///
/// # Errors
///
/// UnicodeEncodeError for lone surrogates.
///
/// # Safety
///
/// Attached; a live str.
pub(crate) unsafe fn text_of<'a>(object: *mut ffi::PyObject) -> Result<&'a str, Raised> {
    let mut len = 0;
    // SAFETY: the caller's contract; the interpreter keeps the UTF-8 with the str.
    unsafe {
        let data = ffi::PyUnicode_AsUTF8AndSize(object, &raw mut len);
        if data.is_null() {
            return Err(Raised);
        }
        let bytes = core::slice::from_raw_parts(data.cast::<u8>(), len as usize);
        Ok(core::str::from_utf8_unchecked(bytes))
    }
}

/// A str as a native string.
///
/// # Errors
///
/// UnicodeEncodeError, MemoryError.
///
/// # Safety
///
/// Attached; a live str.
pub(crate) unsafe fn str_of(object: *mut ffi::PyObject) -> Result<Str, Raised> {
    // SAFETY: the caller's contract.
    unsafe { made(Str::try_new(text_of(object)?)) }
}

/// Bytes or a bytearray as native bytes.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached; a live bytes or bytearray.
pub(crate) unsafe fn bytes_of(object: *mut ffi::PyObject) -> Result<Bytes, Raised> {
    // SAFETY: the caller's contract; while the buffer is exported, the memory stays where it is.
    unsafe {
        let mut buffer = core::mem::MaybeUninit::<ffi::Py_buffer>::uninit();
        if ffi::PyObject_GetBuffer(object, buffer.as_mut_ptr(), ffi::PyBUF_SIMPLE) != 0 {
            return Err(Raised);
        }
        let buffer = buffer.assume_init_mut();
        let copy = if buffer.len == 0 {
            Bytes::try_new(&[])
        } else {
            let data = buffer.buf.cast::<u8>().cast_const();
            Bytes::try_new(core::slice::from_raw_parts(data, buffer.len as usize))
        };
        ffi::PyBuffer_Release(buffer);
        made(copy)
    }
}

/// # Safety
///
/// Attached.
unsafe fn made<T>(result: Result<T, NewError>) -> Result<T, Raised> {
    // SAFETY: attached.
    result.map_err(|_| unsafe { no_memory() })
}

/// # Safety
///
/// Attached; a live object that is no wrapper.
#[inline(never)]
unsafe fn pass_other(object: *mut ffi::PyObject, form: Form) -> Result<Passed, Raised> {
    // SAFETY: the caller's contract, in every branch.
    unsafe {
        if object == ffi::Py_None() {
            return Ok(Passed::plain(RawAny::NONE));
        }
        if object == ffi::Py_True() || object == ffi::Py_False() {
            return Ok(Passed::plain(RawAny::bool(object == ffi::Py_True())));
        }
        if ffi::PyLong_Check(object) != 0 {
            return Ok(Passed::plain(RawAny::int(int_of(object)?)));
        }
        if ffi::PyFloat_Check(object) != 0 {
            return Ok(Passed::plain(RawAny::float(ffi::PyFloat_AsDouble(object))));
        }
        if ffi::PyUnicode_Check(object) != 0 {
            return Ok(Passed::made(str_of(object)?));
        }
        if ffi::PyBytes_Check(object) != 0 || ffi::PyByteArray_Check(object) != 0 {
            return Ok(Passed::made(bytes_of(object)?));
        }
        if ffi::PyList_Check(object) != 0 || ffi::PyTuple_Check(object) != 0 {
            return Ok(Passed::made(array_of(object)?));
        }
        if let Some(moved) = as_moved(object) {
            let Some(cell) = moved.pass_on() else {
                return Err(twice());
            };
            let mut raw = RawAny {
                type_index: index::RVALUE_REF,
                ..RawAny::NONE
            };
            raw.value.pointer = cell.cast();
            return Ok(Passed::plain(raw));
        }
        if ffi::PyDict_Check(object) != 0 {
            return Err(raise!(
                Exc::Type,
                "a {} cannot cross yet: there is no native map; pass a list of pairs",
                type_name(object)
            ));
        }
        if ffi::PyExceptionInstance_Check(object) != 0 {
            let py = Python::assume_attached();
            let exception = Bound::from_borrowed_ptr(py, object);
            let Ok(exception) = exception.cast_into::<PyBaseException>() else {
                return Err(raise!(Exc::Type, "an exception that is no BaseException"));
            };
            let error = from_exception(&exception);
            if form == Form::Explicit {
                ObjectArc::header(error.as_object()).set_flags(EXPLICIT);
            }
            return Ok(Passed::made(error));
        }
        if ffi::PyCallable_Check(object) != 0 {
            return Ok(Passed::made(carrier::function(
                object,
                form == Form::Explicit,
            )?));
        }
        if ffi::PyIndex_Check(object) != 0 && is_integral(object)? {
            return index_of(object).map(|int| Passed::plain(RawAny::int(int)));
        }
        Ok(Passed::made(carrier::carry(object)?))
    }
}

/// `int(object)` through `__index__`.
///
/// # Errors
///
/// What `__index__` raised; OverflowError.
///
/// # Safety
///
/// Attached; a live object with `__index__`.
pub(crate) unsafe fn index_of(object: *mut ffi::PyObject) -> Result<i64, Raised> {
    // SAFETY: the caller's contract; the int is ours.
    unsafe {
        let int = ffi::PyNumber_Index(object);
        if int.is_null() {
            return Err(Raised);
        }
        let value = int_of(int);
        ffi::Py_DECREF(int);
        value
    }
}

/// Whether `numbers.Integral` knows the object: numpy's integers, for instance.
///
/// # Safety
///
/// Attached; a live object.
unsafe fn is_integral(object: *mut ffi::PyObject) -> Result<bool, Raised> {
    static INTEGRAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // SAFETY: attached by the caller's contract.
    let py = unsafe { Python::assume_attached() };
    let answer = INTEGRAL
        .get_or_try_init(py, || {
            py.import("numbers")?.getattr("Integral").map(Bound::unbind)
        })
        .and_then(|class| {
            // SAFETY: alive by the caller's contract.
            unsafe { Bound::from_borrowed_ptr(py, object) }.is_instance(class.bind(py))
        });
    answer.map_err(|raised| {
        raised.restore(py);
        Raised
    })
}

/// A list or tuple (or what iterates into one) as a native array.
///
/// # Errors
///
/// What an element raises; RecursionError for a list that contains itself.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn array_of(object: *mut ffi::PyObject) -> Result<Array, Raised> {
    // A tuple of our own: converting elements may run Python code that changes the list.
    // SAFETY: the caller's contract; the tuple is ours until the end.
    unsafe {
        if ffi::Py_EnterRecursiveCall(c" while converting nested lists".as_ptr()) != 0 {
            return Err(Raised);
        }
        let tuple = ffi::PySequence_Tuple(object);
        let result = if tuple.is_null() {
            Err(Raised)
        } else {
            let len = ffi::PyTuple_Size(tuple) as usize;
            // Inside a container callables stay callables: only the outermost is explicit.
            let item = |i: usize| {
                to_value(ffi::PyTuple_GetItem(tuple, i as isize))
                    .map_err(|raised| name_place(raised, format_args!("item {i}")))
            };
            match Array::try_from_fn(len, item) {
                Ok(made) => made,
                Err(_) => Err(no_memory()),
            }
        };
        if !tuple.is_null() {
            ffi::Py_DECREF(tuple);
        }
        ffi::Py_LeaveRecursiveCall();
        result
    }
}
