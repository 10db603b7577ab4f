//! The class call as Python does it, `__new__` then `__init__`, and constructors in native code.

use core::ptr::{NonNull, null_mut};
use std::cell::RefCell;

use object_core::{Any, is_instance};
use pyo3::ffi;

use crate::py::call::call_native;
use crate::py::classes::{is_wrapper, nearest};
use crate::py::fill::Arguments;
use crate::py::hang;
use crate::py::host::Cpython;
use crate::py::raise::{Exc, Raised, class_name, raise, type_name};
use crate::py::wrapper::{already_built, as_wrapper, finish, state, storage};
use crate::tie::{Adopted, adopt};

/// `Object.__init__`: calls the native constructor of the nearest registered type.
pub(crate) unsafe extern "C" fn object_init(
    wrapper: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> core::ffi::c_int {
    hang::ready();
    // SAFETY: the slot's contract.
    match unsafe { init_natively(wrapper, args, kwargs) } {
        Ok(()) => 0,
        Err(Raised) => -1,
    }
}

unsafe fn init_natively(
    wrapper: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<(), Raised> {
    // SAFETY: the slot's contract: attached, a live wrapper, a tuple, a dict or NULL.
    unsafe {
        let name = type_name(wrapper);
        let count = ffi::PyTuple_Size(args) as usize;
        let named = !kwargs.is_null() && ffi::PyDict_Size(kwargs) > 0;
        if !storage(wrapper).address().is_null() {
            // The end of a chain of super().__init__() in a py_class of the user's own making.
            if storage(wrapper).is(state::BUILDING) && count == 0 && !named {
                return Ok(());
            }
            return Err(already_built(wrapper));
        }
        if storage(wrapper).is_moved() {
            return Err(already_built(wrapper));
        }
        let record = nearest(ffi::Py_TYPE(wrapper)).ok_or(Raised)?;
        let constructor = record
            .info
            .own_methods()
            .iter()
            .find(|method| method.is_static() && method.name() == "__new__");
        let Some(constructor) = constructor.and_then(|method| NonNull::new(method.function)) else {
            return Err(raise!(
                Exc::Type,
                "'{name}' has no constructor: objects of type '{}' are made by native code",
                record.info.key()
            ));
        };
        if named {
            return Err(raise!(Exc::Type, "{name}() takes no keyword arguments"));
        }
        let values: Vec<_> = (0..count)
            .map(|i| ffi::PyTuple_GetItem(args, i as isize))
            .collect();
        let made = call_native(constructor, &values)?;
        bind_made(wrapper, made)
    }
}

/// Binds an empty wrapper to what a constructor made.
///
/// # Errors
///
/// TypeError: it made no object of the wrapper's type; or the object has a wrapper and nobody is
/// there to return it.
///
/// # Safety
///
/// Attached; a live wrapper.
pub(crate) unsafe fn bind_made(wrapper: *mut ffi::PyObject, made: Any) -> Result<(), Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let there = storage(wrapper);
        if !there.address().is_null() || there.is_moved() {
            return Err(already_built(wrapper));
        }
        let record = nearest(ffi::Py_TYPE(wrapper)).ok_or(Raised)?;
        let number = made.type_index();
        if !object_core::type_index::is_object(number) || !is_instance(number, record.type_index) {
            let (name, expected) = (type_name(wrapper), record.info.key());
            return Err(raise!(
                Exc::Type,
                "the constructor of '{name}' must make a '{expected}', it made {}",
                object_core::TypeName(number)
            ));
        }
        // One constructor at a time, on whatever threads they run; and it may have been bound since.
        if there.mark(state::CLAIMED, true) {
            return Err(already_built(wrapper));
        }
        let Some(object) = Any::into_raw(made).as_object() else {
            return Err(Raised);
        };
        match adopt(&Cpython, as_wrapper(wrapper), object.cast()) {
            Adopted::Bound => Ok(()), // and stays claimed
            Adopted::Other(other) => {
                there.mark(state::CLAIMED, false);
                supersede(wrapper, other.as_ptr().cast())
            }
        }
    }
}

