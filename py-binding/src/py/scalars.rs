//! Ints, strings and bytes of Python as native ones.

use object_core::abi::RawAny;
use object_core::{Bytes, NewError, Str};
use pyo3::ffi;

use crate::py::hang;
use crate::py::raise::{Exc, Raised, no_memory, raise};

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

/// An int that fits into 64 bits; `None` for others, and no exception.
///
/// # Safety
///
/// Attached; an int, of no class below.
#[inline(always)]
pub(crate) unsafe fn small_int_of(object: *mut ffi::PyObject) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: the caller's contract: of an int itself this does not fail.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// Writes a number, a bool or None, of no class below. False: it is none, or an int that does not fit, and nothing
/// was done.
///
/// # Safety
///
/// Attached; room for a value; a live object.
#[inline(never)]
pub(crate) unsafe fn put_plain(place: *mut RawAny, arg: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe {
        let raw = if ffi::PyLong_CheckExact(arg) != 0 {
            match small_int_of(arg) {
                Some(number) => RawAny::int(number),
                None => return false,
            }
        } else if ffi::PyFloat_CheckExact(arg) != 0 {
            RawAny::float(ffi::PyFloat_AsDouble(arg))
        } else if arg == ffi::Py_None() {
            RawAny::NONE
        } else if ffi::PyBool_Check(arg) != 0 {
            RawAny::bool(arg == ffi::Py_True())
        } else {
            return false;
        };
        place.write(raw);
        true
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
    hang::ready();
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

/// What was made, or MemoryError.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn made<T>(result: Result<T, NewError>) -> Result<T, Raised> {
    // SAFETY: attached.
    result.map_err(|_| unsafe { no_memory() })
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
    hang::ready();
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
