//! How deep a conversion is in lists, tuples and dicts.
//!
//! The interpreter's own count is asked too, but is not enough: what 3.12 and 3.13 allow C code (10,000
//! levels) is more than the stack of a main thread has room for at our frames' size.

use core::cell::Cell;
use core::ffi::CStr;

use pyo3::ffi;

use crate::py::raise::Raised;

/// More levels than anybody nests, and few enough for a stack of 2 MiB, unoptimised.
const DEEPEST: u32 = 500;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One level, until it is dropped.
///
/// # Invariants
///
/// It is counted in `DEPTH` of this thread and by the interpreter.
pub(crate) struct Level(core::marker::PhantomData<*const ()>);

impl Level {
    /// Goes one level deeper; `what` ends the message.
    ///
    /// # Errors
    ///
    /// RecursionError.
    ///
    /// # Safety
    ///
    /// Attached, and still when the level is dropped.
    pub(crate) unsafe fn enter(what: &CStr) -> Result<Self, Raised> {
        let depth = DEPTH.get();
        // SAFETY: attached.
        unsafe {
            if depth >= DEEPEST {
                ffi::PyErr_Format(
                    ffi::PyExc_RecursionError,
                    c"maximum recursion depth exceeded%s".as_ptr(),
                    what.as_ptr(),
                );
                return Err(Raised);
            }
            if ffi::Py_EnterRecursiveCall(what.as_ptr()) != 0 {
                return Err(Raised);
            }
        }
        DEPTH.set(depth + 1);
        // INVARIANT: counted by both just now.
        Ok(Self(core::marker::PhantomData))
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        // SAFETY: entered by `enter`; attached, by its contract.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
}