std::thread_local! {
    /// Class calls under way on this thread: the wrapper being made, and the one that is returned
    /// instead, if its object had one.
    static CALLS: RefCell<Vec<(*mut ffi::PyObject, *mut ffi::PyObject)>> =
        const { RefCell::new(Vec::new()) };
}

/// The object has the wrapper `other` (owned): the class call under way returns that one.
unsafe fn supersede(wrapper: *mut ffi::PyObject, other: *mut ffi::PyObject) -> Result<(), Raised> {
    let noted = CALLS.with_borrow_mut(|calls| {
        match calls.iter_mut().rev().find(|(made, _)| *made == wrapper) {
            Some((_, instead)) if instead.is_null() => {
                *instead = other;
                true
            }
            _ => false,
        }
    });
    if noted {
        return Ok(());
    }
    // SAFETY: attached; `other` is ours.
    unsafe {
        let (name, there) = (type_name(wrapper), type_name(other));
        let raised = raise!(
            Exc::Type,
            "the object that the constructor of '{name}' made has a wrapper ('{there}') already; \
             call the class instead of __init__ to get it"
        );
        ffi::Py_DECREF(other);
        Err(raised)
    }
}

/// `__new__`, then `__init__`, as Python does it.
///
/// # Errors
///
/// What they raise.
///
/// # Safety
///
/// Attached; a live class; arguments of a call under way.
pub(crate) unsafe fn call_the_long_way(
    class: *mut ffi::PyTypeObject,
    arguments: &Arguments,
) -> Result<*mut ffi::PyObject, Raised> {
    hang::ready();
    // SAFETY: attached; a live class; the tuple and dict are ours until the end.
    unsafe {
        let args = ffi::PyTuple_New(arguments.positional as isize);
        if args.is_null() {
            return Err(Raised);
        }
        for i in 0..arguments.positional {
            let value = *arguments.values.add(i);
            ffi::Py_INCREF(value);
            ffi::PyTuple_SetItem(args, i as isize, value);
        }
        let mut kwargs = null_mut();
        if arguments.named > 0 {
            kwargs = ffi::PyDict_New();
            for i in 0..arguments.named {
                let name = ffi::PyTuple_GetItem(arguments.names, i as isize);
                let value = *arguments.values.add(arguments.positional + i);
                if kwargs.is_null() || ffi::PyDict_SetItem(kwargs, name, value) != 0 {
                    ffi::Py_XDECREF(kwargs);
                    ffi::Py_DECREF(args);
                    return Err(Raised);
                }
            }
        }
        let answer = new_then_init(class, args, kwargs);
        ffi::Py_DECREF(args);
        ffi::Py_XDECREF(kwargs);
        answer
    }
}

unsafe fn new_then_init(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: as for `call_the_long_way`.
    unsafe {
        let Some(make) = (*class).tp_new else {
            return Err(raise!(
                Exc::Type,
                "cannot create '{}' instances",
                class_name(class)
            ));
        };
        let made = make(class, args, kwargs);
        if made.is_null() {
            return Err(Raised);
        }
        if ffi::PyType_IsSubtype(ffi::Py_TYPE(made), class) == 0 {
            return Ok(made);
        }
        CALLS.with_borrow_mut(|calls| calls.push((made, null_mut())));
        let failed = match (*ffi::Py_TYPE(made)).tp_init {
            Some(init) => init(made, args, kwargs) != 0,
            None => false,
        };
        let (_, instead) = CALLS
            .with_borrow_mut(Vec::pop)
            .unwrap_or((null_mut(), null_mut()));
        if failed {
            // Whoever has it nevertheless has it as it is.
            if is_wrapper(made) {
                finish(made);
            }
            ffi::Py_XDECREF(instead);
            ffi::Py_DECREF(made);
            return Err(Raised);
        }
        if !instead.is_null() {
            ffi::Py_DECREF(made);
            return Ok(instead);
        }
        if is_wrapper(made) {
            finish(made);
        }
        Ok(made)
    }
}
