//! Calls in which the interpreter may end this thread.
//!
//! Before 3.14 a thread that asks for the interpreter once it finalizes is ended where it stands, by
//! `pthread_exit`: a daemon thread, or a Rust thread in the middle of a callback. That unwinds
//! through every frame below, ours and the libraries', which own references and catch panics; Rust
//! aborts the process when it meets such an unwinding in `catch_unwind`. From 3.14 on CPython lets the
//! thread hang instead, and so do we: the first frame of ours that the unwinding reaches is one of
//! these, and it never returns. The process ends around it.
//!
//! Only what can run Python code for long stands here: a callback, and the end of an object that native
//! code held. (pyo3-ffi does the same for `PyGILState_Ensure` and `PyEval_RestoreThread`.)

use pyo3::ffi;

/// Never returns from its end.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

type Vectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type UnwindingVectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type DecRef = unsafe extern "C" fn(*mut ffi::PyObject);
type UnwindingDecRef = unsafe extern "C-unwind" fn(*mut ffi::PyObject);

/// `PyObject_Vectorcall`.
///
/// # Safety
///
/// Its own contract.
#[inline]
pub(crate) unsafe fn vectorcall(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // The compiler must not see which function this is: declared elsewhere as one that never unwinds,
    // its calls would lose their landing pads.
    let call: Vectorcall = core::hint::black_box(ffi::PyObject_Vectorcall);
    // SAFETY: the ABIs differ in nothing but that this one may unwind.
    let call = unsafe { core::mem::transmute::<Vectorcall, UnwindingVectorcall>(call) };
    let hang = Hang;
    // SAFETY: the caller's contract.
    let answer = unsafe { call(callable, args, nargsf, names) };
    core::mem::forget(hang);
    answer
}

/// `Py_DECREF`.
///
/// # Safety
///
/// Its own contract.
#[inline]
pub(crate) unsafe fn decref(object: *mut ffi::PyObject) {
    let decref: DecRef = core::hint::black_box(ffi::Py_DecRef);
    // SAFETY: as in `vectorcall`.
    let decref = unsafe { core::mem::transmute::<DecRef, UnwindingDecRef>(decref) };
    let hang = Hang;
    // SAFETY: the caller's contract.
    unsafe { decref(object) };
    core::mem::forget(hang);
}
