//! The wrapper base class, `tieback.Object`: its slots and methods.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use object_core::TypeName;
use pyo3::ffi;

use crate::py::call::call_native;
use crate::py::classes::{self, is_wrapper};
use crate::py::collect::{clear, show_native_edges, traverse};
use crate::py::construct::{class_vectorcall, new};
use crate::py::dealloc::wrapper_dealloc;
use crate::py::hang;
use crate::py::host::Cpython;
use crate::py::long_way::{bind_made, object_init};
use crate::py::moved;
use crate::py::raise::{Exc, Raised, raise, type_name};
use crate::py::refs::{close, is_collected};
use crate::py::spec::{self, END, slot};
use crate::py::wrapper::{Glance, Loan, address, as_wrapper, empty, glance, storage};
use crate::tie::release;

unsafe extern "C" fn hash(object: *mut ffi::PyObject) -> ffi::Py_hash_t {
    hang::enter();
    // SAFETY: the slot's contract.
    match unsafe { address(object) } {
        // Low bits of a body's address are always 0.
        Ok(native) => match (native.as_ptr().addr() >> 4) as ffi::Py_hash_t {
            -1 => -2,
            hash => hash,
        },
        Err(Raised) => -1,
    }
}

/// Equal by object. `!=` is the opposite of `==`, whatever a class makes of that. Another object may say
/// that it is equal all the same, so it is asked, as `object` has it.
unsafe extern "C" fn compare(
    left: *mut ffi::PyObject,
    right: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract.
    unsafe {
        let not_implemented = || {
            let answer = ffi::Py_NotImplemented();
            ffi::Py_INCREF(answer);
            answer
        };
        if operation == ffi::Py_NE {
            hang::ready();
            // What `==` of the class says, turned round: a class may define `__eq__` alone.
            let Some(equal) = (*ffi::Py_TYPE(left)).tp_richcompare else {
                return not_implemented();
            };
            let answer = equal(left, right, ffi::Py_EQ);
            if answer.is_null() || answer == ffi::Py_NotImplemented() {
                return answer;
            }
            let truth = ffi::PyObject_IsTrue(answer);
            ffi::Py_DECREF(answer);
            return match truth {
                -1 => null_mut(),
                truth => ffi::PyBool_FromLong((truth == 0).into()),
            };
        }
        if operation != ffi::Py_EQ {
            return not_implemented();
        }
        let Ok(ours) = address(left) else {
            return null_mut();
        };
        if !is_wrapper(right) {
            return not_implemented();
        }
        match address(right) {
            Ok(theirs) if ours == theirs => ffi::PyBool_FromLong(1),
            Ok(_) => not_implemented(),
            Err(Raised) => null_mut(),
        }
    }
}

unsafe extern "C" fn repr(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        let name = type_name(object);
        let text = match NonNull::new(storage(object).address()) {
            Some(native) => format!("<{name} object at {native:p}>"),
            None if storage(object).is_moved() => format!("<{name} (moved)>"),
            None => format!("<{name} (no native object)>"),
        };
        ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize)
    }
}

unsafe extern "C" fn same_as(
    object: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the method's contract: attached, live objects.
    unsafe {
        let Ok(ours) = address(object) else {
            return null_mut();
        };
        if !is_wrapper(other) {
            return ffi::PyBool_FromLong(0);
        }
        match address(other) {
            Ok(theirs) => ffi::PyBool_FromLong((ours == theirs).into()),
            Err(Raised) => null_mut(),
        }
    }
}

unsafe extern "C" fn chandle(
    object: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the method's contract. Empty wrappers answer 0.
    unsafe { ffi::PyLong_FromVoidPtr(storage(object).address().cast()) }
}

unsafe extern "C" fn move_out(
    object: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the method's contract: attached, a live wrapper.
    unsafe {
        let wrapper = storage(object);
        if wrapper.address().is_null() {
            return empty(object).null();
        }
        // First what can fail. It may run the collector, and that another move of this very object.
        let Ok(answer) = moved::new() else {
            return null_mut();
        };
        if !close(&wrapper.loans) {
            ffi::Py_DECREF(answer);
            if wrapper.is_moved() {
                return empty(object).null();
            }
            let name = type_name(object);
            return raise!(
                Exc::Value,
                "this '{name}' is lent to a native call that is still running; it cannot be moved \
                 until that returns"
            )
            .null();
        }
        // From here on nobody lends it, and nobody else is here.
        let Some(native) = release(&Cpython, as_wrapper(object)) else {
            ffi::Py_DECREF(answer);
            return empty(object).null();
        };
        moved::fill(answer, native.cast());
        answer
    }
}

