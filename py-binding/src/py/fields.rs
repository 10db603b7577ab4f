//! Descriptors of native fields: getters by kind, one setter.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU8, Ordering};

use object_core::abi::FieldKind;
use object_core::{ObjectHeader, TypeName, is_instance, read_field, slots};
use pyo3::ffi;

use crate::py::context::{Context, frozen, raise_frozen, text};
use crate::py::out::{int_to_python, object_into_python, object_to_python, value_into_python};
use crate::py::plan::Field;
use crate::py::raise::{Exc, Raised, raise, type_name};
use crate::py::store::{place, store};
use crate::py::wrapper::{Glance, Loan, glance, state, storage};

/// The native object of a wrapper, if it has the field. Python's own check is not enough: a class
/// with two native bases, or one assigned to `__class__`, passes it.
///
/// # Errors
///
/// ValueError: the wrapper is empty. TypeError: its object is of another type.
///
/// # Safety
///
/// Attached; a live wrapper.
#[inline]
unsafe fn native<'a>(wrapper: *mut ffi::PyObject, field: &Field) -> Result<Glance<'a>, Raised> {
    // SAFETY: the caller's contract; a wrapper's object is alive.
    unsafe {
        let native = glance(wrapper)?;
        check(native.object(), wrapper, field)?;
        Ok(native)
    }
}

/// As [`native`], of an object that is at hand.
#[inline]
unsafe fn check(
    object: NonNull<ObjectHeader>,
    wrapper: *mut ffi::PyObject,
    field: &Field,
) -> Result<(), Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if is_instance(object.as_ref().type_index(), field.owner) {
            Ok(())
        } else {
            Err(foreign(object, wrapper, field))
        }
    }
}

#[cold]
unsafe fn foreign(
    object: NonNull<ObjectHeader>,
    wrapper: *mut ffi::PyObject,
    field: &Field,
) -> Raised {
    // SAFETY: as for `native`.
    unsafe {
        let (name, class) = (text(field.name), type_name(wrapper));
        raise!(
            Exc::Type,
            "field '{name}' belongs to '{}', this '{class}' shows a '{}'",
            TypeName(field.owner),
            TypeName(object.as_ref().type_index())
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
                let native = match native($wrapper, $field) {
                    Ok(native) => native,
                    Err(Raised) => return null_mut(),
                };
                let $object = native.object();
                $body
            }
        }
    };
}

// Relaxed: a scalar orders nothing else, and is never torn.
getter!(get_i64, |wrapper, object, field| {
    int_to_python((*place::<AtomicI64>(object, field)).load(Ordering::Relaxed))
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
    // While it is built, frozen fields change too.
    if storage(wrapper).is(state::BUILDING) {
        return get_any(wrapper, closure_of(field));
    }
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
    let value = read_field(object, &field.info);
    let text = matches!(field.kind, FieldKind::Str | FieldKind::Bytes);
    if text && !field.optional && value.is_none() {
        return missing(wrapper, field);
    }
    value_into_python(value)
});

/// The field as descriptors hand it over.
fn closure_of(field: &Field) -> *mut c_void {
    core::ptr::from_ref(field).cast_mut().cast()
}

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
            let _ = if field.frozen {
                raise_frozen(format_args!("cannot delete field '{name}'"))
            } else {
                let class = type_name(wrapper);
                raise!(
                    Exc::Attribute,
                    "cannot delete field '{name}' of '{class}': a native field always has a value"
                )
            };
            return -1;
        }
        // Converting the value may run Python code, which must not move the object away.
        let Ok(lent) = Loan::of(wrapper) else {
            return -1;
        };
        let object = lent.object();
        if check(object, wrapper, field).is_err() {
            return -1;
        }
        if field.frozen && !storage(wrapper).is(state::BUILDING) {
            let _ = frozen(field);
            return -1;
        }
        let context = Context {
            class: ffi::Py_TYPE(wrapper),
            in_init: false,
            shared: wrapper,
        };
        match store(object, field, value, context) {
            Ok(()) => 0,
            Err(Raised) => -1,
        }
    }
}
