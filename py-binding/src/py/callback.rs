//! Native code calls a Python callable.

use core::ffi::c_void;
use core::ptr::null_mut;

use object_core::abi::RawAny;
use object_core::{
    Any, ObjectRef, catch, is_registered_object, return_packed, type_index as index,
};
use pyo3::{PyErr, Python, ffi};

use crate::py::attached::{attach, declined, detach};
use crate::py::carrier::callable_of;
use crate::py::doomed::is_doomed;
use crate::py::errors::take_raised;
use crate::py::hold::{self, Hold};
use crate::py::into::to_value;
use crate::py::out::{object_into_python, value_to_python};
use crate::py::raise::{Exc, Raised, name_place, raise, raise_doomed};

/// Arguments up to this many need no heap.
const ON_STACK: usize = 8;

/// The entry point of every function made of a Python callable.
pub(crate) unsafe extern "C" fn call_python(
    function: *mut c_void,
    args: *const RawAny,
    num_args: i32,
    result: *mut RawAny,
) -> i32 {
    // Quiet: native code calls it, attached or not; attaching is ready by itself.
    // SAFETY: SafeCall's contract.
    let outcome = catch(|| unsafe {
        let Some(attachment) = attach() else {
            return Err(declined());
        };
        // A native destructor may call while an exception is on its way up: it stays on its way.
        let pending = PyErr::take(Python::assume_attached());
        let count = usize::try_from(num_args).unwrap_or(0);
        let outcome = match call(callable_of(function), args, count) {
            Ok(value) => Ok(value),
            Err(Raised) => Err(take_raised()),
        };
        if let Some(pending) = pending {
            pending.restore(Python::assume_attached());
        }
        detach(attachment);
        outcome
    });
    // SAFETY: SafeCall's contract: room for one value.
    unsafe { return_packed(outcome, result) }
}

/// # Safety
///
/// Attached; `count` values, alive for the call; a live hold.
unsafe fn call(hold: *mut Hold, args: *const RawAny, count: usize) -> Result<Any, Raised> {
    // One place in front, which the vectorcall protocol lets a callee use for a bound `self`.
    let mut on_stack = [null_mut::<ffi::PyObject>(); ON_STACK + 1];
    let mut on_heap = Vec::new();
    let places: &mut [*mut ffi::PyObject] = if count <= ON_STACK {
        &mut on_stack[..=count]
    } else {
        on_heap.resize(count + 1, null_mut());
        &mut on_heap
    };
    // SAFETY: the caller's contract; what was shown is ours, and let go of below.
    unsafe {
        if hold::is_doomed(hold) {
            return Err(raise_doomed());
        }
        let callable = hold::object(hold);
        // The callable may be let go of by what it does.
        ffi::Py_INCREF(callable);
        let mut complete = true;
        for i in 0..count {
            places[i + 1] = show(&*args.add(i));
            complete = is_usable(places[i + 1]);
            if !complete {
                break;
            }
        }
        let answer = if complete {
            let first = places.as_ptr().add(1);
            let counted = count | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
            ffi::PyObject_Vectorcall(callable, first, counted, null_mut())
        } else {
            null_mut()
        };
        let value = if answer.is_null() {
            Err(Raised)
        } else {
            to_value(answer)
                .map_err(|raised| name_place(raised, format_args!("result of a Python callable")))
        };
        // Letting go may run Python code: an exception that is set must survive it.
        if value.is_err() {
            let raised = PyErr::take(Python::assume_attached());
            let_go(callable, places, answer);
            if let Some(raised) = raised {
                raised.restore(Python::assume_attached());
            }
        } else {
            let_go(callable, places, answer);
        }
        value
    }
}

/// Whether a callable can be given what [`show`] answered; if not, an exception is set.
///
/// # Safety
///
/// Attached; a live object or null.
unsafe fn is_usable(shown: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe {
        if shown.is_null() {
            return false;
        }
        // What its attributes lead to may be cleared already.
        let doomed = is_doomed(shown);
        if doomed {
            let Raised = raise_doomed();
        }
        !doomed
    }
}

/// # Safety
///
/// Attached; the references are ours.
unsafe fn let_go(
    callable: *mut ffi::PyObject,
    places: &[*mut ffi::PyObject],
    answer: *mut ffi::PyObject,
) {
    // SAFETY: the caller's contract; the first place is the callee's.
    unsafe {
        for &place in &places[1..] {
            ffi::Py_XDECREF(place);
        }
        ffi::Py_XDECREF(answer);
        ffi::Py_DECREF(callable);
    }
}

/// An argument as Python sees it. A moved reference is taken: Python has no other use for it.
///
/// # Safety
///
/// Attached; the value is alive.
unsafe fn show(raw: &RawAny) -> *mut ffi::PyObject {
    if raw.type_index != index::RVALUE_REF {
        if index::is_object(raw.type_index) && !is_registered_object(raw.type_index) {
            let number = raw.type_index;
            // SAFETY: attached.
            return unsafe {
                raise!(
                    Exc::Type,
                    "an argument has type number {number}, which nobody registered"
                )
                .null()
            };
        }
        // SAFETY: the caller's contract.
        return unsafe { value_to_python(raw) };
    }
    // SAFETY: a moved argument's place holds an owned object, or null once taken.
    unsafe {
        let place = raw.value.pointer.cast::<*mut object_core::ObjectHeader>();
        match core::ptr::NonNull::new(core::mem::replace(&mut *place, null_mut())) {
            Some(object) => object_into_python(ObjectRef::from_raw(object)),
            None => value_to_python(&RawAny::NONE),
        }
    }
}
