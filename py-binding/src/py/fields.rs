//! Reading and writing native fields: getters by kind, one setter.
//!
//! A getter's quick part is all that runs for a wrapper that is alive: the field, the word behind it, a
//! count. Everything else is out of line.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU8, Ordering};

use object_core::abi::FieldKind;
use object_core::{ObjectHeader, TypeName, is_instance, read_field, slots};
use pyo3::ffi;

use crate::py::classes::is_wrapper;
use crate::py::context::{Context, frozen, raise_frozen, text};
use crate::py::descriptor::{About, TYPES, about};
use crate::py::hang;
use crate::py::out::{
    int_to_python, live_face, object_into_python, object_to_python, value_into_python,
};
use crate::py::plan::Field;
use crate::py::raise::{Exc, Raised, class_name, raise, type_name};
use crate::py::refs::QUIET;
use crate::py::store::{place, store};
use crate::py::wrapper::{Glance, Loan, glance, glance_if, state, storage};

/// That the object has the field. Python's own check is not enough: a class assigned to `__class__`
/// passes it.
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
    // SAFETY: attached; a live wrapper and its object.
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

/// The getters, by the number of their type of descriptor.
pub(crate) const GETTERS: [ffi::descrgetfunc; TYPES] = [
    get_i64,
    get_f64,
    get_bool,
    get_frozen_object,
    get_object,
    get_any,
];

/// Which getter a field has.
pub(crate) fn getter(field: &Field) -> usize {
    match (field.kind, field.frozen) {
        (FieldKind::I64, _) => 0,
        (FieldKind::F64, _) => 1,
        (FieldKind::Bool, _) => 2,
        (FieldKind::Object, true) => 3,
        (FieldKind::Object, false) => 4,
        _ => 5,
    }
}

/// The object of a wrapper of exactly the descriptor's class and the field's type: the way of nearly
/// all. `None`: see [`slowly`].
///
/// # Safety
///
/// Attached; NULL or a live object.
#[inline(always)]
unsafe fn ordinary<'a>(about: &About, wrapper: *mut ffi::PyObject) -> Option<Glance<'a>> {
    // SAFETY: the caller's contract; fields are of wrappers' classes.
    unsafe {
        if wrapper.is_null() || ffi::Py_TYPE(wrapper) != about.class {
            return None;
        }
        let native = glance_if(wrapper)?;
        (native.object().as_ref().type_index() == about.owner).then_some(native)
    }
}

/// What a getter does for all others: subclasses' wrappers and classes themselves, which it reads, and
/// what has no such field, which raises.
///
/// # Safety
///
/// Attached; NULL or a live object.
#[inline(always)]
unsafe fn slowly(
    descriptor: *mut ffi::PyObject,
    wrapper: *mut ffi::PyObject,
    read: impl FnOnce(NonNull<ObjectHeader>) -> *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract; a wrapper's object is alive.
    unsafe {
        if wrapper.is_null() {
            ffi::Py_INCREF(descriptor);
            return descriptor;
        }
        let about = about(descriptor);
        if !is_wrapper(wrapper) {
            let (name, class) = (text(about.field.name), class_name(about.class));
            let got = type_name(wrapper);
            return raise!(
                Exc::Type,
                "descriptor '{name}' for '{class}' objects doesn't apply to a '{got}' object"
            )
            .null();
        }
        let Ok(native) = glance(wrapper) else {
            return null_mut();
        };
        match check(native.object(), wrapper, about.field) {
            Ok(()) => read(native.object()),
            Err(Raised) => null_mut(),
        }
    }
}

/// A getter: `$quick`, an expression of the object, or `None` for what `$slow` then does.
macro_rules! getter {
    ($name:ident, |$wrapper:ident, $object:ident, $about:ident| $quick:expr, $slow:expr) => {
        unsafe extern "C" fn $name(
            descriptor: *mut ffi::PyObject,
            $wrapper: *mut ffi::PyObject,
            _class: *mut ffi::PyObject,
        ) -> *mut ffi::PyObject {
            // A C function, which does not unwind: so it is jumped to, and this one has no frame.
            #[cold]
            #[inline(never)]
            unsafe extern "C" fn again(
                descriptor: *mut ffi::PyObject,
                $wrapper: *mut ffi::PyObject,
            ) -> *mut ffi::PyObject {
                // Quiet: the getter that jumps here has entered.
                // SAFETY: as for the getter.
                unsafe {
                    let $about = about(descriptor);
                    slowly(descriptor, $wrapper, |$object| $slow)
                }
            }
            hang::enter();
            // SAFETY: the slot's contract: attached, a descriptor of the type whose getter this is,
            // and NULL or a live object. A wrapper's object is alive as long as the glance.
            unsafe {
                let $about = about(descriptor);
                if let Some(native) = ordinary($about, $wrapper) {
                    let $object = native.object();
                    if let Some(shown) = $quick {
                        return shown;
                    }
                }
                again(descriptor, $wrapper)
            }
        }
    };
    ($name:ident, |$wrapper:ident, $object:ident, $about:ident| $read:expr) => {
        getter!($name, |$wrapper, $object, $about| Some($read), $read);
    };
}