/// `self.__init_handle_by_constructor__(function, *args)`: binds an empty wrapper to the object
/// that a native function makes.
unsafe extern "C" fn init_by_constructor(
    object: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the method's contract: attached, a live wrapper, a tuple.
    unsafe {
        let count = ffi::PyTuple_Size(args);
        let constructor = if count > 0 {
            ffi::PyTuple_GetItem(args, 0)
        } else {
            null_mut()
        };
        if constructor.is_null() || !is_wrapper(constructor) {
            return raise!(
                Exc::Type,
                "__init_handle_by_constructor__() expects a native Function first"
            )
            .null();
        }
        let Ok(lent) = Loan::of(constructor) else {
            return null_mut();
        };
        let function = lent.object();
        if function.as_ref().type_index() != object_core::type_index::FUNCTION {
            let got = TypeName(function.as_ref().type_index());
            return raise!(Exc::Type, "expected a native Function first, got {got}").null();
        }
        if storage(object).is_moved() {
            return empty(object).null();
        }
        let values: Vec<_> = (1..count).map(|i| ffi::PyTuple_GetItem(args, i)).collect();
        let made = call_native(function, &values);
        match made.and_then(|made| bind_made(object, made)) {
            Ok(()) => {
                let none = ffi::Py_None();
                ffi::Py_INCREF(none);
                none
            }
            Err(Raised) => null_mut(),
        }
    }
}

/// `Object.__init_subclass__`: every class below is called through the class call here.
unsafe extern "C" fn init_subclass(
    class: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the method's contract: attached, a class.
    unsafe {
        let kind = class.cast::<ffi::PyTypeObject>();
        if let Err(Raised) = classes::check_one_line(kind) {
            return null_mut();
        }
        if ffi::Py_TYPE(class) == &raw mut ffi::PyType_Type {
            (*kind).tp_vectorcall = Some(class_vectorcall);
        }
        // Other bases may want to know as well.
        let parts = [classes::base().cast::<ffi::PyObject>(), class];
        let super_type = (&raw mut ffi::PySuper_Type).cast::<ffi::PyObject>();
        let next = ffi::PyObject_Vectorcall(super_type, parts.as_ptr(), 2, null_mut());
        if next.is_null() {
            return null_mut();
        }
        let method = ffi::PyObject_GetAttrString(next, c"__init_subclass__".as_ptr());
        ffi::Py_DECREF(next);
        if method.is_null() {
            return null_mut();
        }
        let answer = ffi::PyObject_Call(method, args, kwargs);
        ffi::Py_DECREF(method);
        answer
    }
}

struct Methods([ffi::PyMethodDef; 6]);
// SAFETY: immutable after start-up; pointers to statics.
unsafe impl Sync for Methods {}

static METHODS: Methods = Methods([
    ffi::PyMethodDef {
        ml_name: c"same_as".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunction: same_as,
        },
        ml_flags: ffi::METH_O,
        ml_doc: c"same_as($self, other, /)\n--\n\nWhether both show the same native object.".as_ptr(),
    },
    ffi::PyMethodDef {
        ml_name: c"__chandle__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunction: chandle,
        },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: c"__chandle__($self, /)\n--\n\nThe native object's address; 0 if it was moved out."
            .as_ptr(),
    },
    ffi::PyMethodDef {
        ml_name: c"_move".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunction: move_out,
        },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: c"_move($self, /)\n--\n\nHands the native reference over: pass what this returns to one \
                  call. The wrapper is empty afterwards."
            .as_ptr(),
    },
    ffi::PyMethodDef {
        ml_name: c"__init_handle_by_constructor__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunction: init_by_constructor,
        },
        ml_flags: ffi::METH_VARARGS,
        ml_doc: c"Shows the object that a native function makes of the arguments.".as_ptr(),
    },
    ffi::PyMethodDef {
        ml_name: c"__init_subclass__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionWithKeywords: init_subclass,
        },
        ml_flags: ffi::METH_CLASS | ffi::METH_VARARGS | ffi::METH_KEYWORDS,
        ml_doc: c"Prepares a class of Python's for the class call.".as_ptr(),
    },
    ffi::PyMethodDef::zeroed(),
]);

const DOC: &core::ffi::CStr =
    c"Shows a native object to Python: one wrapper per object, however it is reached.";

