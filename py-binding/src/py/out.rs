//! Native values as Python objects.

use core::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicUsize;

use object_core::abi::RawAny;
use object_core::count::Rare;
use object_core::refs::{inc_ref, inc_ref_noting, settle_rare};
use object_core::{Any, AnyView, Error, ObjectArc, ObjectHeader, ObjectRef, type_index as index};
use pyo3::{Python, ffi};

use crate::py::attached::{drain, is_drained};
use crate::py::carrier::{EXPLICIT, held_by};
use crate::py::errors::carried_exception;
use crate::py::hang;
use crate::py::hold;
use crate::py::host::{Cpython, tied_word};
use crate::py::raise::{Exc, Raised, raise, raise_doomed};
use crate::py::refs::dec_kept;
use crate::tie::{hit, rewrap, rewrap_plain, wrap};

/// A new Python reference to what a borrowed value shows as; NULL with an exception.
///
/// # Safety
///
/// Attached; the value is alive during the call.
#[inline]
pub(crate) unsafe fn value_to_python(raw: &RawAny) -> *mut ffi::PyObject {
    if let Some(object) = raw.as_object() {
        // SAFETY: the caller's contract.
        return unsafe { object_to_python(object) };
    }
    // SAFETY: the caller's contract.
    unsafe { plain_to_python(raw) }
}

/// As [`value_to_python`], for a value that the caller owns and gives up.
///
/// # Safety
///
/// Attached.
#[inline]
pub(crate) unsafe fn value_into_python(value: Any) -> *mut ffi::PyObject {
    let raw = Any::into_raw(value);
    match raw.as_object() {
        // SAFETY: the value's reference is ours to give.
        Some(object) => unsafe { object_into_python(ObjectRef::from_raw(object)) },
        // SAFETY: attached; not an object, so nothing is owned.
        None => unsafe { plain_to_python(&raw) },
    }
}

/// A new Python reference to a borrowed object's face; NULL with an exception.
///
/// # Safety
///
/// Attached; the object is alive during the call.
#[inline(always)]
pub(crate) unsafe fn object_to_python(object: NonNull<ObjectHeader>) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe {
        if object.as_ref().type_index() < index::DYNAMIC_BEGIN {
            return object_to_python_slowly(object);
        }
        match tied_word(object) {
            None => object_to_python_slowly(object),
            Some(word) => face_of_tied(object, word),
        }
    }
}

/// As [`object_to_python`], of a tied object that shows as a wrapper.
///
/// # Safety
///
/// As there; `word` is the object's.
#[inline(always)]
unsafe fn face_of_tied(object: NonNull<ObjectHeader>, word: &AtomicUsize) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe {
        match hit(&Cpython, word) {
            Some(wrapper) => wrapper.as_ptr().cast(),
            None => tied_to_python(object, word),
        }
    }
}

/// As [`face_of_tied`], of an object that has no live wrapper. A C function, which
/// does not unwind: so it is jumped to, and its callers need no frame.
///
/// # Safety
///
/// As there; `word` is the object's.
#[inline(never)]
unsafe extern "C" fn tied_to_python(
    object: NonNull<ObjectHeader>,
    word: &AtomicUsize,
) -> *mut ffi::PyObject {
    // Quiet: its callers have said so, and what may run Python code says so again.
    // SAFETY: alive by the caller's contract.
    unsafe {
        // First: what was stored shortly before it has to be through before it is done.
        if let Some(rare) = inc_ref_noting(object) {
            return show_rare(object, rare);
        }
        if !is_drained() {
            return show_slowly(object);
        }
        match rewrap_plain(&Cpython, word, object.cast()) {
            Some(wrapper) => wrapper.as_ptr().cast(),
            None => show_tied(object, word),
        }
    }
}

/// As [`show_slowly`], of a tied object.
///
/// # Safety
///
/// As there; `word` is the object's.
#[inline(never)]
unsafe extern "C" fn show_tied(
    object: NonNull<ObjectHeader>,
    word: &AtomicUsize,
) -> *mut ffi::PyObject {
    // Quiet: what may run Python code says so again.
    // SAFETY: the caller's contract.
    unsafe {
        match rewrap(&Cpython, word, object.cast()) {
            Some(wrapper) => wrapper.as_ptr().cast(),
            None => show_slowly(object),
        }
    }
}

/// As [`show_slowly`], with a reference that is still to be settled.
///
/// # Safety
///
/// As there and as [`settle_rare`].
#[cold]
#[inline(never)]
unsafe extern "C" fn show_rare(object: NonNull<ObjectHeader>, rare: Rare) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the caller's contract.
    unsafe {
        settle_rare(object, rare);
        show_slowly(object)
    }
}

/// A new Python reference to the live wrapper of a borrowed object: all there is to do for most. The
/// native count is not touched. `None`: there is none, or the object shows as something else.
///
/// # Safety
///
/// As [`object_to_python`]. Quiet, so that a slot may be held.
#[inline(always)]
pub(crate) unsafe fn live_face(object: NonNull<ObjectHeader>) -> Option<*mut ffi::PyObject> {
    // SAFETY: alive by the caller's contract.
    unsafe {
        if object.as_ref().type_index() < index::DYNAMIC_BEGIN {
            return None;
        }
        Some(hit(&Cpython, tied_word(object)?)?.as_ptr().cast())
    }
}

