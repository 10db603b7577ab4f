//! Python calls a native function.
//!
//! Arguments are borrowed for the call: a wrapper's object stays the wrapper's, which knows that it
//! is lent and refuses to be moved meanwhile.

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use object_core::abi::{RawAny, call_status};
use object_core::header::flags::RELEASES_INTERPRETER;
use object_core::{
    Any, FunctionObj, ObjectHeader, borrowed_outcome, packed_outcome, type_index as index,
};
use pyo3::ffi;

use crate::py::attached::drain;
use crate::py::classes::{has_teardown, is_wrapper};
use crate::py::errors::raise_error;
use crate::py::hang;
use crate::py::host::tied_word;
use crate::py::into::pass;
use crate::py::out::{value_into_python, value_to_python};
use crate::py::raise::{Exc, Pending, Raised, name_place, raise};
use crate::py::refs::{QUIET, dec_kept, lend};
use crate::py::scalars::put_plain;
use crate::py::share::settle_lent;
use crate::py::wrapper::{Loan, storage, take_back};

/// Arguments up to this many need no heap.
const ON_STACK: usize = 8;

/// `tieback.Function.__call__`.
pub(crate) unsafe extern "C" fn function_vectorcall(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the vectorcall contract: attached, `nargs` live arguments, a tuple of names or NULL.
    unsafe {
        let count = ffi::PyVectorcall_NARGS(nargsf);
        if !QUIET || !names.is_null() {
            return call_any(callable, args, count, names);
        }
        // First, and not by a table of addresses.
        if count == 1 {
            return call_few::<1, OBJECTS>(callable, args);
        }
        match count {
            0 => few::<0, MIXED>(callable, args),
            2 => few::<2, OBJECTS>(callable, args),
            3 => few::<3, OBJECTS>(callable, args),
            _ => call_any(callable, args, count, names),
        }
    }
}

/// [`call_few`] out of line. A C function, which does not unwind: so it is jumped to.
///
/// # Safety
///
/// As there.
#[inline(never)]
unsafe extern "C" fn few<const N: usize, const ARGS: bool>(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe { call_few::<N, ARGS>(callable, args) }
}

/// The arguments of a [`call_few`] are objects all, ...
const OBJECTS: bool = false;
/// ... or plain values are among them, or there are none.
const MIXED: bool = true;

/// The way of many calls: a few arguments, each a wrapper with an object, or a plain value.
///
/// # Safety
///
/// As a vectorcall of so many arguments without names, where nobody moves an object out of its wrapper
/// meanwhile.
#[inline(always)]
unsafe fn call_few<const N: usize, const ARGS: bool>(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract; the function keeps SafeCall's contract. Lent objects are there
    // when the call returns.
    unsafe {
        let otherwise = || match ARGS {
            OBJECTS => few::<N, MIXED>(callable, args),
            MIXED => call_any(callable, args, N as isize, null_mut()),
        };
        let Some(function) = NonNull::new(storage(callable).address()) else {
            return otherwise();
        };
        if function.as_ref().flags() & RELEASES_INTERPRETER != 0 {
            return otherwise();
        }
        let mut wrappers = [null_mut::<ffi::PyObject>(); N];
        let mut raws = [MaybeUninit::<RawAny>::uninit(); N];
        for i in 0..N {
            let arg = *args.add(i);
            if !has_teardown(arg) {
                if ARGS == OBJECTS || !put_plain(raws[i].as_mut_ptr(), arg) {
                    return otherwise();
                }
                continue;
            }
            let Some(object) = NonNull::new(storage(arg).address()) else {
                return otherwise();
            };
            wrappers[i] = arg;
            put_object(raws[i].as_mut_ptr(), object);
        }
        let _ = lend(&storage(callable).loans);
        for wrapper in wrappers {
            if ARGS == OBJECTS || !wrapper.is_null() {
                let _ = lend(&storage(wrapper).loans);
            }
        }
        let first = raws.as_ptr().cast::<RawAny>();
        let mut result = RawAny::NONE;
        let call = function.cast::<FunctionObj>().as_ref().lend_call();
        let status = call(function.as_ptr().cast(), first, N as i32, &raw mut result);
        let face = face_among::<N, ARGS>(&wrappers, &result);
        if status == call_status::BORROWED {
            // While the arguments are lent: they keep it alive.
            let shown = match face {
                Some(wrapper) => {
                    ffi::Py_INCREF(wrapper);
                    wrapper
                }
                None => show_borrowed(&result),
            };
            end_loans::<ARGS>(callable, &wrappers);
            return shown;
        }
        end_loans::<ARGS>(callable, &wrappers);
        match face {
            Some(wrapper) if status == call_status::OK => {
                ffi::Py_INCREF(wrapper);
                dec_kept(NonNull::new_unchecked(result.value.object));
                wrapper
            }
            _ => show_outcome(status, result),
        }
    }
}

