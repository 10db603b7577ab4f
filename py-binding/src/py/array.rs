//! `tieback.Array` and `tieback.Function`: classes whose slots read the native object directly.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use object_core::{Any, Array, ArrayObj, ObjectArc, ObjectHeader, type_index};
use pyo3::ffi;

use crate::py::call::function_vectorcall;
use crate::py::carrier;
use crate::py::classes::{self, CallableWrapper, is_wrapper};
use crate::py::dealloc::wrapper_dealloc;
use crate::py::hang;
use crate::py::host::Cpython;
use crate::py::into::array_of;
use crate::py::items::{Slice, index_of, native, no_index, one_argument, out_of_range, place_of};
use crate::py::out::value_to_python;
use crate::py::raise::{Exc, Raised, raise, type_name};
use crate::py::slots::{class_from_spec, collected};
use crate::py::spec::{END, slot};
use crate::py::wrapper::{Glance, as_wrapper, glance, glance_if};
use crate::tie::{Adopted, adopt};

/// The values of an Array.
///
/// # Invariants
///
/// The object is an Array.
struct Values<'a>(Glance<'a>);

impl core::ops::Deref for Values<'_> {
    type Target = [Any];

    #[inline]
    fn deref(&self) -> &[Any] {
        // SAFETY: by the type invariant; alive as long as the glance.
        unsafe { (*self.0.object().as_ptr().cast::<ArrayObj>()).values() }
    }
}

/// The values of an Array's wrapper.
///
/// # Safety
///
/// Attached; a live wrapper that the caller keeps alive.
#[inline]
unsafe fn values<'a>(object: *mut ffi::PyObject) -> Result<Values<'a>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        // INVARIANT: of that number.
        Ok(Values(native(object, type_index::ARRAY)?))
    }
}

unsafe extern "C" fn length(object: *mut ffi::PyObject) -> isize {
    hang::enter();
    // SAFETY: the slot's contract.
    match unsafe { values(object) } {
        Ok(values) => values.len() as isize,
        Err(Raised) => -1,
    }
}

/// `sq_item`: the index is not negative any more (the interpreter added the length).
unsafe extern "C" fn item(object: *mut ffi::PyObject, at: isize) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract; the value is alive: the wrapper holds the array.
    unsafe {
        let Ok(values) = values(object) else {
            return null_mut();
        };
        match usize::try_from(at).ok().and_then(|at| values.get(at)) {
            Some(value) => value_to_python(value.as_raw()),
            None => out_of_range("an Array", at, values.len()).null(),
        }
    }
}

/// `mp_subscript`: an int or a slice; a slice is a new Array.
unsafe extern "C" fn subscript(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract; the value is alive: the wrapper holds the array.
    unsafe {
        if ffi::PyLong_CheckExact(key) != 0 {
            let at = ffi::PyLong_AsSsize_t(key);
            if let Some(native) = glance_if(object).filter(|_| at >= 0) {
                let array = native.object();
                if array.as_ref().type_index() == type_index::ARRAY {
                    let values = (*array.as_ptr().cast::<ArrayObj>()).values();
                    if let Some(value) = values.get(at as usize) {
                        return value_to_python(value.as_raw());
                    }
                }
            }
            if at == -1 {
                ffi::PyErr_Clear(); // a number too large is another error here
            }
        }
        subscript_slowly(object, key)
    }
}

/// From the end, by what is no int but an index, outside of the array, and slices.
///
/// # Safety
///
/// As [`subscript`].
#[inline(never)]
unsafe fn subscript_slowly(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the slot's contract.
    unsafe {
        if ffi::PyLong_CheckExact(key) != 0 || ffi::PyIndex_Check(key) != 0 {
            let Ok(at) = index_of(key) else {
                return null_mut();
            };
            let Ok(values) = values(object) else {
                return null_mut();
            };
            return match place_of(at, values.len()) {
                Some(place) => value_to_python(values[place].as_raw()),
                None => out_of_range("an Array", at, values.len()).null(),
            };
        }
        if ffi::PySlice_Check(key) == 0 {
            return no_index("Array", key).null();
        }
        let Ok(slice) = Slice::of(key) else {
            return null_mut();
        };
        let Ok(values) = values(object) else {
            return null_mut();
        };
        let picked = slice.cut(values.len()).iter();
        match Array::try_from_values(picked.map(|place| values[place].clone())) {
            Ok(array) => crate::py::out::value_into_python(array.into()),
            Err(_) => crate::py::raise::no_memory().null(),
        }
    }
}

/// `tieback.Array(iterable=())`.
unsafe extern "C" fn array_new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        let made = one_argument("Array", args, kwargs).and_then(|iterable| {
            if iterable.is_null() {
                Array::try_from_values::<[Any; 0]>([]).map_err(|_| crate::py::raise::no_memory())
            } else {
                array_of(iterable)
            }
        });
        let Ok(array) = made else { return null_mut() };
        let object = ObjectArc::into_raw(array.into_object()).cast::<ObjectHeader>();
        bind_fresh(class, object, None)
    }
}

