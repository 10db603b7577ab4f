//! Python objects as native values.
//!
//! | Python | native |
//! |---|---|
//! | None, bool, int, float | themselves; an int must fit into 64 bits |
//! | str, bytes, bytearray | string, bytes |
//! | a wrapper | its object |
//! | list, tuple | an Array |
//! | dict | a Map |
//! | an exception | an Error that carries it |
//! | a callable | a Function that calls it |
//! | anything else | a carrier |

use core::ptr::NonNull;

use object_core::abi::RawAny;
use object_core::{Any, Array, Dict, List, Map, ObjectArc, ObjectRef, type_index as index};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{Bound, ffi};

use crate::py::carrier::{self, EXPLICIT};
use crate::py::classes::is_wrapper;
use crate::py::errors::from_exception;
use crate::py::fallible::{attribute, module};
use crate::py::hang;
use crate::py::moved::{as_moved, twice};
use crate::py::nesting::Level;
use crate::py::raise::{Exc, Raised, name_place, no_memory, raise, type_name};
use crate::py::scalars::made;
use crate::py::scalars::put_plain;
pub(crate) use crate::py::scalars::{bytes_of, index_of, int_of, small_int_of, str_of, text_of};
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
    /// Both are carried, so that the same one is the same key each time.
    Key,
}

/// A Python object as a value for a call; borrows where it can.
///
/// # Errors
///
/// The exception of what cannot cross: OverflowError for a large int, ValueError for a moved-from
/// wrapper.
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

/// As [`to_value`], for the key of a map.
///
/// # Errors
///
/// As [`pass`].
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn to_key(object: *mut ffi::PyObject) -> Result<Any, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if is_wrapper(object) {
            let value = to_value(object)?;
            return Ok(keyed(&value, 0)?.unwrap_or(value));
        }
        Ok(own(pass_other(object, Form::Key)?))
    }
}

