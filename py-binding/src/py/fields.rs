//! Descriptors of native fields: getters by kind, one setter, and filling at construction.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU8, Ordering};

use object_core::abi::{FieldKind, RawAny, field_flags};
use object_core::{
    Any, ObjectHeader, TypeName, is_instance, read_field, slots, type_index as index, write_field,
};
use pyo3::ffi;

use crate::py::carrier;
use crate::py::into::{Form, array_of, bytes_of, index_of, int_of, str_of, to_value};
use crate::py::out::{object_into_python, object_to_python, value_into_python};
use crate::py::plan::{Field, UNRESOLVED, mask};
use crate::py::raise::{Exc, Raised, class_name, raise, raise_class, type_name};
use crate::py::wrapper::{Loan, handle, state, storage};

/// Where a field lies.
///
/// # Safety
///
/// A live object that has the field.
#[inline]
unsafe fn place<T>(object: NonNull<ObjectHeader>, field: &Field) -> *mut T {
    // SAFETY: the caller's contract.
    unsafe { object.as_ptr().byte_add(field.info.offset as usize).cast() }
}

/// The native object of a wrapper, which has the field. Python lets classes be assigned and bases
/// be mixed by what they look like to it, so it is the object that is asked.
///
/// # Safety
///
/// Attached; a live wrapper.
#[inline]
unsafe fn owner_handle(
    wrapper: *mut ffi::PyObject,
    field: &Field,
) -> Result<NonNull<ObjectHeader>, Raised> {
    // SAFETY: the caller's contract; alive by the wrapper's reference.
    unsafe {
        let object = handle(wrapper)?;
        let number = object.as_ref().type_index();
        if number == field.owner || is_instance(number, field.owner) {
            Ok(object)
        } else {
            Err(no_such_field(number, field))
        }
    }
}

#[cold]
unsafe fn no_such_field(number: i32, field: &Field) -> Raised {
    // SAFETY: attached; the name is kept for ever.
    unsafe {
        let (name, owner, got) = (text(field.name), TypeName(field.owner), TypeName(number));
        raise!(
            Exc::Type,
            "field '{name}' is one of '{owner}' objects, this is a native '{got}'"
        )
    }
}

/// The getter for a field's kind.
pub(crate) fn getter(field: &Field) -> ffi::getter {
    match (field.kind, field.frozen) {
        (FieldKind::I64, _) => get_i64,
        (FieldKind::F64, _) => get_f64,
        (FieldKind::Bool, _) => get_bool,
        (FieldKind::Object, true) => get_frozen_object,
        _ => get_any,
    }
}

macro_rules! getter {
    ($name:ident, |$wrapper:ident, $object:ident, $field:ident| $body:expr) => {
        unsafe extern "C" fn $name(
            $wrapper: *mut ffi::PyObject,
            closure: *mut c_void,
        ) -> *mut ffi::PyObject {
            // SAFETY: the slot's contract: attached, an instance of the descriptor's class, and the
            // closure is the field the descriptor was made with.
            unsafe {
                let $field = &*closure.cast::<Field>();
                match owner_handle($wrapper, $field) {
                    Ok($object) => $body,
                    Err(Raised) => null_mut(),
                }
            }
        }
    };
}

// Relaxed: a scalar orders nothing else, and is never torn.
getter!(get_i64, |wrapper, object, field| {
    ffi::PyLong_FromLongLong((*place::<AtomicI64>(object, field)).load(Ordering::Relaxed))
});
getter!(get_f64, |wrapper, object, field| {
    let bits = (*place::<AtomicI64>(object, field)).load(Ordering::Relaxed);
    ffi::PyFloat_FromDouble(f64::from_bits(bits as u64))
});
getter!(get_bool, |wrapper, object, field| {
    ffi::PyBool_FromLong(
        (*place::<AtomicU8>(object, field))
            .load(Ordering::Relaxed)
            .into(),
    )
});
getter!(get_frozen_object, |wrapper, object, field| {
    // Frozen: set before the object was shared, so no lock; Acquire costs nothing where it matters.
    let value = (*place::<AtomicPtr<ObjectHeader>>(object, field)).load(Ordering::Acquire);
    match NonNull::new(value) {
        Some(value) => object_to_python(value),
        None => missing(wrapper, field),
    }
});
getter!(get_any, |wrapper, object, field| {
    if field.kind == FieldKind::Object {
        return match slots::slot_load(object.as_ref(), place(object, field)) {
            Some(value) => object_into_python(object_core::ObjectRef::from_raw(value)),
            None => missing(wrapper, field),
        };
    }
    if matches!(field.kind, FieldKind::Str | FieldKind::Bytes) && !field.optional {
        let raw = &*place::<RawAny>(object, field);
        if raw.type_index == index::NONE {
            return missing(wrapper, field);
        }
    }
    value_into_python(read_field(object, &field.info))
});

