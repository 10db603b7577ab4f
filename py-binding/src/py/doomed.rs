//! What the collector is about to take apart, or has: no native destructor comes by it.
//!
//! The interpreter counts on it that nobody uses what it clears: a function that was cleared and is called ends the
//! process. Python's own finalizers run before anything is cleared. Native destructors run later, where
//! the last reference goes; they may call a Python callable, and show it other objects. So, when the collector subtracts again
//! among what is dead:
//!
//! - what a native object holds that leads to nothing tied (most callbacks) is left out of it: it is not cleared, and
//!   goes where its holder does;
//! - else its hold notes that it is doomed, and is neither called nor shown;
//! - wrappers are not shown to callables, but for those of objects that hold nothing: what they lead to may be cleared.
//!   A bit of their own says so ([`state::DOOMED`]).

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use object_core::header::flags::LEAF;
use pyo3::ffi;

use crate::py::classes::is_wrapper;
use crate::py::hold::{self, Hold};
pub(crate) use crate::py::notes::is_candidate;
use crate::py::records::HOLD;
use crate::py::wrapper::{state, storage};

/// The last collection found wrappers dead, or the one under way did.
static DEAD: AtomicBool = AtomicBool::new(false);

/// Says whether the collection under way finds wrappers dead.
pub(crate) fn note_dead(dead: bool) {
    // Relaxed: within the collector's passes, while no other attached thread runs. So are the stores below.
    DEAD.store(dead, Ordering::Relaxed);
}

/// Whether an object is a wrapper that the collector takes apart, or has, and that may lead to others of those: by
/// its state, or by what its object holds.
///
/// # Safety
///
/// Attached; a live object.
#[inline]
pub(crate) unsafe fn is_doomed(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract; storage is asked of wrappers alone.
    unsafe {
        if !DEAD.load(Ordering::Relaxed) || !is_wrapper(object) {
            return false;
        }
        let there = storage(object);
        // What a wrapper's handle names is alive by its reference; nobody else comes by a doomed one, to move it.
        let holds = || {
            NonNull::new(there.address()).is_none_or(|object| object.as_ref().flags() & LEAF == 0)
        };
        there.is(state::DOOMED) && (there.is(state::STATEFUL) || holds())
    }
}

/// The hold that an entry of what was found names, if it names one.
pub(crate) fn hold_in(found: usize) -> Option<*mut Hold> {
    (found & HOLD != 0).then(|| core::ptr::with_exposed_provenance_mut(found & !HOLD))
}

/// Notes in the holds among what was found that what they hold is about to be taken apart.
pub(crate) fn note(found: &[usize]) {
    for hold in found.iter().copied().filter_map(hold_in) {
        // SAFETY: found in this pass of the collector; who drops it without being attached leaves it on the list.
        unsafe { hold::doom(hold, true) };
    }
}

/// How many objects are looked at.
const MOST: usize = 32;

struct Seen {
    objects: [*mut ffi::PyObject; MOST],
    count: usize,
}

/// Whether what the collector has found dead and can be reached from `object` is a few of Python's own objects, each by
/// one way: then it leads to no wrapper, nor back to itself, and goes when the last reference to `object` does.
///
/// # Safety
///
/// Attached, within a pass of the collector that subtracts again; one of its [candidates](is_candidate).
pub(crate) unsafe fn leads_nowhere(object: *mut ffi::PyObject) -> bool {
    let mut seen = Seen {
        objects: [core::ptr::null_mut(); MOST],
        count: 0,
    };
    let context = (&raw mut seen).cast();
    let mut at = 0;
    // SAFETY: the caller's contract; what a candidate refers to is alive, and `tp_traverse` runs no Python code.
    unsafe {
        if visit(object, context) != 0 {
            return false;
        }
        while at < seen.count {
            let next = seen.objects[at];
            at += 1;
            let Some(traverse) = (*ffi::Py_TYPE(next)).tp_traverse else {
                return false;
            };
            if traverse(next, visit, context) != 0 {
                return false;
            }
        }
    }
    true
}

/// Stops at the first that is too much.
unsafe extern "C" fn visit(object: *mut ffi::PyObject, context: *mut c_void) -> c_int {
    // Quiet: it looks, within a pass of the collector.
    // SAFETY: the visitor of `leads_nowhere`: a live object, and its own context.
    unsafe {
        if !is_candidate(object) {
            return 0;
        }
        let seen = &mut *context.cast::<Seen>();
        if seen.count == MOST || is_wrapper(object) || seen.objects[..seen.count].contains(&object)
        {
            return 1;
        }
        seen.objects[seen.count] = object;
        seen.count += 1;
        0
    }
}