/// What was an argument and comes back shows as the wrapper that it came in, if it is tied to one: lent,
/// that shows the object that it showed, and holds it.
///
/// # Safety
///
/// Attached; a call's result, whose arguments were the objects of these wrappers, which are lent, and plain
/// values where there is none.
#[inline(always)]
unsafe fn face_among<const N: usize, const ARGS: bool>(
    wrappers: &[*mut ffi::PyObject; N],
    result: &RawAny,
) -> Option<*mut ffi::PyObject> {
    if result.type_index < index::DYNAMIC_BEGIN {
        return None;
    }
    // A loop, not a search by closure: that is a call, and these are a few compares.
    for &wrapper in wrappers {
        if ARGS == MIXED && wrapper.is_null() {
            continue;
        }
        // SAFETY: the caller's contract; what has this number is an object, or at least its address.
        unsafe {
            let object = NonNull::new_unchecked(storage(wrapper).address());
            if object.as_ptr() == result.value.object && tied_word(object).is_some() {
                return Some(wrapper);
            }
        }
    }
    None
}

/// # Safety
///
/// The callable and these arguments were lent for a call.
#[inline(always)]
unsafe fn end_loans<const ARGS: bool>(
    callable: *mut ffi::PyObject,
    wrappers: &[*mut ffi::PyObject],
) {
    // SAFETY: the caller's contract.
    unsafe {
        for &wrapper in wrappers {
            if ARGS == OBJECTS || !wrapper.is_null() {
                take_back(wrapper);
            }
        }
        take_back(callable);
    }
}

/// # Safety
///
/// Attached; what a call wrote that answered BORROWED, and whose arguments are still lent.
#[inline(never)]
unsafe extern "C" fn show_borrowed(result: &RawAny) -> *mut ffi::PyObject {
    // Quiet: what calls this has entered.
    // SAFETY: the caller's contract.
    match unsafe { borrowed_outcome(*result) } {
        // SAFETY: attached, and alive as long as the loans.
        Ok(view) => unsafe { value_to_python(view.raw()) },
        // SAFETY: as above.
        Err(error) => unsafe { raise_error(&error).null() },
    }
}

/// The way of all calls. A C function, which does not unwind: so it is jumped to.
///
/// # Safety
///
/// As a vectorcall; `count` is not negative.
#[inline(never)]
unsafe extern "C" fn call_any(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: isize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe {
        // Who passes nothing may pass no place either.
        let args = if count == 0 {
            &[]
        } else {
            core::slice::from_raw_parts(args, count as usize)
        };
        if !names.is_null() && ffi::PyTuple_Size(names) > 0 {
            return raise!(Exc::Type, "a native Function takes no keyword arguments").null();
        }
        // What it runs must not move it away.
        let Ok(lent) = Loan::of(callable) else {
            return null_mut();
        };
        match call_native(lent.object(), args) {
            Ok(value) => value_into_python(value),
            Err(Raised) => null_mut(),
        }
    }
}

