//! Values on their way into fields: what fits, and what is converted.

use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use object_core::abi::{FieldKind, field_flags};
use object_core::refs::inc_ref;
use object_core::{
    Any, ObjectHeader, convert_for, is_instance, slots, type_index as index, write_field,
};
use pyo3::ffi;

use crate::py::carrier;
use crate::py::classes::has_teardown;
use crate::py::context::Context;
use crate::py::hang;
use crate::py::into::{
    array_of, bytes_of, dict_of, index_of, int_of, list_of, map_of, small_int_of, str_of, to_value,
};
use crate::py::misfit::{mismatch, name_error, named};
use crate::py::plan::{Field, UNRESOLVED, mask};
use crate::py::raise::Raised;
use crate::py::wrapper::glance_if;

/// Where a field lies.
///
/// # Safety
///
/// A live object that has the field.
#[inline]
pub(crate) unsafe fn place<T>(object: NonNull<ObjectHeader>, field: &Field) -> *mut T {
    // SAFETY: the caller's contract.
    unsafe { object.as_ptr().byte_add(field.info.offset as usize).cast() }
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
                let int = convert_int(field, value, context)?;
                let _writing = context.writing(field)?;
                (*place::<AtomicI64>(object, field)).store(int, Ordering::Relaxed);
                Ok(())
            }
            FieldKind::F64 => {
                let float = convert_float(field, value, context)?;
                let bits = float.to_bits() as i64;
                let _writing = context.writing(field)?;
                (*place::<AtomicI64>(object, field)).store(bits, Ordering::Relaxed);
                Ok(())
            }
            FieldKind::Bool => {
                if value != ffi::Py_True() && value != ffi::Py_False() {
                    return Err(mismatch(field, value, context));
                }
                let byte = u8::from(value == ffi::Py_True());
                let _writing = context.writing(field)?;
                (*place::<AtomicU8>(object, field)).store(byte, Ordering::Relaxed);
                Ok(())
            }
            FieldKind::Str | FieldKind::Bytes => {
                let new = convert_text(field, value, context)?;
                swap_any(object, field, new, context)
            }
            FieldKind::Any => {
                let new = match field.info.value_kind() {
                    Some(kind) => convert_optional(field, kind, value, context)?,
                    None => convert_any(field, value, context)?,
                };
                swap_any(object, field, new, context)
            }
            FieldKind::Object | FieldKind::Weak => store_object(object, field, value, context),
            // The narrower scalars of Rust-defined types: checked by the core.
            _ => {
                let value = if field.kind == FieldKind::F32 {
                    Any::from(convert_float(field, value, context)?)
                } else {
                    Any::from(convert_int(field, value, context)?)
                };
                // The core's writer refuses nothing that is mutable; a field being built is
                // written as if it were.
                let mut info = field.info;
                info.flags &= !field_flags::FROZEN;
                let _writing = context.writing(field)?;
                write_field(object, &info, value.view())
                    .map_err(|error| name_error(&error, field, context))
            }
        }
    }
}

/// As [`store`], of a field that is zero in an object that nobody else has: quickly what needs no
/// conversion.
///
/// # Errors
///
/// As [`store`].
///
/// # Safety
///
/// Attached; such an object; its class's constructor runs.
#[inline(always)]
pub(crate) unsafe fn store_new(
    object: NonNull<ObjectHeader>,
    field: &Field,
    value: *mut ffi::PyObject,
    class: &*mut ffi::PyTypeObject,
) -> Result<(), Raised> {
    // SAFETY: the caller's contract; the field's kind says what lies there.
    unsafe {
        match field.kind {
            FieldKind::I64 if ffi::PyLong_CheckExact(value) != 0 => {
                if let Some(int) = small_int_of(value) {
                    (*place::<AtomicI64>(object, field)).store(int, Ordering::Relaxed);
                    return Ok(());
                }
            }
            FieldKind::F64 if ffi::PyFloat_CheckExact(value) != 0 => {
                let bits = ffi::PyFloat_AS_DOUBLE(value).to_bits() as i64;
                (*place::<AtomicI64>(object, field)).store(bits, Ordering::Relaxed);
                return Ok(());
            }
            FieldKind::Object if has_teardown(value) => {
                if let Some(native) = glance_if(value) {
                    let native = native.object();
                    let expected = field.expected.load(Ordering::Relaxed);
                    if native.as_ref().type_index() == expected {
                        inc_ref(native);
                        place::<*mut ObjectHeader>(object, field).write(native.as_ptr());
                        return Ok(());
                    }
                }
            }
            _ => {}
        }
        store_new_slowly(object, field, value, *class)
    }
}

/// [`store_new`] of what needs more.
///
/// # Errors
///
/// As [`store`].
///
/// # Safety
///
/// As [`store_new`].
#[inline(never)]
unsafe fn store_new_slowly(
    object: NonNull<ObjectHeader>,
    field: &Field,
    value: *mut ffi::PyObject,
    class: *mut ffi::PyTypeObject,
) -> Result<(), Raised> {
    let context = Context {
        class,
        in_init: true,
        shared: null_mut(),
    };
    // SAFETY: the caller's contract.
    unsafe { store(object, field, value, context) }
}

/// # Safety
///
/// As [`store`]; `new` is owned and fits the field.
unsafe fn swap_any(
    object: NonNull<ObjectHeader>,
    field: &Field,
    new: Any,
    context: Context,
) -> Result<(), Raised> {
    // SAFETY: the caller's contract; the old value is dropped after the lock.
    unsafe {
        let writing = context.writing(field)?;
        let old = slots::any_slot_swap(object.as_ref(), place(object, field), Any::into_raw(new));
        drop(writing);
        drop(Any::from_raw(old));
    }
    Ok(())
}