/// `tieback.Function(callable)`.
unsafe extern "C" fn function_new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        let count = ffi::PyTuple_Size(args);
        let callable = if count == 1 {
            ffi::PyTuple_GetItem(args, 0)
        } else {
            null_mut()
        };
        if !kwargs.is_null() && ffi::PyDict_Size(kwargs) > 0 {
            return raise!(Exc::Type, "Function() takes no keyword arguments").null();
        }
        if callable.is_null() {
            return raise!(
                Exc::Type,
                "Function() takes one callable, got {count} arguments"
            )
            .null();
        }
        if ffi::PyCallable_Check(callable) == 0 {
            let got = type_name(callable);
            return raise!(Exc::Type, "Function() takes one callable, got {got}").null();
        }
        if is_wrapper(callable) {
            let Ok(native) = glance(callable) else {
                return null_mut();
            };
            if native.object().as_ref().type_index() == type_index::FUNCTION {
                ffi::Py_INCREF(callable);
                return callable;
            }
        }
        // Not by its type: a list or an exception may be callable, too.
        let Ok(function) = carrier::function(callable, true) else {
            return null_mut();
        };
        let object = ObjectArc::into_raw(function.into_object()).cast();
        bind_fresh(class, object, Some(function_vectorcall))
    }
}

/// `__init__` of classes whose `__new__` has done everything.
pub(crate) unsafe extern "C" fn no_init(
    _object: *mut ffi::PyObject,
    _args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> core::ffi::c_int {
    hang::enter();
    0
}

/// A new wrapper of `class` for an object nobody has seen yet; takes the reference.
pub(crate) unsafe fn bind_fresh(
    class: *mut ffi::PyTypeObject,
    object: NonNull<ObjectHeader>,
    vectorcall: Option<ffi::vectorcallfunc>,
) -> *mut ffi::PyObject {
    // SAFETY: attached; the object's one reference is ours.
    unsafe {
        let wrapper = crate::py::wrapper::allocate(class);
        if wrapper.is_null() {
            object_core::refs::dec_ref(object);
            return null_mut();
        }
        if vectorcall.is_some() {
            (*wrapper.cast::<CallableWrapper>()).vectorcall = vectorcall;
        }
        match adopt(&Cpython, as_wrapper(wrapper), object.cast()) {
            Adopted::Bound => wrapper,
            Adopted::Other(other) => {
                ffi::Py_DECREF(wrapper);
                other.as_ptr().cast()
            }
        }
    }
}

const ARRAY_DOC: &core::ffi::CStr =
    c"Array(iterable=(), /)\n--\n\nAn immutable native array; its items keep their identity.";
const FUNCTION_DOC: &core::ffi::CStr =
    c"Function(callable, /)\n--\n\nSomething that every frontend can call.";

/// Makes `tieback.Array`.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; the base class is made.
pub(crate) unsafe fn make_array() -> Result<*mut ffi::PyTypeObject, Raised> {
    let slots = [
        slot(ffi::Py_tp_dealloc, wrapper_dealloc as *mut c_void),
        slot(ffi::Py_tp_new, array_new as *mut c_void),
        slot(ffi::Py_tp_init, no_init as *mut c_void),
        slot(ffi::Py_sq_length, length as *mut c_void),
        slot(ffi::Py_sq_item, item as *mut c_void),
        slot(ffi::Py_mp_length, length as *mut c_void),
        slot(ffi::Py_mp_subscript, subscript as *mut c_void),
        slot(ffi::Py_tp_doc, ARRAY_DOC.as_ptr().cast_mut().cast()),
        END,
    ];
    let size = crate::py::wrapper::PLAIN_SIZE as usize;
    let flags = ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_SEQUENCE | collected(true);
    // SAFETY: attached; slots of a wrapper.
    unsafe {
        let class = class_from_spec(c"tieback.Array", size, flags, classes::base(), &slots);
        if class.is_null() {
            return Err(Raised);
        }
        classes::register(type_index::ARRAY, class, None)?;
        Ok(class)
    }
}

/// Makes `tieback.Function`.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; the base class is made.
pub(crate) unsafe fn make_function() -> Result<*mut ffi::PyTypeObject, Raised> {
    let mut members = [
        ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: core::mem::offset_of!(CallableWrapper, vectorcall) as isize,
            flags: ffi::Py_READONLY,
            doc: core::ptr::null(),
        },
        ffi::PyMemberDef {
            name: core::ptr::null(),
            type_code: 0,
            offset: 0,
            flags: 0,
            doc: core::ptr::null(),
        },
    ];
    let slots = [
        slot(ffi::Py_tp_dealloc, wrapper_dealloc as *mut c_void),
        slot(ffi::Py_tp_new, function_new as *mut c_void),
        slot(ffi::Py_tp_init, no_init as *mut c_void),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_doc, FUNCTION_DOC.as_ptr().cast_mut().cast()),
        END,
    ];
    let size = size_of::<CallableWrapper>();
    // SAFETY: attached; slots of a callable wrapper.
    unsafe {
        let flags = ffi::Py_TPFLAGS_HAVE_VECTORCALL | collected(true);
        let class = class_from_spec(c"tieback.Function", size, flags, classes::base(), &slots);
        if class.is_null() {
            return Err(Raised);
        }
        classes::register(type_index::FUNCTION, class, Some(function_vectorcall))?;
        Ok(class)
    }
}