/// Makes a class by spec; NULL with an exception.
///
/// # Safety
///
/// Attached; `base` is NULL or a class; the slots end with a 0 slot and fit the size.
pub(crate) unsafe fn class_from_spec(
    name: &core::ffi::CStr,
    size: usize,
    flags: core::ffi::c_ulong,
    base: *mut ffi::PyTypeObject,
    slots: &[ffi::PyType_Slot],
) -> *mut ffi::PyTypeObject {
    let mut slots = slots.to_vec();
    if flags & ffi::Py_TPFLAGS_HAVE_GC != 0 {
        let at = slots.len() - 1;
        slots.insert(at, slot(ffi::Py_tp_traverse, traverse as *mut c_void));
        slots.insert(at, slot(ffi::Py_tp_clear, clear as *mut c_void));
    }
    // SAFETY: the caller's contract. The class call is not a slot that a spec can name.
    unsafe {
        let Ok(class) = spec::make_class(name, size, flags, base, &mut slots) else {
            return null_mut();
        };
        (*class).tp_vectorcall = Some(class_vectorcall);
        show_native_edges(class);
        class
    }
}

/// The flag of a class whose instances can reach Python objects: the collector follows them.
pub(crate) const fn collected(reaches_python: bool) -> core::ffi::c_ulong {
    if reaches_python {
        ffi::Py_TPFLAGS_HAVE_GC
    } else {
        0
    }
}

/// Makes `tieback.Object` and registers it for the root type. Once, at import.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn make_base() -> Result<*mut ffi::PyTypeObject, Raised> {
    let slots = [
        slot(ffi::Py_tp_dealloc, wrapper_dealloc as *mut c_void),
        slot(ffi::Py_tp_new, new as *mut c_void),
        slot(ffi::Py_tp_init, object_init as *mut c_void),
        slot(ffi::Py_tp_hash, hash as *mut c_void),
        slot(ffi::Py_tp_richcompare, compare as *mut c_void),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_methods, METHODS.0.as_ptr().cast_mut().cast()),
        slot(ffi::Py_tp_doc, DOC.as_ptr().cast_mut().cast()),
        END,
    ];
    let size = size_of::<crate::py::wrapper::WrapperObject>();
    // SAFETY: attached; slots of a wrapper.
    unsafe {
        let name = c"tieback.Object";
        let class = class_from_spec(name, size, ffi::Py_TPFLAGS_BASETYPE, null_mut(), &slots);
        if class.is_null() {
            return Err(Raised);
        }
        classes::set_base(class);
        forget_order(class)?;
        classes::register(object_core::type_index::OBJECT, class, None)?;
        Ok(class)
    }
}

/// Takes `__lt__` and its kind, which come with the comparison slot, out of the class's names:
/// `functools.total_ordering` takes a class that has them for one that defines them.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; a new class with a comparison slot of its own.
unsafe fn forget_order(class: *mut ffi::PyTypeObject) -> Result<(), Raised> {
    for name in [c"__lt__", c"__le__", c"__gt__", c"__ge__"] {
        // SAFETY: attached; a class's own dict. Not by way of the class, which would give up the slot.
        if unsafe { ffi::PyDict_DelItemString((*class).tp_dict, name.as_ptr()) } != 0 {
            return Err(Raised);
        }
    }
    // SAFETY: attached; a live class.
    unsafe { ffi::PyType_Modified(class) };
    Ok(())
}

/// Makes a class below `parent` that adds nothing to a wrapper's storage. `reaches_python`: its objects can.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; `parent` is a class of wrappers, and if it is collected it is one made here.
pub(crate) unsafe fn make_plain_class(
    name: &core::ffi::CStr,
    parent: *mut ffi::PyTypeObject,
    reaches_python: bool,
) -> Result<*mut ffi::PyTypeObject, Raised> {
    let slots = [
        slot(ffi::Py_tp_dealloc, wrapper_dealloc as *mut c_void),
        END,
    ];
    // SAFETY: the caller's contract.
    unsafe {
        let size = (*parent).tp_basicsize as usize;
        let flags = ffi::Py_TPFLAGS_BASETYPE | collected(reaches_python || is_collected(parent));
        let class = class_from_spec(name, size, flags, parent, &slots);
        if class.is_null() {
            Err(Raised)
        } else {
            Ok(class)
        }
    }
}

/// The native object behind any wrapper, for functions that take one.
///
/// # Errors
///
/// TypeError: it is no wrapper. ValueError: it is empty.
///
/// # Safety
///
/// Attached; a live object.
pub(crate) unsafe fn native_of<'a>(object: *mut ffi::PyObject) -> Result<Glance<'a>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if !is_wrapper(object) {
            let got = type_name(object);
            return Err(raise!(Exc::Type, "expected a tieback.Object, got {got}"));
        }
        glance(object)
    }
}
