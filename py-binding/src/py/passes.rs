//! Which of the collector's passes it is that asks an object what it refers to: known by the functions that
//! it hands over, and these by what they do to a probe.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;

use crate::py::raise::Raised;

/// The collector's function that takes from a candidate's count what the visited one refers to.
static SUBTRACT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// The one that marks what can be reached.
static REACH: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// The collector, which subtracts.
    Subtract,
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

/// Where a collector on a build with a GIL counts while it is at work: in the word in front of the object,
/// above two bits of flags.
unsafe fn counted(object: *mut ffi::PyObject) -> usize {
    // SAFETY: the caller's: a collected object.
    unsafe { *object.cast::<usize>().sub(1) >> 2 }
}

/// Has the collector count one reference more to an object.
///
/// # Safety
///
/// A pass that [subtracts](Pass::Subtract) asks this object what it refers to.
pub(crate) unsafe fn add(object: *mut ffi::PyObject) {
    // SAFETY: a collected object that the collector counts at: its functions are known by that word.
    unsafe { *object.cast::<usize>().sub(1) += 1 << 2 };
}

unsafe extern "C" fn probe_traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let other = (*object.cast::<Probe>()).other;
        if other.is_null() {
            return 0;
        }
        let how = visit as *mut c_void;
        let before = counted(other);
        let stop = visit(other, context);
        let after = counted(other);
        if before == after + 1 && SUBTRACT.load(Ordering::Relaxed).is_null() {
            SUBTRACT.store(how, Ordering::Relaxed);
        } else if !SUBTRACT.load(Ordering::Relaxed).is_null()
            && how != SUBTRACT.load(Ordering::Relaxed)
            && REACH.load(Ordering::Relaxed).is_null()
        {
            REACH.store(how, Ordering::Relaxed);
        }
        stop
    }
}

unsafe extern "C" fn probe_clear(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let other = core::mem::replace(&mut (*object.cast::<Probe>()).other, null_mut());
        ffi::Py_XDECREF(other);
    }
    0
}

unsafe extern "C" fn probe_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        probe_clear(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Gets to know the collector's two functions: two objects, one of which refers to the other, live through
/// one collection of the youngest. Once, at import.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn learn() -> Result<(), Raised> {
    let entry = |slot, pfunc| ffi::PyType_Slot { slot, pfunc };
    let mut slots = [
        entry(ffi::Py_tp_dealloc, probe_dealloc as *mut c_void),
        entry(ffi::Py_tp_traverse, probe_traverse as *mut c_void),
        entry(ffi::Py_tp_clear, probe_clear as *mut c_void),
        entry(0, null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"tieback._Probe".as_ptr(),
        basicsize: size_of::<Probe>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: attached; objects of ours.
    unsafe {
        let class = ffi::PyType_FromSpec(&raw mut spec).cast::<ffi::PyTypeObject>();
        if class.is_null() {
            return Err(Raised);
        }
        let (first, other) = (
            ffi::PyType_GenericAlloc(class, 0),
            ffi::PyType_GenericAlloc(class, 0),
        );
        let mut done = null_mut();
        if !first.is_null() && !other.is_null() {
            ffi::Py_INCREF(other);
            (*first.cast::<Probe>()).other = other;
            let gc = ffi::PyImport_ImportModule(c"gc".as_ptr());
            if !gc.is_null() {
                done = ffi::PyObject_CallMethod(gc, c"collect".as_ptr(), c"i".as_ptr(), 0);
                ffi::Py_DECREF(gc);
            }
        }
        ffi::Py_XDECREF(first);
        ffi::Py_XDECREF(other);
        ffi::Py_DECREF(class.cast());
        if done.is_null() {
            return Err(Raised);
        }
        ffi::Py_DECREF(done);
        // Half of it is no use.
        if REACH.load(Ordering::Relaxed).is_null() {
            SUBTRACT.store(null_mut(), Ordering::Relaxed);
        }
        Ok(())
    }
}
