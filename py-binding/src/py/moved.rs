//! What `x._move()` returns: a native reference on its way into a call.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use object_core::ObjectHeader;
use object_core::refs::dec_ref;
use pyo3::ffi;

use crate::py::hang;
use crate::py::raise::{Exc, Raised, raise};
use crate::py::spec::{self, END, slot};

/// A reference that whoever it is passed to may take.
#[repr(C)]
pub(crate) struct MovedObject {
    ob_base: ffi::PyObject,
    /// Null once taken.
    object: Cell<*mut ObjectHeader>,
    /// It was passed on: whoever did so has the cell, and nobody else.
    passed: AtomicBool,
}

impl MovedObject {
    /// The cell with the reference, for the one call that this was passed to; `None` if it was
    /// passed on before.
    pub(crate) fn pass_on(&self) -> Option<*mut *mut ObjectHeader> {
        // AcqRel: one caller gets the cell, and sees the reference that `fill` put there.
        (!self.passed.swap(true, Ordering::AcqRel)).then_some(self.object.as_ptr())
    }
}

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// The object as a moved reference, if it is one.
///
/// # Safety
///
/// Attached; a live object.
#[inline]
pub(crate) unsafe fn as_moved<'a>(object: *mut ffi::PyObject) -> Option<&'a MovedObject> {
    // SAFETY: of exactly this class, which has no subclasses.
    unsafe {
        (ffi::Py_TYPE(object) == CLASS.load(Ordering::Relaxed))
            .then(|| &*object.cast::<MovedObject>())
    }
}

/// Raises what a reference that is passed on a second time gets.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn twice() -> Raised {
    // SAFETY: attached.
    unsafe { raise!(Exc::Value, "this moved reference was passed on already") }
}

/// A new moved reference with nothing in it.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn new() -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: the class was made at import and lives for ever; its instances are MovedObjects.
    unsafe {
        let class = CLASS.load(Ordering::Acquire);
        let moved = match (*class).tp_alloc {
            Some(alloc) => alloc(class, 0),
            None => null_mut(),
        };
        if moved.is_null() {
            return Err(Raised);
        }
        Ok(moved)
    }
}

/// Puts the caller's reference into a new moved reference.
///
/// # Safety
///
/// `moved` is what [`new`] made; the caller owns a strong reference to `object`.
pub(crate) unsafe fn fill(moved: *mut ffi::PyObject, object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    // The class's memory is zeroed: it was not passed on.
    unsafe { (*moved.cast::<MovedObject>()).object.set(object.as_ptr()) };
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    hang::enter();
    // SAFETY: the slot's contract: the last Python reference went.
    unsafe {
        let class = ffi::Py_TYPE(object);
        let native = (*object.cast::<MovedObject>()).object.replace(null_mut());
        if let Some(free) = (*class).tp_free {
            free(object.cast());
        }
        ffi::Py_DECREF(class.cast());
        if let Some(native) = NonNull::new(native) {
            dec_ref(native);
        }
    }
}

/// Makes the class. Once, at import.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn make_class() -> Result<(), Raised> {
    let mut slots = [
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_tp_doc, DOC.as_ptr().cast_mut().cast()),
        END,
    ];
    let (size, flags) = (
        size_of::<MovedObject>(),
        ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    );
    // SAFETY: attached; slots of MovedObject.
    let class =
        unsafe { spec::make_class(c"tieback._Moved", size, flags, null_mut(), &mut slots) }?;
    CLASS.store(class, Ordering::Release);
    Ok(())
}

const DOC: &core::ffi::CStr = c"A native reference on its way into a call; pass it once.";
