//! `tp_dealloc`: the end of a wrapper, or that its object takes it.

use core::ptr::NonNull;

use object_core::ObjectHeader;
use object_core::count::Released;
use object_core::refs::settle_release;
use pyo3::ffi;

use crate::py::attached::{drain, is_drained};
use crate::py::classes;
use crate::py::collect::pass_is_over;
use crate::py::counts::{self, Count};
use crate::py::hang;
use crate::py::host::Cpython;
use crate::py::refs::is_collected;
use crate::py::share::entrusted;
use crate::py::wrapper::{as_wrapper, storage};
use crate::tie::step::Storage;
use crate::tie::{dealloc, put_away};

/// Whether the object of a wrapper can be part of a cycle that the collector is to see.
unsafe fn can_be_cyclic(wrapper: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's: a wrapper whose storage is there; a handle's object is alive.
    NonNull::new(unsafe { storage(wrapper) }.address()).is_some_and(|object| {
        // SAFETY: as above.
        let number = unsafe { object.as_ref() }.type_index();
        classes::by_index(number).is_some_and(|record| record.cyclic)
    })
}

/// `tp_dealloc` of every registered class.
pub(crate) unsafe extern "C" fn wrapper_dealloc(object: *mut ffi::PyObject) {
    hang::enter();
    // SAFETY: the slot's contract: attached, the Python count reached 0.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if is_collected(class) || (*class).tp_finalize.is_some() {
            watched_dealloc(object, class);
        } else if let Some(native) = put_away(&Cpython, as_wrapper(object)) {
            counts::add_attached(Count::Kept, 1);
            give_back(native.cast());
        } else {
            settle_apart(object);
        }
    }
}

/// Gives an object its reference back, and does what waits; of a busy one without a call.
///
/// # Safety
///
/// Attached; the caller owns the reference.
#[inline(always)]
unsafe fn give_back(object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    unsafe {
        match object.as_ref().counts().dec_busy() {
            Released::Held if is_drained() => {}
            released => end(object, released),
        }
    }
}

/// What is due when a wrapper's reference is given back. A C function, which does not unwind: so it is jumped to.
///
/// # Safety
///
/// As [`settle_release`]; attached.
#[inline(never)]
unsafe extern "C" fn end(object: NonNull<ObjectHeader>, released: Released) {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe {
        settle_release(object, released);
        drain();
    }
}

/// [`wrapper_dealloc`] where the collector or a finalizer has to be asked first. A C function, which does not
/// unwind: so it is jumped to.
///
/// # Safety
///
/// As there; `class` is the wrapper's.
#[inline(never)]
unsafe extern "C" fn watched_dealloc(object: *mut ffi::PyObject, class: *mut ffi::PyTypeObject) {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe {
        let collected = is_collected(class);
        if collected && can_be_cyclic(object) && entrusted(&Cpython, object) {
            drain();
            return;
        }
        // Hazard 3: untrack before anything that can wait.
        if collected {
            ffi::PyObject_GC_UnTrack(object.cast());
            pass_is_over();
        }
        // A class that got a `__del__` after it was registered. (Subclasses come here through the
        // interpreter's own teardown, which has run it.)
        if (*class).tp_finalize.is_some()
            && (*class)
                .tp_dealloc
                .is_some_and(|own| core::ptr::fn_addr_eq(own, wrapper_dealloc as ffi::destructor))
        {
            // Tracked while it runs: a resurrected object stays so.
            if collected {
                ffi::PyObject_GC_Track(object.cast());
            }
            hang::ready();
            if ffi::PyObject_CallFinalizerFromDealloc(object) != 0 {
                return; // resurrected
            }
            if collected {
                ffi::PyObject_GC_UnTrack(object.cast());
            }
        }
        settle_apart(object);
    }
}

/// # Safety
///
/// As [`settle`].
#[inline(never)]
unsafe extern "C" fn settle_apart(object: *mut ffi::PyObject) {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe { settle(object) };
}

/// The tie's part.
///
/// # Safety
///
/// Attached; the wrapper is untracked and nobody can reach it through Python.
#[inline(always)]
unsafe fn settle(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    unsafe {
        if dealloc(&Cpython, as_wrapper(object)) == Storage::Keep {
            counts::add_attached(Count::Kept, 1);
        }
        drain();
    }
}