/// An Array whose items are what a tuple's would be as a key: a copy or a pickle of a tuple among keys is an
/// Array, and has functions for callables. `None`: it is that already, or no Array.
///
/// # Safety
///
/// Attached.
unsafe fn keyed(value: &Any, depth: u32) -> Result<Option<Any>, Raised> {
    /// As deep as Arrays are keys by content.
    const DEEPEST: u32 = 16;
    let raw = value.as_raw();
    // SAFETY: the caller's contract; the value's object is alive.
    unsafe {
        match (raw.type_index, raw.as_object()) {
            (index::FUNCTION, Some(function)) if depth > 0 => {
                let function = function.as_ref();
                match carrier::carried(function) {
                    Some(callable) if function.flags() & EXPLICIT == 0 => {
                        Ok(Some(carrier::carry(callable)?.into()))
                    }
                    _ => Ok(None),
                }
            }
            (index::ARRAY, Some(_)) if depth < DEEPEST => {
                let Ok(array) = value.get::<Array>() else {
                    return Ok(None);
                };
                let mut items: Option<Vec<Any>> = None;
                for (at, item) in array.iter().enumerate() {
                    if let Some(item) = keyed(item, depth + 1)? {
                        items.get_or_insert_with(|| array.iter().cloned().collect())[at] = item;
                    }
                }
                items
                    .map(|items| Ok(made(Array::try_from_values(items))?.into()))
                    .transpose()
            }
            _ => Ok(None),
        }
    }
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

/// # Safety
///
/// Attached; a live object that is no wrapper.
#[inline(never)]
unsafe fn pass_other(object: *mut ffi::PyObject, form: Form) -> Result<Passed, Raised> {
    // SAFETY: the caller's contract, in every branch.
    unsafe {
        let mut raw = RawAny::NONE;
        if put_plain(&raw mut raw, object) {
            return Ok(Passed::plain(raw));
        }
        // Those of classes below, and ints that do not fit.
        if ffi::PyLong_Check(object) != 0 {
            return Ok(Passed::plain(RawAny::int(int_of(object)?)));
        }
        if ffi::PyFloat_Check(object) != 0 {
            return Ok(Passed::plain(RawAny::float(ffi::PyFloat_AsDouble(object))));
        }
        if ffi::PyUnicode_Check(object) != 0 {
            return Ok(Passed::made(str_of(object)?));
        }
        hang::ready();
        if ffi::PyBytes_Check(object) != 0 || ffi::PyByteArray_Check(object) != 0 {
            return Ok(Passed::made(bytes_of(object)?));
        }
        if form == Form::Key {
            // As `hash` has it: what would be a copy, and could change, is no key.
            if ffi::PyTuple_Check(object) != 0 {
                return Ok(Passed::made(made(Array::try_from_values(each(
                    object, to_key,
                )?))?));
            }
            if ffi::PyList_Check(object) != 0 || ffi::PyDict_Check(object) != 0 {
                let kind = type_name(object);
                return Err(raise!(
                    Exc::Type,
                    "unhashable type: '{kind}' cannot be a key, because it can change; use a tuple, or a \
                     native container"
                ));
            }
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
            return Ok(Passed::made(map_of(object)?));
        }
        if form != Form::Key && ffi::PyExceptionInstance_Check(object) != 0 {
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
        if form != Form::Key && ffi::PyCallable_Check(object) != 0 {
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

/// Whether `numbers.Integral` knows the object: numpy's integers, for instance.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn is_integral(object: *mut ffi::PyObject) -> Result<bool, Raised> {
    static INTEGRAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // SAFETY: attached by the caller's contract.
    let py = unsafe { Python::assume_attached() };
    let answer = INTEGRAL
        .get_or_try_init(py, || {
            attribute(&module(py, c"numbers")?, c"Integral").map(Bound::unbind)
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

/// The values that an iterable gives, converted; errors name the item.
///
/// # Errors
///
/// What iterating or converting raises; MemoryError.
///
/// # Safety
///
/// Attached; a live object. Runs Python code.
pub(crate) unsafe fn values_of(iterable: *mut ffi::PyObject) -> Result<Vec<Any>, Raised> {
    // SAFETY: the caller's contract.
    unsafe { each(iterable, to_value) }
}

/// What an iterable gives, each converted by `to`.
///
/// # Safety
///
/// As [`values_of`]; `to` needs no more than a live object.
unsafe fn each(
    iterable: *mut ffi::PyObject,
    to: unsafe fn(*mut ffi::PyObject) -> Result<Any, Raised>,
) -> Result<Vec<Any>, Raised> {
    hang::ready();
    // SAFETY: the caller's contract; the tuple is ours: converting may run code that changes a list.
    unsafe {
        let _level = Level::enter(c" while converting nested lists")?;
        let tuple = ffi::PySequence_Tuple(iterable);
        if tuple.is_null() {
            Err(Raised)
        } else {
            let len = ffi::PyTuple_Size(tuple) as usize;
            let mut values = Vec::new();
            let mut fill = || {
                values.try_reserve_exact(len).map_err(|_| no_memory())?;
                for i in 0..len {
                    let item = ffi::PyTuple_GetItem(tuple, i as isize);
                    values.push(
                        to(item).map_err(|raised| name_place(raised, format_args!("item {i}")))?,
                    );
                }
                Ok(())
            };
            let filled = fill();
            ffi::Py_DECREF(tuple);
            filled.map(|()| values)
        }
    }
}

/// A list or tuple (or what iterates into one) as a native array.
///
/// # Errors
///
/// As [`values_of`]; RecursionError for a list that contains itself.
///
/// # Safety
///
/// As [`values_of`].
pub(crate) unsafe fn array_of(object: *mut ffi::PyObject) -> Result<Array, Raised> {
    // SAFETY: the caller's contract.
    unsafe { made(Array::try_from_values(values_of(object)?)) }
}

/// What iterates, as a new native list.
///
/// # Errors
///
/// As [`values_of`].
///
/// # Safety
///
/// As [`values_of`].
pub(crate) unsafe fn list_of(object: *mut ffi::PyObject) -> Result<List, Raised> {
    // SAFETY: the caller's contract.
    unsafe { made(List::try_from_vec(values_of(object)?).map_err(|error| error.cause)) }
}

/// Keys and values of a dict in turn.
///
/// # Errors
///
/// What a key or value raises; RecursionError for a dict that contains itself.
///
/// # Safety
///
/// Attached; a live dict.
pub(crate) unsafe fn flat_of_dict(object: *mut ffi::PyObject) -> Result<Vec<Any>, Raised> {
    hang::ready();
    // A dict of our own: converting may run Python code that changes the original.
    // SAFETY: the caller's contract; the copy is ours until the end, and lends what is in it.
    unsafe {
        let _level = Level::enter(c" while converting nested dicts")?;
        let copy = ffi::PyDict_Copy(object);
        let mut flat = Vec::new();
        let mut fill = || {
            if copy.is_null() {
                return Err(Raised);
            }
            let room = 2 * ffi::PyDict_Size(copy) as usize;
            flat.try_reserve_exact(room).map_err(|_| no_memory())?;
            let (mut at, mut key, mut value) = (0, core::ptr::null_mut(), core::ptr::null_mut());
            while ffi::PyDict_Next(copy, &raw mut at, &raw mut key, &raw mut value) != 0 {
                let number = flat.len() / 2;
                let native = to_key(key)
                    .map_err(|raised| name_place(raised, format_args!("key {number}")))?;
                let shown = native.clone();
                flat.push(native);
                flat.push(to_value(value).map_err(|raised| {
                    name_place(raised, format_args!("value of the key {shown:?}"))
                })?);
            }
            Ok(())
        };
        let filled = fill();
        ffi::Py_XDECREF(copy);
        filled.map(|()| flat)
    }
}

/// A dict as a native map.
///
/// # Errors
///
/// As [`flat_of_dict`].
///
/// # Safety
///
/// As [`flat_of_dict`].
pub(crate) unsafe fn map_of(object: *mut ffi::PyObject) -> Result<Map, Raised> {
    // SAFETY: the caller's contract.
    unsafe { made(Map::try_from_flat(flat_of_dict(object)?).map_err(|error| error.cause)) }
}

/// A dict as a new native one.
///
/// # Errors
///
/// As [`flat_of_dict`].
///
/// # Safety
///
/// As [`flat_of_dict`].
pub(crate) unsafe fn dict_of(object: *mut ffi::PyObject) -> Result<Dict, Raised> {
    // SAFETY: the caller's contract.
    unsafe { made(Dict::try_from_flat(flat_of_dict(object)?).map_err(|error| error.cause)) }
}
