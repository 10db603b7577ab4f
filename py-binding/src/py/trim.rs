//! `tieback.trim()`: what is kept for objects that Python may never look at again goes back to the
//! interpreter's allocator, and from there to the system.

use pyo3::ffi;

use crate::py::attached::{drain, inside};
use crate::py::blocks;
use crate::py::counts::{self, Count};
use crate::py::hang;
use crate::py::host::Cpython;
use crate::py::kept;
use crate::py::spare;
use crate::py::wrapper;
use crate::tie;

/// Frees the storage of all wrappers that are not alive; how many of them there were.
///
/// # Safety
///
/// Attached, and no word is held. Runs Python code, should a class die with the last storage that has it.
pub(crate) unsafe fn give_back() -> usize {
    hang::ready();
    let mut count = 0;
    let mut taken = Vec::new();
    // SAFETY: attached.
    unsafe { drain() };
    for region in kept::regions() {
        kept::look_through(
            region,
            // Behind the closed gate nobody says any more which objects go.
            inside,
            // SAFETY: attached; the block is there.
            |storage, object| unsafe { tie::trim(&Cpython, storage, object.cast()) },
            &mut taken,
        );
        count += taken.len();
        counts::add_attached(Count::Kept, -(taken.len() as isize));
        for storage in taken.drain(..) {
            // SAFETY: attached; the word that named it does no more.
            unsafe { wrapper::free(storage.as_ptr().cast()) };
        }
    }
    blocks::give_back();
    // SAFETY: attached; spare storage is nobody's.
    unsafe {
        loop {
            let storage = spare::take();
            if storage.is_null() {
                return count;
            }
            ffi::PyObject_Free(storage.cast());
        }
    }
}