/// What an unset object field shows: None if that is a value of it, else an error.
///
/// # Safety
///
/// Attached; a live wrapper.
#[cold]
unsafe fn missing(wrapper: *mut ffi::PyObject, field: &Field) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe {
        if field.optional {
            let none = ffi::Py_None();
            ffi::Py_INCREF(none);
            return none;
        }
        let name = text(field.name);
        raise!(
            Exc::Attribute,
            "field '{name}' of '{}' was not set yet",
            type_name(wrapper)
        )
        .null()
    }
}

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

/// The setter of every field.
pub(crate) unsafe extern "C" fn set(
    wrapper: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    closure: *mut c_void,
) -> c_int {
    // SAFETY: the slot's contract, as for the getters.
    unsafe {
        let field = &*closure.cast::<Field>();
        let name = text(field.name);
        if value.is_null() {
            let _ = raise_frozen(format_args!("cannot delete field '{name}'"));
            return -1;
        }
        let Ok(object) = owner_handle(wrapper, field) else {
            return -1;
        };
        let _lent = Loan::of(wrapper); // converting the value may run Python code
        if field.frozen && storage(wrapper).state.get() & state::BUILDING == 0 {
            let _ = raise_frozen(format_args!("cannot assign to field '{name}'"));
            return -1;
        }
        let context = Context {
            class: ffi::Py_TYPE(wrapper),
            in_init: false,
        };
        match store(object, field, value, context) {
            Ok(()) => 0,
            Err(Raised) => -1,
        }
    }
}

/// Raises `dataclasses.FrozenInstanceError`, an AttributeError.
///
/// # Safety
///
/// Attached.
#[cold]
unsafe fn raise_frozen(message: core::fmt::Arguments<'_>) -> Raised {
    use pyo3::prelude::*;
    // SAFETY: attached by the caller's contract.
    let py = unsafe { Python::assume_attached() };
    let class = py
        .import("dataclasses")
        .and_then(|module| module.getattr("FrozenInstanceError"));
    match class {
        // SAFETY: attached; an exception class.
        Ok(class) => unsafe { raise_class(class.as_ptr(), message) },
        Err(raised) => {
            raised.restore(py);
            Raised
        }
    }
}

/// For messages: whose field it is, and whether a constructor fills it.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) class: *mut ffi::PyTypeObject,
    pub(crate) in_init: bool,
}

