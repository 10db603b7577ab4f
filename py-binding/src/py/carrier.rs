//! Python objects inside native ones: carriers, and functions made of Python callables.

use core::ffi::c_void;
use core::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use object_core::abi::SafeCall;
use object_core::header::flags::FRONTEND_SHIFT;
use object_core::{
    Extends, Function, FunctionObj, NewError, Object, ObjectArc, ObjectHeader, ObjectRef,
    OpaqueObj, RegisterError, type_index,
};
use pyo3::ffi;

use crate::py::attached;
use crate::py::hold::{self, Hold};
use crate::py::raise::{Exc, Raised, no_memory, raise};

/// Object flag: `convert` made it, so it comes back as a wrapper and not as what it carries.
pub(crate) const EXPLICIT: u32 = 1 << FRONTEND_SHIFT;
/// Object flag: the body is one of this file's.
pub(crate) const OURS: u32 = 1 << (FRONTEND_SHIFT + 1);

macro_rules! holder {
    ($(#[$doc:meta])* $name:ident over $base:ty, $number:ident) => {
        $(#[$doc])*
        #[repr(C)]
        pub(crate) struct $name {
            base: $base,
            hold: *mut Hold,
        }

        // SAFETY: the hold is only read by attached threads, and dropped through the gate.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        // SAFETY: repr(C), begins with an object struct; several bodies share the number.
        unsafe impl Object for $name {
            const DISTINCT: bool = false;

            fn type_index() -> Result<i32, RegisterError> {
                Ok(type_index::$number)
            }
        }

        // SAFETY: repr(C), the first field is the base.
        unsafe impl Extends<$base> for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the hold is this object's alone, and this is its last use.
                unsafe { attached::hold_gone(self.hold) };
            }
        }
    };
}

holder!(
    /// Carries any Python object.
    Carrier over OpaqueObj, OPAQUE
);
holder!(
    /// A function that calls a Python callable.
    PyFunction over FunctionObj, FUNCTION
);

/// The Python object inside a native one, if it is one of this file's. Borrowed.
///
/// # Safety
///
/// Attached; a live object.
#[inline]
pub(crate) unsafe fn carried(object: &ObjectHeader) -> Option<*mut ffi::PyObject> {
    // SAFETY: the caller's contract.
    unsafe { held_by(object).map(|hold| hold::object(hold)) }
}

/// The hold inside a native object, if it is one of this file's. Lives with it.
///
/// # Safety
///
/// As [`carried`].
#[inline]
pub(crate) unsafe fn held_by(object: &ObjectHeader) -> Option<*mut Hold> {
    if object.flags() & OURS == 0 {
        return None;
    }
    let body = core::ptr::from_ref(object);
    // SAFETY: the flag says that the body is one of the two, by its type; the hold lives with it.
    unsafe {
        match object.type_index() {
            type_index::OPAQUE => Some((*body.cast::<Carrier>()).hold),
            type_index::FUNCTION => Some((*body.cast::<PyFunction>()).hold),
            _ => None,
        }
    }
}

/// A native object that carries `object`.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn carry(object: *mut ffi::PyObject) -> Result<ObjectRef, Raised> {
    // SAFETY: the caller's contract; the carrier owns the hold from here on, also when it could not
    // be placed: then its value is dropped.
    unsafe {
        let hold = hold::new(object)?;
        let carrier = Carrier {
            base: OpaqueObj::new(object.cast()),
            hold,
        };
        placed(ObjectArc::try_new(carrier).map_err(|error| error.cause), 0)
    }
}

static ENTRY: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Says how Python callables are called; once, at import.
pub(crate) fn set_entry(entry: SafeCall) {
    ENTRY.store(entry as *mut c_void, Ordering::Release);
}

/// A function that calls `callable`. `explicit`: it comes back as a `Function`, not as the callable.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn function(
    callable: *mut ffi::PyObject,
    explicit: bool,
) -> Result<Function, Raised> {
    let entry = ENTRY.load(Ordering::Acquire);
    if entry.is_null() {
        // SAFETY: attached.
        return Err(unsafe { raise!(Exc::Runtime, "tieback is not imported yet") });
    }
    // SAFETY: set by `set_entry`; it expects a PyFunction, which is what is made here. The function
    // owns the hold from here on, also when it could not be placed.
    unsafe {
        let entry = core::mem::transmute::<*mut c_void, SafeCall>(entry);
        let hold = hold::new(callable)?;
        let body = PyFunction {
            base: FunctionObj::new(entry),
            hold,
        };
        let extra = if explicit { EXPLICIT } else { 0 };
        let made = placed(ObjectArc::try_new(body).map_err(|error| error.cause), extra)?;
        Ok(Function::from_object(ObjectArc::from_raw(
            ObjectArc::into_raw(made).cast(),
        )))
    }
}

/// Marks a new holder as ours and forgets its exact type.
///
/// # Safety
///
/// Attached.
unsafe fn placed<T: Object>(
    made: Result<ObjectArc<T>, NewError>,
    extra: u32,
) -> Result<ObjectRef, Raised> {
    match made {
        Ok(object) => {
            // SAFETY: frontend bits, and this is the frontend; the body is one of this file's.
            unsafe { ObjectArc::header(&object).set_flags(OURS | extra) };
            Ok(ObjectArc::upcast(object))
        }
        // SAFETY: attached.
        Err(_) => Err(unsafe { no_memory() }),
    }
}

/// The hold on the Python callable behind a function of this file's.
///
/// # Safety
///
/// Attached; `function` was made by [`function`].
#[inline]
pub(crate) unsafe fn callable_of(function: *mut c_void) -> *mut Hold {
    // SAFETY: the caller's contract.
    unsafe { (*function.cast::<PyFunction>()).hold }
}