unsafe fn convert_int(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<i64, Raised> {
    // SAFETY: the caller's: attached, a live value.
    unsafe {
        let int = if ffi::PyLong_Check(value) != 0 {
            int_of(value)
        } else if ffi::PyIndex_Check(value) != 0 {
            index_of(value)
        } else {
            return Err(mismatch(field, value, context));
        };
        int.map_err(|raised| named(raised, field, context))
    }
}

unsafe fn convert_float(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<f64, Raised> {
    // SAFETY: the caller's: attached, a live value.
    unsafe {
        let numeric = ffi::PyFloat_Check(value) != 0
            || ffi::PyLong_Check(value) != 0
            || ffi::PyIndex_Check(value) != 0;
        if !numeric {
            return Err(mismatch(field, value, context));
        }
        if ffi::PyFloat_Check(value) == 0 {
            hang::ready(); // it may have a `__float__` or `__index__` of its own
        }
        let float = ffi::PyFloat_AsDouble(value);
        if float == -1.0 && !ffi::PyErr_Occurred().is_null() {
            return Err(named(Raised, field, context));
        }
        Ok(float)
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
            let new = str_of(value).map(Any::from);
            new.map_err(|raised| named(raised, field, context))
        } else if field.kind == FieldKind::Bytes
            && (ffi::PyBytes_Check(value) != 0 || ffi::PyByteArray_Check(value) != 0)
        {
            bytes_of(value).map(Any::from)
        } else {
            Err(mismatch(field, value, context))
        }
    }
}

/// A number or bool as a field of that kind takes it, or None.
unsafe fn convert_optional(
    field: &Field,
    kind: FieldKind,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<Any, Raised> {
    // SAFETY: the caller's: attached, a live value.
    unsafe {
        if value == ffi::Py_None() {
            return Ok(Any::NONE);
        }
        let wide = match kind {
            FieldKind::Bool if value == ffi::Py_True() => Any::from(true),
            FieldKind::Bool if value == ffi::Py_False() => Any::from(false),
            FieldKind::Bool => return Err(mismatch(field, value, context)),
            FieldKind::F32 | FieldKind::F64 => Any::from(convert_float(field, value, context)?),
            _ => Any::from(convert_int(field, value, context)?),
        };
        convert_for(&field.info, wide.view()).map_err(|error| name_error(&error, field, context))
    }
}

unsafe fn convert_any(
    field: &Field,
    value: *mut ffi::PyObject,
    context: Context,
) -> Result<Any, Raised> {
    // In a union a list or dict becomes the container that the union names, if it names one.
    // SAFETY: the caller's: attached, a live value.
    let container = unsafe {
        field
            .objects
            .iter()
            .find_map(|&number| container_of(number, value))
    };
    // SAFETY: as above.
    let new = container.unwrap_or_else(|| unsafe { to_value(value) });
    // SAFETY: attached.
    let new = new.map_err(|raised| unsafe { named(raised, field, context) })?;
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
        let writing = context.writing(field)?;
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
            let old = slots::slot_store(object.as_ref(), slot, address);
            drop(writing);
            slots::drop_weak(old);
            return Ok(());
        }
        let address = new
            .map(Any::into_raw)
            .and_then(|raw| raw.as_object())
            .map_or(null_mut(), NonNull::as_ptr);
        let old = slots::slot_store(object.as_ref(), slot, address);
        drop(writing);
        slots::drop_strong(old);
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
            let new = to_value(value).map_err(|raised| named(raised, field, context))?;
            if is_instance(new.type_index(), expected) && index::is_object(new.type_index()) {
                return Ok(new);
            }
            if expected != index::FUNCTION {
                return Err(mismatch(field, value, context));
            }
            // An object whose class is callable goes on below, as any callable does.
        }
        match expected {
            index::ARRAY if ffi::PyList_Check(value) != 0 || ffi::PyTuple_Check(value) != 0 => {
                let new = array_of(value).map(Any::from);
                new.map_err(|raised| named(raised, field, context))
            }
            index::LIST | index::MAP | index::DICT => match container_of(expected, value) {
                Some(new) => new.map_err(|raised| named(raised, field, context)),
                None => Err(mismatch(field, value, context)),
            },
            index::FUNCTION if ffi::PyCallable_Check(value) != 0 => {
                carrier::function(value, false).map(Any::from)
            }
            index::ERROR if ffi::PyExceptionInstance_Check(value) != 0 => to_value(value),
            _ => Err(mismatch(field, value, context)),
        }
    }
}

/// A Python list, tuple or dict as a container of that type; `None` if it does not become one.
///
/// # Safety
///
/// Attached; a live value.
unsafe fn container_of(number: i32, value: *mut ffi::PyObject) -> Option<Result<Any, Raised>> {
    // SAFETY: the caller's contract.
    unsafe {
        let is_list = ffi::PyList_Check(value) != 0 || ffi::PyTuple_Check(value) != 0;
        let is_dict = ffi::PyDict_Check(value) != 0;
        match number {
            index::LIST if is_list => Some(list_of(value).map(Any::from)),
            index::MAP if is_dict => Some(map_of(value).map(Any::from)),
            index::DICT if is_dict => Some(dict_of(value).map(Any::from)),
            _ => None,
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
        hang::ready();
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