/// As [`object_to_python`], of any object. Jumped to as [`tied_to_python`] is.
///
/// # Safety
///
/// As [`object_to_python`].
#[inline(never)]
unsafe extern "C" fn object_to_python_slowly(object: NonNull<ObjectHeader>) -> *mut ffi::PyObject {
    // Quiet: its callers have said so, and what may run Python code says so again.
    // SAFETY: alive by the caller's contract.
    unsafe {
        if object.as_ref().type_index() < index::DYNAMIC_BEGIN {
            if let Some(shown) = special(object) {
                return shown;
            }
        }
        if let Some(word) = tied_word(object) {
            return face_of_tied(object, word);
        }
        inc_ref(object);
        show_slowly(object)
    }
}

/// Through the tie's door, with a reference that it takes.
///
/// # Safety
///
/// Attached; the reference is the caller's.
#[inline(never)]
unsafe extern "C" fn show_slowly(object: NonNull<ObjectHeader>) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the caller's contract; no word is held.
    unsafe {
        drain();
        match wrap(&Cpython, object.cast()) {
            Ok(wrapper) => wrapper.as_ptr().cast(),
            Err(Raised) => null_mut(),
        }
    }
}

/// As [`object_to_python`], for a reference that the caller owns and gives up.
///
/// # Safety
///
/// Attached.
#[inline]
pub(crate) unsafe fn object_into_python(object: ObjectRef) -> *mut ffi::PyObject {
    let address = ObjectArc::as_ptr(&object);
    // SAFETY: alive by our reference, which the slow door takes.
    unsafe {
        if address.as_ref().type_index() < index::DYNAMIC_BEGIN {
            if let Some(shown) = special(address) {
                return shown;
            }
        }
        if let Some(word) = tied_word(address) {
            if let Some(wrapper) = hit(&Cpython, word) {
                dec_kept(ObjectArc::into_raw(object));
                return wrapper.as_ptr().cast();
            }
        }
        show_slowly(ObjectArc::into_raw(object))
    }
}

/// Objects that do not show as wrappers: strings, bytes, and what carries a Python object.
///
/// # Safety
///
/// As [`object_to_python`].
#[inline(never)]
unsafe fn special(object: NonNull<ObjectHeader>) -> Option<*mut ffi::PyObject> {
    // SAFETY: alive by the caller's contract.
    let header = unsafe { object.as_ref() };
    match header.type_index() {
        number @ (index::STR | index::BYTES) => {
            // SAFETY: as above.
            Some(unsafe { plain_to_python(&RawAny::object(number, object.as_ptr())) })
        }
        index::OPAQUE | index::FUNCTION if header.flags() & EXPLICIT == 0 => {
            // SAFETY: attached.
            let hold = unsafe { held_by(header) }?;
            // SAFETY: attached; the native object holds it.
            unsafe {
                if hold::is_doomed(hold) {
                    return Some(raise_doomed().null());
                }
                let carried = hold::object(hold);
                ffi::Py_INCREF(carried);
                Some(carried)
            }
        }
        index::ERROR if header.flags() & EXPLICIT == 0 => {
            // SAFETY: an error by its type, alive for the call; attached.
            unsafe {
                let error = Error::from_object(ObjectArc::from_borrowed(object.cast()));
                let exception = carried_exception(Python::assume_attached(), &error)?;
                Some(exception.into_ptr())
            }
        }
        _ => None,
    }
}

/// A new Python int; NULL with MemoryError.
///
/// # Safety
///
/// Attached.
#[inline]
pub(crate) unsafe fn int_to_python(value: i64) -> *mut ffi::PyObject {
    // SAFETY: attached. Where a C long has 64 bits, that is the way CPython made fast.
    unsafe {
        if size_of::<core::ffi::c_long>() == size_of::<i64>() {
            ffi::PyLong_FromLong(value as core::ffi::c_long)
        } else {
            ffi::PyLong_FromLongLong(value)
        }
    }
}

/// Values that are no objects, and strings.
///
/// # Safety
///
/// As [`value_to_python`].
#[inline(never)]
unsafe fn plain_to_python(raw: &RawAny) -> *mut ffi::PyObject {
    // SAFETY: attached; the type number says which field of the value was written.
    unsafe {
        match raw.type_index {
            index::NONE => {
                let none = ffi::Py_None();
                ffi::Py_INCREF(none);
                none
            }
            index::INT => int_to_python(raw.value.int),
            index::BOOL => ffi::PyBool_FromLong((raw.value.int != 0).into()),
            index::FLOAT => ffi::PyFloat_FromDouble(raw.value.float),
            index::OPAQUE_PTR => ffi::PyLong_FromVoidPtr(raw.value.pointer),
            _ => {
                let view = AnyView::from_raw(*raw);
                match (raw.type_index, view.as_bytes()) {
                    (index::BYTES | index::SMALL_BYTES | index::BYTE_SLICE_PTR, Some(bytes)) => {
                        let (data, len) = (bytes.as_ptr().cast(), bytes.len() as isize);
                        ffi::PyBytes_FromStringAndSize(data, len)
                    }
                    (_, Some(text)) => {
                        let (data, len) = (text.as_ptr().cast(), text.len() as isize);
                        ffi::PyUnicode_DecodeUTF8(data, len, core::ptr::null())
                    }
                    (number, None) => raise!(
                        Exc::Type,
                        "a native value has type number {number}, which Python cannot show"
                    )
                    .null(),
                }
            }
        }
    }
}
