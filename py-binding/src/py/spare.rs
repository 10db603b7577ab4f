//! A few storages of plain wrappers that are in use by nobody, for the next ones: where wrappers come and
//! go, the interpreter's allocator is a tenth of a construction and its end.
//!
//! With a GIL only, which guards the list: without one each thread would need its own.

use core::ptr::{NonNull, null_mut};

use pyo3::ffi;

use crate::py::refs::QUIET;
use crate::py::stack::{Room, Stack};

/// How many are kept, at most: 2 KiB.
const MOST: usize = 64;

pub(crate) static ROOM: Room = Room::of(MOST);

/// Storages of plain wrappers, from `PyObject_Malloc`.
struct Spare(Stack<MOST>);

// SAFETY: only touched with the GIL held, and nothing is called while it is.
unsafe impl Sync for Spare {}

static SPARE: Spare = Spare(Stack::new());

/// A storage, or NULL. Its bytes are what they were.
///
/// # Safety
///
/// Attached.
#[inline(always)]
pub(crate) unsafe fn take() -> *mut ffi::PyObject {
    if !QUIET {
        return null_mut();
    }
    SPARE
        .0
        .take()
        .map_or(null_mut(), |storage| storage.as_ptr().cast())
}

/// Keeps a storage; false if there are enough.
///
/// # Safety
///
/// Attached; a plain wrapper's storage, which nobody names any more.
#[inline(always)]
pub(crate) unsafe fn keep(storage: NonNull<ffi::PyObject>) -> bool {
    // SAFETY: the caller's contract.
    QUIET && unsafe { SPARE.0.put(storage.cast(), &ROOM) }
}
