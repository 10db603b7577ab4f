//! A few storages of plain wrappers that are in use by nobody, for the next ones: where wrappers come and
//! go, the interpreter's allocator is a tenth of a construction and its end.
//!
//! With a GIL only, which guards the list: without one each thread would need its own.

use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;

use crate::py::refs::QUIET;

/// How many are kept, at most: 2 KiB.
const MOST: usize = 64;

/// How many are kept now.
///
/// # Invariants
///
/// [`MOST`], or none.
static ROOM: AtomicUsize = AtomicUsize::new(MOST);

/// From here on none are kept: all storage goes back at once, and a tool that watches memory sees that.
pub(crate) fn keep_none() {
    // Relaxed: a number of its own. INVARIANT: none.
    ROOM.store(0, Ordering::Relaxed);
}

/// # Invariants
///
/// The first `len` are storages of plain wrappers, from `PyObject_Malloc`, which nobody else names.
struct Spare {
    len: Cell<usize>,
    storages: UnsafeCell<[*mut ffi::PyObject; MOST]>,
}

// SAFETY: only touched with the GIL held, and nothing is called while it is.
unsafe impl Sync for Spare {}

static SPARE: Spare = Spare {
    len: Cell::new(0),
    storages: UnsafeCell::new([null_mut(); MOST]),
};

/// A storage, or NULL. Its bytes are what they were.
///
/// # Safety
///
/// Attached.
#[inline(always)]
pub(crate) unsafe fn take() -> *mut ffi::PyObject {
    let len = SPARE.len.get();
    if !QUIET || len == 0 {
        return null_mut();
    }
    SPARE.len.set(len - 1);
    // SAFETY: by the type invariant; the GIL is held.
    unsafe {
        *SPARE
            .storages
            .get()
            .cast::<*mut ffi::PyObject>()
            .add(len - 1)
    }
}

/// Keeps a storage; false if there are enough.
///
/// # Safety
///
/// Attached; a plain wrapper's storage, which nobody names any more.
#[inline(always)]
pub(crate) unsafe fn keep(storage: *mut ffi::PyObject) -> bool {
    let len = SPARE.len.get();
    if !QUIET || len >= ROOM.load(Ordering::Relaxed) {
        return false;
    }
    // SAFETY: in the array, by ROOM's invariant; the GIL is held. INVARIANT: the caller's contract.
    unsafe {
        *SPARE.storages.get().cast::<*mut ffi::PyObject>().add(len) = storage;
    }
    SPARE.len.set(len + 1);
    true
}
