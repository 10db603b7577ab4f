//! Which of the collector's passes it is that asks an object what it refers to: known by the functions that
//! it hands over, and these by what they do to a probe.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;

use crate::py::hang;
use crate::py::notes::{self, Did, did, noted};
use crate::py::raise::Raised;
use crate::py::refs::QUIET;
use crate::py::spec::{self, END, slot};

/// The collector's function that takes from a candidate's count what the visited one refers to.
static SUBTRACT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// The one that marks what can be reached.
static REACH: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// Where that is another one: the one that subtracts again, among what was dead and has been finalized.
static SUBTRACT_AGAIN: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// `gc.get_debug`: null until it is known.
static GET_DEBUG: AtomicPtr<ffi::PyObject> = AtomicPtr::new(null_mut());

/// Whether the collector puts what is dead into `gc.garbage` (`gc.DEBUG_SAVEALL`).
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn dead_are_saved() -> bool {
    /// CPython's own number.
    const SAVEALL: core::ffi::c_long = 32;
    let get = GET_DEBUG.load(Ordering::Relaxed);
    // SAFETY: attached; a function of C's, without arguments, that answers a small number: it neither allocates nor
    // runs Python code, and may be called while a collector is at work.
    unsafe {
        let Some(function) = (!get.is_null())
            .then(|| ffi::PyCFunction_GetFunction(get))
            .flatten()
        else {
            return false;
        };
        let flags = function(ffi::PyCFunction_GetSelf(get), null_mut());
        let saved = ffi::PyLong_AsLong(flags) & SAVEALL != 0;
        ffi::Py_DECREF(flags);
        saved
    }
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// The collector, which subtracts.
    Subtract,
    /// The same, once more after finalizers have run, where that is told apart.
    SubtractAgain,
    /// The collector, which marks what is reached.
    Reach,
    /// Somebody else.
    Other,
    /// The collector's functions are not known.
    Unknown,
}

/// Who asks with this function.
#[inline]
pub(crate) fn of(visit: ffi::visitproc) -> Pass {
    let how = visit as *mut c_void;
    let subtract = SUBTRACT.load(Ordering::Relaxed);
    if how == subtract {
        Pass::Subtract
    } else if how == REACH.load(Ordering::Relaxed) {
        Pass::Reach
    } else if subtract.is_null() {
        Pass::Unknown
    } else if how == SUBTRACT_AGAIN.load(Ordering::Relaxed) {
        Pass::SubtractAgain
    } else {
        Pass::Other
    }
}

/// An object whose traversal shows what the collector's functions do.
#[repr(C)]
struct Probe {
    base: ffi::PyObject,
    other: *mut ffi::PyObject,
}

/// Has the collector count one reference more to an object.
///
/// # Safety
///
/// This pass, which [subtracts](Pass::Subtract), asks this object what it refers to.
pub(crate) unsafe fn add(object: *mut ffi::PyObject, pass: Pass) {
    // SAFETY: the caller's contract; a collected object.
    unsafe { notes::add(object, pass == Pass::SubtractAgain) };
}

/// Whether nobody in Python holds the object, so that it dies whatever is counted.
///
/// # Safety
///
/// As [`add`].
pub(crate) unsafe fn is_dying(object: *mut ffi::PyObject, pass: Pass) -> bool {
    // SAFETY: the caller's contract.
    unsafe { notes::is_dying(object, pass == Pass::SubtractAgain) }
}

unsafe extern "C" fn probe_traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    context: *mut c_void,
) -> c_int {
    // Quiet: as of every `tp_traverse`.
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let other = (*object.cast::<Probe>()).other;
        if other.is_null() {
            return 0;
        }
        let how = visit as *mut c_void;
        let before = noted(other);
        let stop = visit(other, context);
        let known = !SUBTRACT.load(Ordering::Relaxed).is_null();
        let place = match did(before, noted(other)) {
            Some(Did::Subtracted) => &SUBTRACT,
            // After the first, and not that.
            Some(Did::Reached) if known && how != SUBTRACT.load(Ordering::Relaxed) => &REACH,
            Some(Did::SubtractedAgain) if known => &SUBTRACT_AGAIN,
            _ => return stop,
        };
        let _ = place.compare_exchange(null_mut(), how, Ordering::Relaxed, Ordering::Relaxed);
        stop
    }
}

unsafe extern "C" fn probe_clear(object: *mut ffi::PyObject) -> c_int {
    hang::enter();
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let other = core::mem::replace(&mut (*object.cast::<Probe>()).other, null_mut());
        ffi::Py_XDECREF(other);
    }
    0
}

unsafe extern "C" fn probe_dealloc(object: *mut ffi::PyObject) {
    hang::enter();
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        probe_clear(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Gets to know the collector's functions: two objects, one of which refers to the other, live through
/// one collection of the youngest, or of all where there are no ages. Once, at import.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn learn() -> Result<(), Raised> {
    let mut slots = [
        slot(ffi::Py_tp_dealloc, probe_dealloc as *mut c_void),
        slot(ffi::Py_tp_traverse, probe_traverse as *mut c_void),
        slot(ffi::Py_tp_clear, probe_clear as *mut c_void),
        END,
    ];
    let (size, flags) = (size_of::<Probe>(), ffi::Py_TPFLAGS_HAVE_GC);
    // SAFETY: attached; slots of Probe, and objects of ours.
    unsafe {
        let class = spec::make_class(c"tieback._Probe", size, flags, null_mut(), &mut slots)?;
        let new = || ffi::PyType_GenericAlloc(class, 0).cast::<Probe>();
        let (first, other) = (new(), new());
        let mut done = null_mut();
        let mut ready = !first.is_null() && !other.is_null();
        if ready {
            (*first).other = other.cast();
            if !QUIET {
                // What is dead has a pass of its own there.
                let dead = new();
                ready = !dead.is_null();
                if ready {
                    (*dead).other = dead.cast();
                }
            }
        } else {
            ffi::Py_XDECREF(other.cast());
        }
        if ready {
            let gc = ffi::PyImport_ImportModule(c"gc".as_ptr());
            if !gc.is_null() {
                let get = ffi::PyObject_GetAttrString(gc, c"get_debug".as_ptr());
                if get.is_null() {
                    ffi::PyErr_Clear();
                } else if ffi::PyCFunction_Check(get) != 0 {
                    // The reference stays, once for the process.
                    GET_DEBUG.store(get, Ordering::Relaxed);
                } else {
                    ffi::Py_DECREF(get);
                }
                done = ffi::PyObject_CallMethod(gc, c"collect".as_ptr(), c"i".as_ptr(), 0);
                ffi::Py_DECREF(gc);
            }
        }
        ffi::Py_XDECREF(first.cast());
        ffi::Py_DECREF(class.cast());
        if done.is_null() {
            return Err(Raised);
        }
        ffi::Py_DECREF(done);
        // Half of it is no use.
        let unknown = |pass: &AtomicPtr<c_void>| pass.load(Ordering::Relaxed).is_null();
        if unknown(&REACH) || (!QUIET && unknown(&SUBTRACT_AGAIN)) {
            for pass in [&SUBTRACT, &REACH, &SUBTRACT_AGAIN] {
                pass.store(null_mut(), Ordering::Relaxed);
            }
        }
        Ok(())
    }
}