/// Converts `value` for the field and puts it there. The field keeps its old value if it does not
/// fit.
///
/// # Errors
///
/// TypeError or OverflowError naming field, what was expected and what came.
///
/// # Safety
///
/// Attached; a live object that has the field, and either the field is mutable or the object is
/// still being made.
pub(crate) unsafe fn store(
    object: NonNull<ObjectHeader>,
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<(), Raised> {
    // SAFETY: the caller's contract, in every branch.
    unsafe {
        match field.kind {
            FieldKind::I64 => {
                let int = if ffi::PyLong_Check(value) != 0 {
                    int_of(value)
                } else if ffi::PyIndex_Check(value) != 0 {
                    index_of(value)
                } else {
                    return Err(mismatch(field, value, context));
                };
                let int = int.map_err(|raised| name_overflow(raised, field, context))?;
                (*place::<AtomicI64>(object, field)).store(int, Ordering::Relaxed);
                Ok(())
            }
            FieldKind::F64 => {
                let float = if ffi::PyFloat_Check(value) != 0 {
                    ffi::PyFloat_AsDouble(value)
                } else if ffi::PyLong_Check(value) != 0 || ffi::PyIndex_Check(value) != 0 {
                    let float = ffi::PyFloat_AsDouble(value);
                    if float == -1.0 && !ffi::PyErr_Occurred().is_null() {
                        return Err(Raised);
                    }
                    float
                } else {
                    return Err(mismatch(field, value, context));
                };
                let bits = float.to_bits() as i64;
                (*place::<AtomicI64>(object, field)).store(bits, Ordering::Relaxed);
                Ok(())
            }
            FieldKind::Bool => {
                if value != ffi::Py_True() && value != ffi::Py_False() {
                    return Err(mismatch(field, value, context));
                }
                let byte = u8::from(value == ffi::Py_True());
                (*place::<AtomicU8>(object, field)).store(byte, Ordering::Relaxed);
                Ok(())
            }
            FieldKind::Str | FieldKind::Bytes => {
                let new = convert_text(field, value, context)?;
                swap_any(object, field, new);
                Ok(())
            }
            FieldKind::Any => {
                let new = convert_any(field, value, context)?;
                swap_any(object, field, new);
                Ok(())
            }
            FieldKind::Object | FieldKind::Weak => store_object(object, field, value, context),
            // The narrower scalars of Rust-defined types: checked by the core.
            _ => {
                let value = to_value(value)?;
                // The core's writer refuses nothing that is mutable; a field being built is
                // written as if it were.
                let mut info = field.info;
                info.flags &= !field_flags::FROZEN;
                write_field(object, &info, value.view())
                    .map_err(|error| name_error(&error, field, context))
            }
        }
    }
}

/// # Safety
///
/// As [`store`]; `new` is owned and fits the field.
unsafe fn swap_any(object: NonNull<ObjectHeader>, field: &Field, new: Any) {
    // SAFETY: the caller's contract; the old value is dropped after the lock.
    unsafe {
        let old = slots::any_slot_swap(object.as_ref(), place(object, field), Any::into_raw(new));
        drop(Any::from_raw(old));
    }
}

unsafe fn convert_text(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<Any, Raised> {
    // SAFETY: the caller's: attached, a live value.
    unsafe {
        if value == ffi::Py_None() && field.optional {
            Ok(Any::NONE)
        } else if field.kind == FieldKind::Str && ffi::PyUnicode_Check(value) != 0 {
            str_of(value).map(Any::from)
        } else if field.kind == FieldKind::Bytes
            && (ffi::PyBytes_Check(value) != 0 || ffi::PyByteArray_Check(value) != 0)
        {
            bytes_of(value).map(Any::from)
        } else {
            Err(mismatch(field, value, context))
        }
    }
}

unsafe fn convert_any(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<Any, Raised> {
    // SAFETY: the caller's: attached, a live value.
    let new = unsafe { to_value(value) }?;
    if field.mask == mask::ALL {
        return Ok(new);
    }
    let has = |bit: u32| field.mask & bit != 0;
    let number = new.type_index();
    let fits = match number {
        index::NONE => has(mask::NONE),
        index::BOOL => has(mask::BOOL) || has(mask::INT) || has(mask::FLOAT),
        index::INT => has(mask::INT) || has(mask::FLOAT),
        index::FLOAT => has(mask::FLOAT),
        index::STR | index::SMALL_STR => has(mask::STR),
        index::BYTES | index::SMALL_BYTES => has(mask::BYTES),
        _ => field
            .objects
            .iter()
            .any(|&wanted| is_instance(number, wanted)),
    };
    if !fits {
        // SAFETY: attached.
        return Err(unsafe { mismatch(field, value, context) });
    }
    // `int` where only float is declared is stored as one; a bool where only int is, too.
    let widened = match number {
        index::BOOL if !has(mask::BOOL) && has(mask::INT) => {
            new.get::<i64>().map(Any::from).unwrap_or(new)
        }
        index::BOOL | index::INT if !has(mask::BOOL | mask::INT) => {
            new.get::<f64>().map(Any::from).unwrap_or(new)
        }
        _ => new,
    };
    Ok(widened)
}

unsafe fn store_object(
    object: NonNull<ObjectHeader>,
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<(), Raised> {
    // SAFETY: the caller's, as for `store`.
    unsafe {
        let new = if value == ffi::Py_None() && (field.optional || field.kind == FieldKind::Weak) {
            None
        } else {
            Some(convert_object(field, value, context)?)
        };
        let slot = place::<*mut ObjectHeader>(object, field);
        if field.kind == FieldKind::Weak {
            if let Some(new) = new
                .as_ref()
                .and_then(|new| Any::view(new).raw().as_object())
            {
                object_core::refs::inc_weak(new);
            }
            let address = new
                .as_ref()
                .and_then(|new| Any::view(new).raw().as_object());
            let address = address.map_or(null_mut(), NonNull::as_ptr);
            slots::drop_weak(slots::slot_store(object.as_ref(), slot, address));
            return Ok(());
        }
        let address = new
            .map(Any::into_raw)
            .and_then(|raw| raw.as_object())
            .map_or(null_mut(), NonNull::as_ptr);
        slots::drop_strong(slots::slot_store(object.as_ref(), slot, address));
        Ok(())
    }
}

/// A value for an object field: a wrapper, or what becomes an object of that type.
unsafe fn convert_object(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<Any, Raised> {
    // SAFETY: the caller's: attached, a live value.
    unsafe {
        let expected = expected(field)?;
        if crate::py::classes::is_wrapper(value) || crate::py::moved::as_moved(value).is_some() {
            let new = to_value(value)?;
            if is_instance(new.type_index(), expected) && index::is_object(new.type_index()) {
                return Ok(new);
            }
            return Err(mismatch(field, value, context));
        }
        match expected {
            index::ARRAY if ffi::PyList_Check(value) != 0 || ffi::PyTuple_Check(value) != 0 => {
                array_of(value, Form::Crossing).map(Any::from)
            }
            index::FUNCTION if ffi::PyCallable_Check(value) != 0 => {
                carrier::function(value, false).map(Any::from)
            }
            index::ERROR if ffi::PyExceptionInstance_Check(value) != 0 => to_value(value),
            _ => Err(mismatch(field, value, context)),
        }
    }
}

/// The type a field's objects must be of; looks a forward reference up.
///
/// # Errors
///
/// TypeError: the name does not mean anything yet.
unsafe fn expected(field: &Field) -> Result<i32, Raised> {
    let known = field.expected.load(Ordering::Relaxed);
    if known != UNRESOLVED {
        return Ok(known);
    }
    // SAFETY: attached by the caller; the resolver is kept for ever.
    unsafe {
        let answer = ffi::PyObject_CallNoArgs(field.resolver);
        if answer.is_null() {
            return Err(Raised);
        }
        let number = int_of(answer);
        ffi::Py_DECREF(answer);
        let number = number? as i32;
        field.expected.store(number, Ordering::Relaxed);
        Ok(number)
    }
}

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

#[cold]
unsafe fn mismatch(field: &Field, value: *mut ffi::PyObject, context: Context) -> Raised {
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

/// An OverflowError of a conversion, with the field's name in it.
#[cold]
unsafe fn name_overflow(raised: Raised, field: &Field, context: Context) -> Raised {
    // SAFETY: attached.
    unsafe {
        if ffi::PyErr_ExceptionMatches(ffi::PyExc_OverflowError) == 0 {
            return raised;
        }
        ffi::PyErr_Clear();
        let at = whose(field, context);
        raise!(
            Exc::Overflow,
            "{at}: expected an int of 64 bits (i64), got a larger one"
        )
    }
}

#[cold]
unsafe fn name_error(error: &object_core::Error, field: &Field, context: Context) -> Raised {
    let exc = if error.kind() == "OverflowError" {
        Exc::Overflow
    } else {
        Exc::Type
    };
    // SAFETY: attached.
    unsafe { raise!(exc, "{}: {}", whose(field, context), error.message()) }
}
