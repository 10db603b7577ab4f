//! Python calls a native function.
//!
//! Arguments are borrowed for the call: a wrapper's object stays the wrapper's, which knows that it
//! is lent and refuses to be moved meanwhile.

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use object_core::abi::RawAny;
use object_core::header::flags::RELEASES_INTERPRETER;
use object_core::{Any, FunctionObj, ObjectHeader, packed_outcome, type_index as index};
use pyo3::ffi;

use crate::py::classes::is_wrapper;
use crate::py::errors::raise_error;
use crate::py::into::pass;
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, name_place, raise};
use crate::py::wrapper::{Loan, take_back};

/// Arguments up to this many need no heap.
const ON_STACK: usize = 8;

/// `tieback.Function.__call__`.
pub(crate) unsafe extern "C" fn function_vectorcall(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the vectorcall contract: attached, `nargs` live arguments, a tuple of names or NULL.
    unsafe {
        if !names.is_null() && ffi::PyTuple_Size(names) > 0 {
            return raise!(Exc::Type, "a native Function takes no keyword arguments").null();
        }
        // What it runs must not move it away.
        let Ok(lent) = Loan::of(callable) else {
            return null_mut();
        };
        let count = ffi::PyVectorcall_NARGS(nargsf) as usize;
        match call_native(lent.object(), core::slice::from_raw_parts(args, count)) {
            Ok(value) => value_into_python(value),
            Err(Raised) => null_mut(),
        }
    }
}

/// Calls a native function with Python arguments.
///
/// # Errors
///
/// What could not be passed, or what the function raised.
///
/// # Safety
///
/// Attached; `function` is a live function whose wrapper the caller holds; the arguments are alive.
#[inline]
pub(crate) unsafe fn call_native(
    function: NonNull<ObjectHeader>,
    args: &[*mut ffi::PyObject],
) -> Result<Any, Raised> {
    if args.len() <= ON_STACK {
        let mut passed = [MaybeUninit::<RawAny>::uninit(); ON_STACK];
        // SAFETY: the caller's contract.
        unsafe { call_with(function, args, &mut passed[..args.len()]) }
    } else {
        let mut passed = vec![MaybeUninit::<RawAny>::uninit(); args.len()];
        // SAFETY: as above.
        unsafe { call_with(function, args, &mut passed) }
    }
}

/// What has to be undone after a call, for each argument that was passed.
struct Passing<'a> {
    args: &'a [*mut ffi::PyObject],
    raws: *mut RawAny,
    done: usize,
}

impl Drop for Passing<'_> {
    #[inline]
    fn drop(&mut self) {
        for (i, &arg) in self.args[..self.done].iter().enumerate() {
            // SAFETY: `done` arguments were passed; each is undone once, attached. A wrapper's object
            // is lent, whatever else is an object was made for the call.
            unsafe {
                let raw = *self.raws.add(i);
                if index::is_object(raw.type_index) && is_wrapper(arg) {
                    take_back(arg);
                } else if index::is_object(raw.type_index) || raw.type_index == index::RVALUE_REF {
                    end(raw);
                }
            }
        }
    }
}

/// Drops an argument that was made for the call, or a moved reference that the callee left.
///
/// # Safety
///
/// Attached; the argument is the caller's.
#[cold]
unsafe fn end(raw: RawAny) {
    // SAFETY: the caller's contract; a moved reference's place is there as long as the argument.
    unsafe {
        if raw.type_index == index::RVALUE_REF {
            let place = raw.value.pointer.cast::<*mut ObjectHeader>();
            let left = core::mem::replace(&mut *place, null_mut());
            object_core::slots::drop_strong(left);
        } else {
            drop(Any::from_raw(raw));
        }
    }
}

#[inline]
unsafe fn call_with(
    function: NonNull<ObjectHeader>,
    args: &[*mut ffi::PyObject],
    places: &mut [MaybeUninit<RawAny>],
) -> Result<Any, Raised> {
    let raws = places.as_mut_ptr().cast::<RawAny>();
    let mut passing = Passing {
        args,
        raws,
        done: 0,
    };
    let mut result = RawAny::NONE;
    // SAFETY: the caller's contract; there is a place for each argument; the function keeps
    // SafeCall's contract. An error that the callee returns is raised after the arguments are let go
    // of, so that nothing they run sees it.
    let failed = unsafe {
        for (i, &arg) in args.iter().enumerate() {
            let passed = pass(arg).map_err(|raised| name_argument(raised, i))?;
            raws.add(i).write(passed.raw);
            passing.done = i + 1;
        }
        let body = function.cast::<FunctionObj>().as_ref();
        let call = body.safe_call();
        let handle = function.as_ptr().cast();
        let (first, count) = (raws.cast_const(), args.len() as i32);
        if function.as_ref().flags() & RELEASES_INTERPRETER == 0 {
            call(handle, first, count, &raw mut result)
        } else {
            let thread = ffi::PyEval_SaveThread();
            let failed = call(handle, first, count, &raw mut result);
            ffi::PyEval_RestoreThread(thread);
            failed
        }
    };
    drop(passing);
    // SAFETY: what the call wrote is ours; attached.
    unsafe { packed_outcome(failed, result).map_err(|error| raise_error(&error)) }
}

#[cold]
unsafe fn name_argument(raised: Raised, i: usize) -> Raised {
    // SAFETY: attached, an exception is set.
    unsafe { name_place(raised, format_args!("argument {}", i + 1)) }
}