/// # Safety
///
/// Attached; what a call wrote, which is ours.
#[inline(never)]
unsafe extern "C" fn show_outcome(status: i32, result: RawAny) -> *mut ffi::PyObject {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    match unsafe { packed_outcome(status, result) } {
        // SAFETY: attached.
        Ok(value) => unsafe { value_into_python(value) },
        // SAFETY: as above.
        Err(error) => unsafe { raise_error(&error).null() },
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
pub(crate) unsafe fn call_native(
    function: NonNull<ObjectHeader>,
    args: &[*mut ffi::PyObject],
) -> Result<Any, Raised> {
    if args.len() <= ON_STACK {
        let mut raws = [MaybeUninit::<RawAny>::uninit(); ON_STACK];
        let mut lent = [MaybeUninit::<*mut ffi::PyObject>::uninit(); ON_STACK];
        let (raws, lent) = (raws.as_mut_ptr().cast(), lent.as_mut_ptr().cast());
        // SAFETY: the caller's contract; room for as many.
        unsafe { call_with(function, args, raws, lent) }
    } else {
        let mut raws = vec![MaybeUninit::<RawAny>::uninit(); args.len()];
        let mut lent = vec![null_mut::<ffi::PyObject>(); args.len()];
        let raws = raws.as_mut_ptr().cast();
        // SAFETY: as above.
        unsafe { call_with(function, args, raws, lent.as_mut_ptr()) }
    }
}

/// # Safety
///
/// As [`call_native`]; room for as many values and wrappers as there are arguments.
unsafe fn call_with(
    function: NonNull<ObjectHeader>,
    args: &[*mut ffi::PyObject],
    raws: *mut RawAny,
    lent: *mut *mut ffi::PyObject,
) -> Result<Any, Raised> {
    let mut result = RawAny::NONE;
    let mut passed = Passed {
        raws,
        lent,
        wrappers: 0,
        made: false,
    };
    // SAFETY: the caller's contract. An error that the callee returns is raised after the arguments
    // are let go of, so that nothing they run sees it.
    unsafe {
        for (i, &arg) in args.iter().enumerate() {
            if is_wrapper(arg) {
                let Ok(loan) = Loan::of(arg) else {
                    return Err(stop(passed, args, i));
                };
                put_object(raws.add(i), loan.leave());
                lent.add(passed.wrappers).write(arg);
                passed.wrappers += 1;
            } else {
                let Ok(value) = pass(arg) else {
                    return Err(stop(passed, args, i));
                };
                raws.add(i).write(value.raw);
                passed.made |= value.owned || value.raw.type_index == index::RVALUE_REF;
            }
        }
        let body = function.cast::<FunctionObj>().as_ref();
        let call = body.safe_call();
        let handle = function.as_ptr().cast();
        let (first, count) = (raws.cast_const(), args.len() as i32);
        let failed = if function.as_ref().flags() & RELEASES_INTERPRETER == 0 {
            call(handle, first, count, &raw mut result)
        } else {
            let thread = ffi::PyEval_SaveThread();
            let failed = call(handle, first, count, &raw mut result);
            ffi::PyEval_RestoreThread(thread);
            // What it kept of its arguments is settled before their wrappers are let go of.
            drain();
            failed
        };
        if !QUIET {
            for i in 0..passed.wrappers {
                settle_lent(*lent.add(i));
            }
        }
        passed.let_go(args, args.len());
        packed_outcome(failed, result).map_err(|error| raise_error(&error))
    }
}

/// Writes a borrowed object as two words: whoever reads it at once, in words or parts of them, finds them
/// in the processor's store queue. (Written in parts, or read in one piece, they would have to reach the
/// cache before: 5 to 6 ns. Written in one piece by a vector register, they are there 3 ns later.)
///
/// # Safety
///
/// Room for a value; a live object.
#[inline(always)]
unsafe fn put_object(place: *mut RawAny, object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    unsafe {
        let number = object.as_ref().type_index();
        if cfg!(all(target_pointer_width = "64", target_endian = "little")) {
            // Length 0 stands in the upper half of the first word.
            place.cast::<u64>().write(u64::from(number as u32));
            (&raw mut (*place).value.object).write(object.as_ptr());
        } else {
            place.write(RawAny::object(number, object.as_ptr()));
        }
    }
}

/// What has to be undone after a call.
struct Passed {
    raws: *mut RawAny,
    /// The wrappers among the arguments, whose objects are lent.
    lent: *mut *mut ffi::PyObject,
    wrappers: usize,
    /// Some values were made for the call, or are moved.
    made: bool,
}

impl Passed {
    /// Lets go of `done` arguments.
    ///
    /// # Safety
    ///
    /// Attached; so many were passed, and each is let go of once.
    unsafe fn let_go(self, args: &[*mut ffi::PyObject], done: usize) {
        // SAFETY: the caller's contract.
        unsafe {
            for i in 0..self.wrappers {
                take_back(*self.lent.add(i));
            }
            if self.made {
                end_made(self.raws, &args[..done]);
            }
        }
    }
}

/// An argument could not be passed: lets go of those before it, and names it in the exception.
#[cold]
#[inline(never)]
unsafe fn stop(passed: Passed, args: &[*mut ffi::PyObject], i: usize) -> Raised {
    // SAFETY: attached, an exception is set; `i` were passed.
    unsafe {
        let raised = name_place(Raised, format_args!("argument {}", i + 1));
        let _pending = Pending::take();
        passed.let_go(args, i);
        raised
    }
}

/// Drops what was made for a call, and moved references that the callee left.
///
/// # Safety
///
/// Attached; the values of these arguments, each the caller's. An object that is not a wrapper's was
/// made for the call.
#[cold]
#[inline(never)]
unsafe fn end_made(raws: *mut RawAny, args: &[*mut ffi::PyObject]) {
    for (i, &arg) in args.iter().enumerate() {
        // SAFETY: the caller's contract; a moved reference's place is there as long as the argument.
        unsafe {
            let raw = *raws.add(i);
            if raw.type_index == index::RVALUE_REF {
                let place = raw.value.pointer.cast::<*mut ObjectHeader>();
                let left = core::mem::replace(&mut *place, null_mut());
                object_core::slots::drop_strong(left);
            } else if index::is_object(raw.type_index) && !is_wrapper(arg) {
                drop(Any::from_raw(raw));
            }
        }
    }
}