/// # Safety
///
/// A live object that has the descriptor's field.
#[inline(always)]
unsafe fn at<'a, T>(object: NonNull<ObjectHeader>, about: &About) -> &'a T {
    // SAFETY: the caller's contract.
    unsafe { &*object.as_ptr().byte_add(about.offset as usize).cast() }
}

// Relaxed: a scalar orders nothing else, and is never torn.
getter!(get_i64, |wrapper, object, about| {
    int_to_python(at::<AtomicI64>(object, about).load(Ordering::Relaxed))
});
getter!(get_f64, |wrapper, object, about| {
    let bits = at::<AtomicI64>(object, about).load(Ordering::Relaxed);
    ffi::PyFloat_FromDouble(f64::from_bits(bits as u64))
});
getter!(get_bool, |wrapper, object, about| {
    ffi::PyBool_FromLong(at::<AtomicU8>(object, about).load(Ordering::Relaxed).into())
});
getter!(
    get_frozen_object,
    |wrapper, object, about| {
        // While it is built, a frozen field changes too: under the GIL, or else under the lock.
        if !QUIET && storage(wrapper).is(state::BUILDING) {
            None
        } else {
            // Frozen: set before the object was shared, so no lock; Acquire costs nothing where it
            // matters.
            let value = at::<AtomicPtr<ObjectHeader>>(object, about).load(Ordering::Acquire);
            NonNull::new(value).map(|value| object_to_python(value))
        }
    },
    read_object(object, wrapper, about.field)
);
getter!(
    get_object,
    |wrapper, object, about| {
        let slot = place(object, about.field);
        slots::slot_look(object.as_ref(), slot, |value| live_face(value))
    },
    read_object(object, wrapper, about.field)
);
getter!(get_any, |wrapper, object, about| {
    read_value(object, wrapper, about.field)
});

/// A field of any kind but objects.
///
/// # Safety
///
/// Attached; a live wrapper, and its object, which has the field.
#[inline]
unsafe fn read_value(
    object: NonNull<ObjectHeader>,
    wrapper: *mut ffi::PyObject,
    field: &Field,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe {
        let value = read_field(object, &field.info);
        let text = matches!(field.kind, FieldKind::Str | FieldKind::Bytes);
        if text && !field.optional && value.is_none() {
            missing(wrapper, field)
        } else {
            value_into_python(value)
        }
    }
}

/// An object field, whatever is in it and whoever is writing it.
///
/// # Safety
///
/// Attached; a live wrapper, and its object, which has the field.
unsafe fn read_object(
    object: NonNull<ObjectHeader>,
    wrapper: *mut ffi::PyObject,
    field: &Field,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract. A frozen field of an object that is built never changes.
    unsafe {
        let shown = if field.frozen && !storage(wrapper).is(state::BUILDING) {
            let value = (*place::<AtomicPtr<ObjectHeader>>(object, field)).load(Ordering::Acquire);
            NonNull::new(value).map(|value| object_to_python(value))
        } else {
            slots::slot_load(object.as_ref(), place(object, field))
                .map(|value| object_into_python(object_core::ObjectRef::from_raw(value)))
        };
        shown.unwrap_or_else(|| missing(wrapper, field))
    }
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

/// The getter of every field for those who ask the interpreter's own `__get__` of a getset descriptor.
pub(crate) unsafe extern "C" fn get(
    wrapper: *mut ffi::PyObject,
    closure: *mut c_void,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract: attached, a live wrapper of the class, the closure it was made with.
    unsafe {
        let field = &*closure.cast::<Field>();
        let Ok(native) = glance(wrapper) else {
            return null_mut();
        };
        let object = native.object();
        if check(object, wrapper, field).is_err() {
            return null_mut();
        }
        if field.kind == FieldKind::Object {
            read_object(object, wrapper, field)
        } else {
            read_value(object, wrapper, field)
        }
    }
}

/// The setter of every field.
pub(crate) unsafe extern "C" fn set(
    wrapper: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    closure: *mut c_void,
) -> c_int {
    hang::enter();
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
