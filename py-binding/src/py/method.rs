//! Methods of native types, as they stand on their classes: a callable that `self` goes first to, whichever it is.
//!
//! The type is marked as one of method descriptors, as that of Python's own functions is: look-up for a call hands
//! it out unbound and puts `self` first among the arguments, where it would else make a bound method for the
//! call and take it apart after. So `A.f` is the descriptor itself (the interpreter, from 3.12 on, takes that for
//! granted of what is so marked), and what it is asked for and does not have is the function's.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;

use crate::py::call::function_vectorcall;
use crate::py::hang;
use crate::py::raise::Raised;

unsafe extern "C" {
    fn PyMethod_New(function: *mut ffi::PyObject, object: *mut ffi::PyObject)
    -> *mut ffi::PyObject;
}

/// # Invariants
///
/// `vectorcall` is set only if `function` is a wrapper of a native function. `function` is null only until it is
/// there for the first time.
#[repr(C)]
struct Method {
    object: ffi::PyObject,
    function: *mut ffi::PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
}

static TYPE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Makes the type. Once, at import.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn make_type() -> Result<(), Raised> {
    let shown = |name: &'static core::ffi::CStr, get: ffi::getter| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        ..ffi::PyGetSetDef::default()
    };
    let members = Box::new([
        shown(c"__doc__", documentation),
        shown(c"__func__", own_function),
        ffi::PyGetSetDef::default(),
    ]);
    // SAFETY: attached; all zero is an empty type object, and its head is that of a static one; it and its members
    // are kept for ever. Each slot keeps that slot's contract.
    unsafe {
        let mut kind = Box::new(core::mem::zeroed::<ffi::PyTypeObject>());
        kind.ob_base.ob_base = ffi::PyObject_HEAD_INIT;
        kind.tp_name = c"tieback._core.method".as_ptr();
        kind.tp_basicsize = size_of::<Method>() as isize;
        let flags = ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_HAVE_GC
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
            | ffi::Py_TPFLAGS_HAVE_VECTORCALL
            | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR;
        #[cfg(Py_GIL_DISABLED)]
        let flags = flags.into();
        kind.tp_flags = flags;
        kind.tp_vectorcall_offset = core::mem::offset_of!(Method, vectorcall) as isize;
        kind.tp_call = Some(call);
        kind.tp_descr_get = Some(bind);
        kind.tp_getattro = Some(attribute);
        kind.tp_getset = Box::leak(members).as_mut_ptr();
        kind.tp_repr = Some(repr);
        kind.tp_hash = Some(hash);
        kind.tp_richcompare = Some(compare);
        kind.tp_traverse = Some(traverse);
        kind.tp_dealloc = Some(dealloc);
        let kind = Box::into_raw(kind);
        if ffi::PyType_Ready(kind) != 0 {
            return Err(Raised);
        }
        TYPE.store(kind, Ordering::Release);
    }
    Ok(())
}

/// A function as a method. NULL with an exception.
///
/// # Safety
///
/// Attached; a live callable.
pub(crate) unsafe fn new(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract; new memory of the type's size.
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
        // shows as itself) are called by `tp_call`.
        (*method).vectorcall = is_native.then_some(call_native);
        (*method).function = function;
        object
    }
}

/// The function of a method, borrowed from it.
///
/// # Safety
///
/// A live method.
unsafe fn function_of(method: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe { (*method.cast::<Method>()).function }
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
    unsafe { function_vectorcall(function_of(method), args, nargsf, names) }
}

/// `tp_call`.
unsafe extern "C" fn call(
    method: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    named: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: as in `call_native`.
    unsafe { ffi::PyObject_Call(function_of(method), args, named) }
}

/// `tp_descr_get`: `a.f` is a bound method of the function, `A.f` the descriptor.
unsafe extern "C" fn bind(
    method: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready(); // the allocation may run the collector
    // SAFETY: the slot's contract.
    unsafe {
        if object.is_null() {
            ffi::Py_INCREF(method);
            return method;
        }
        PyMethod_New(function_of(method), object)
    }
}

/// `tp_getattro`: what the method does not have itself is the function's.
unsafe extern "C" fn attribute(
    method: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        let own = ffi::PyObject_GenericGetAttr(method, name);
        if !own.is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 0 {
            return own;
        }
        ffi::PyErr_Clear();
        ffi::PyObject_GetAttr(function_of(method), name)
    }
}

unsafe extern "C" fn documentation(
    method: *mut ffi::PyObject,
    _: *mut c_void,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe { ffi::PyObject_GetAttrString(function_of(method), c"__doc__".as_ptr()) }
}

unsafe extern "C" fn own_function(
    method: *mut ffi::PyObject,
    _: *mut c_void,
) -> *mut ffi::PyObject {
    // Quiet: nothing is run.
    // SAFETY: the slot's contract.
    unsafe {
        let function = function_of(method);
        ffi::Py_INCREF(function);
        function
    }
}

/// `tp_repr`.
unsafe extern "C" fn repr(method: *mut ffi::PyObject) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract; one object is shown.
    unsafe { ffi::PyUnicode_FromFormat(c"<method %R>".as_ptr(), function_of(method)) }
}

/// `tp_hash`: the function's, as equality goes by it.
unsafe extern "C" fn hash(method: *mut ffi::PyObject) -> ffi::Py_hash_t {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe { ffi::PyObject_Hash(function_of(method)) }
}

/// `tp_richcompare`: by the functions.
unsafe extern "C" fn compare(
    method: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operator: c_int,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract; the type has no subclasses.
    unsafe {
        let is_one = ffi::Py_TYPE(other) == TYPE.load(Ordering::Relaxed);
        let other = if is_one { function_of(other) } else { other };
        ffi::PyObject_RichCompare(function_of(method), other, operator)
    }
}

/// `tp_traverse`.
unsafe extern "C" fn traverse(
    method: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // Quiet: what visits runs nothing.
    // SAFETY: the slot's contract; the function may not be there yet.
    unsafe {
        let function = function_of(method);
        if function.is_null() {
            0
        } else {
            visit(function, arg)
        }
    }
}

/// `tp_dealloc`.
unsafe extern "C" fn dealloc(method: *mut ffi::PyObject) {
    hang::ready();
    // SAFETY: the slot's contract: nobody names it any more.
    unsafe {
        ffi::PyObject_GC_UnTrack(method.cast());
        ffi::Py_XDECREF(function_of(method));
        ffi::PyObject_GC_Del(method.cast());
    }
}
