//! Methods of native types on their classes: CPython's instancemethod, which binds `self` to any callable, with
//! what makes `a.f(x)` one call.
//!
//! ```text
//!  [ Python count | type | function | vectorcall ]
//!    \______ CPython's own _________/
//! ```
//!
//! The type is marked as one of method descriptors: look-up hands it out unbound, and `self` goes first among
//! the arguments, where the interpreter would else make a bound method for the call and take it apart after.
//! It is below the interpreter's own, which does all the rest: `a.f`, `A.f`, `__doc__`, what it is like.

use core::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;

use crate::py::call::function_vectorcall;
use crate::py::raise::{Exc, Raised, raise};

unsafe extern "C" {
    /// The interpreter's type; in the stable ABI of no version, and in each.
    static mut PyInstanceMethod_Type: ffi::PyTypeObject;
}

/// The interpreter's `PyInstanceMethodObject`.
#[repr(C)]
struct Base {
    object: ffi::PyObject,
    function: *mut ffi::PyObject,
}

/// # Invariants
///
/// `vectorcall` is set only if `function` is a wrapper of a native function.
#[repr(C)]
struct Method {
    base: Base,
    vectorcall: Option<ffi::vectorcallfunc>,
}

static TYPE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Makes the type. Once, at import.
///
/// # Errors
///
/// RuntimeError: this CPython lays its instance methods out in another way.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn make_type() -> Result<(), Raised> {
    // SAFETY: attached; all zero is an empty type object, and its head is that of a static one; it is kept for
    // ever. The base is a static type of the interpreter's.
    unsafe {
        let base = &raw mut PyInstanceMethod_Type;
        let (size, known) = ((*base).tp_basicsize, size_of::<Base>());
        if size != known as isize {
            return Err(raise!(
                Exc::Runtime,
                "this Python's instance methods have {size} bytes, tieback knows those of {known}"
            ));
        }
        let mut kind = Box::new(core::mem::zeroed::<ffi::PyTypeObject>());
        kind.ob_base.ob_base = ffi::PyObject_HEAD_INIT;
        kind.tp_name = c"instancemethod".as_ptr();
        kind.tp_basicsize = size_of::<Method>() as isize;
        let flags = ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
            | ffi::Py_TPFLAGS_HAVE_VECTORCALL
            | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR;
        #[cfg(Py_GIL_DISABLED)]
        let flags = flags.into();
        kind.tp_flags = flags;
        kind.tp_base = base;
        kind.tp_vectorcall_offset = core::mem::offset_of!(Method, vectorcall) as isize;
        let kind = Box::into_raw(kind);
        // The type's own documentation would stand before the function's.
        if ffi::PyType_Ready(kind) != 0
            || ffi::PyDict_DelItemString((*kind).tp_dict, c"__doc__".as_ptr()) != 0
        {
            return Err(Raised);
        }
        ffi::PyType_Modified(kind);
        TYPE.store(kind, Ordering::Release);
    }
    Ok(())
}

/// A function as a method: what is called on an object gets that first. NULL with an exception.
///
/// # Safety
///
/// Attached; a live callable.
pub(crate) unsafe fn new(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract; new memory of the type's size, which the interpreter's teardown takes apart.
    unsafe {
        let object = ffi::PyType_GenericAlloc(TYPE.load(Ordering::Acquire), 0);
        if object.is_null() {
            return object;
        }
        ffi::Py_INCREF(function);
        let method = object.cast::<Method>();
        let is_native = ffi::PyVectorcall_Function(function).is_some_and(|own| {
            core::ptr::fn_addr_eq(own, function_vectorcall as ffi::vectorcallfunc)
        });
        // INVARIANT: who is called so is a wrapper of a native function. Others (a callable of Python's, which
        // shows as itself) are called by the interpreter's `tp_call`.
        (*method).vectorcall = is_native.then_some(call_native);
        (*method).base.function = function;
        object
    }
}

/// The `vectorcall` of methods that are native functions.
unsafe extern "C" fn call_native(
    method: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // Quiet: what jumps on enters.
    // SAFETY: the slot's contract; the caller holds the method, which holds the function.
    unsafe {
        function_vectorcall(
            (*method.cast::<Method>()).base.function,
            args,
            nargsf,
            names,
        )
    }
}
