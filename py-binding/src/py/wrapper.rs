//! Wrappers: made, freed, and what whoever uses one may rely on.

use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use object_core::ObjectHeader;
use pyo3::ffi;

use crate::py::begin;
use crate::py::counts::{self, Count};
use crate::py::hang;
use crate::py::kept;
use crate::py::raise::{Exc, Raised, no_memory, raise, type_name};
use crate::py::refs::{self, is_collected};
use crate::py::share;
use crate::py::spare;
pub(crate) use crate::py::storage::{
    PLAIN_SIZE, WrapperObject, Writing, as_wrapper, is_stateless, state, storage,
};

/// New storage of a class: Python count 1, no handle. NULL with MemoryError.
///
/// # Safety
///
/// Attached; `class` is a live subclass of the wrapper base. May run the collector.
#[inline(always)]
pub(crate) unsafe fn allocate(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    // SAFETY: the class is alive; plain classes free with PyObject_Free, which this pairs with; the
    // others allocate themselves.
    unsafe {
        if is_collected(class)
            || (*class).tp_basicsize != PLAIN_SIZE
            || (*class).tp_finalize.is_some()
        {
            return allocate_large(class);
        }
        let mut object = spare::take();
        if object.is_null() {
            object = plain_storage();
            if object.is_null() {
                return null_mut();
            }
        }
        counts::add_attached(Count::Wrappers, 1);
        begin::begin(object, class);
        let wrapper = object.cast::<WrapperObject>();
        (&raw mut (*wrapper).handle).write(AtomicPtr::new(null_mut()));
        (&raw mut (*wrapper).loans).write(AtomicU32::new(0));
        (&raw mut (*wrapper).state).write(AtomicU32::new(0));
        object
    }
}

/// New storage for the wrapper's own words. NULL with MemoryError.
///
/// # Safety
///
/// Attached.
#[inline(never)]
unsafe fn plain_storage() -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe {
        let object = ffi::PyObject_Malloc(PLAIN_SIZE as usize);
        if object.is_null() {
            return no_memory().null();
        }
        object.cast()
    }
}

/// As [`allocate`], of a class whose instances have more than the wrapper's own words.
#[inline(never)]
unsafe fn allocate_large(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    hang::ready(); // the allocation may run the collector
    // SAFETY: the caller's contract; zeroed memory is an empty wrapper.
    unsafe {
        let Ok(shares) = share::prepare(class) else {
            return null_mut();
        };
        let object = match (*class).tp_alloc {
            Some(alloc) => alloc(class, 0),
            None => no_memory().null(),
        };
        if !object.is_null() {
            counts::add_attached(Count::Wrappers, 1);
            if shares {
                storage(object).mark(state::SHARES | state::STATEFUL, true);
            }
        }
        if shares && object.is_null() {
            share::unprepare();
        }
        object
    }
}

/// Frees storage and the reference to its class.
///
/// # Safety
///
/// Attached; nobody names the wrapper any more.
#[inline]
pub(crate) unsafe fn free(wrapper: *mut ffi::PyObject) {
    // SAFETY: the storage keeps its class alive; after tp_free only the class is touched.
    unsafe {
        counts::add_attached(Count::Wrappers, -1);
        let said = storage(wrapper).state.load(Ordering::Acquire);
        if said & (state::SHARES | state::LISTED) != 0 {
            forget(wrapper, said);
        }
        let class = ffi::Py_TYPE(wrapper);
        let plain = !is_collected(class) && (*class).tp_basicsize == PLAIN_SIZE;
        if !plain || !spare::keep(NonNull::new_unchecked(wrapper)) {
            free_large(wrapper, class);
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// What others know of storage that goes, by what its state says.
///
/// # Safety
///
/// As [`free`].
#[inline(never)]
unsafe fn forget(wrapper: *mut ffi::PyObject, said: u32) {
    if said & state::SHARES != 0 {
        share::unprepare();
    }
    if said & state::LISTED != 0 {
        kept::unlist(wrapper);
    }
}

/// As [`free`], of storage that is not kept for the next wrapper.
#[inline(never)]
unsafe fn free_large(wrapper: *mut ffi::PyObject, class: *mut ffi::PyTypeObject) {
    // SAFETY: the caller's contract.
    unsafe {
        if let Some(free) = (*class).tp_free {
            free(wrapper.cast());
        }
    }
}

/// A wrapper's object, for a look that runs no Python code: it is there while this lives.
#[derive(Debug)]
#[must_use = "the object is there only while this value lives"]
pub(crate) struct Glance<'a> {
    object: NonNull<ObjectHeader>,
    _held: refs::Glance<'a>,
}

impl Glance<'_> {
    /// The object, alive as long as the glance (or as somebody else keeps it).
    #[inline]
    pub(crate) fn object(&self) -> NonNull<ObjectHeader> {
        self.object
    }
}

/// A glance at the native object of a wrapper that has one.
///
/// # Errors
///
/// ValueError: it was moved out, or never initialised.
///
/// # Safety
///
/// Attached; a wrapper that the caller keeps alive.
#[inline]
pub(crate) unsafe fn glance<'a>(wrapper: *mut ffi::PyObject) -> Result<Glance<'a>, Raised> {
    // SAFETY: the caller's contract.
    unsafe { glance_if(wrapper).ok_or_else(|| empty(wrapper)) }
}

/// As [`glance`]; `None` for a wrapper without an object.
///
/// # Safety
///
/// As [`glance`].
#[inline(always)]
pub(crate) unsafe fn glance_if<'a>(wrapper: *mut ffi::PyObject) -> Option<Glance<'a>> {
    // SAFETY: the caller's contract.
    let there = unsafe { storage(wrapper) };
    let held = refs::Glance::at(&there.loans)?;
    let object = NonNull::new(there.address())?;
    Some(Glance {
        object,
        _held: held,
    })
}

/// A wrapper's object is lent while this lives: `_move()` refuses, so that the object is there
/// whatever Python code runs.
#[derive(Debug)]
#[must_use = "the loan ends where this value is dropped"]
pub(crate) struct Loan<'a> {
    object: NonNull<ObjectHeader>,
    loans: &'a AtomicU32,
}

impl<'a> Loan<'a> {
    /// Lends it.
    ///
    /// # Errors
    ///
    /// ValueError: it was moved out, or never initialised.
    ///
    /// # Safety
    ///
    /// Attached; a wrapper that the caller keeps alive.
    #[inline]
    pub(crate) unsafe fn of(wrapper: *mut ffi::PyObject) -> Result<Self, Raised> {
        // SAFETY: the caller's contract.
        let there = unsafe { storage(wrapper) };
        if refs::lend(&there.loans) {
            let loans: &'a AtomicU32 = &there.loans;
            if let Some(object) = NonNull::new(there.address()) {
                return Ok(Self { object, loans });
            }
            refs::give_back(loans);
        }
        // SAFETY: as above.
        Err(unsafe { empty(wrapper) })
    }

    /// The object, alive as long as the loan.
    #[inline]
    pub(crate) fn object(&self) -> NonNull<ObjectHeader> {
        self.object
    }

    /// Leaves the loan to whoever calls [`take_back`].
    #[inline]
    pub(crate) fn leave(self) -> NonNull<ObjectHeader> {
        core::mem::ManuallyDrop::new(self).object
    }
}

impl Drop for Loan<'_> {
    #[inline]
    fn drop(&mut self) {
        refs::give_back(self.loans);
    }
}

/// Ends a loan that was [left](Loan::leave).
///
/// # Safety
///
/// There is one, on this wrapper, and the wrapper is alive.
#[inline]
pub(crate) unsafe fn take_back(wrapper: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    refs::give_back(&unsafe { storage(wrapper) }.loans);
}

/// The address of the object of a wrapper that has one, to compare and not to follow.
///
/// # Errors
///
/// ValueError: it was moved out, or never initialised.
///
/// # Safety
///
/// Attached; a live wrapper.
#[inline]
pub(crate) unsafe fn address(wrapper: *mut ffi::PyObject) -> Result<NonNull<ObjectHeader>, Raised> {
    // SAFETY: the caller's contract.
    match NonNull::new(unsafe { storage(wrapper) }.address()) {
        Some(object) => Ok(object),
        // SAFETY: as above.
        None => Err(unsafe { empty(wrapper) }),
    }
}

/// Raises what an empty wrapper answers to every use.
///
/// # Safety
///
/// Attached; a live wrapper.
#[cold]
pub(crate) unsafe fn empty(wrapper: *mut ffi::PyObject) -> Raised {
    // SAFETY: the caller's contract.
    unsafe {
        let name = type_name(wrapper);
        if storage(wrapper).is_moved() {
            raise!(
                Exc::Value,
                "this '{name}' was moved: _move() handed its native object over; fetch the object \
                 again from whoever holds it now"
            )
        } else {
            raise!(
                Exc::Value,
                "this '{name}' has no native object: its __init__ has not run (call \
                 super().__init__(...) in a subclass)"
            )
        }
    }
}

/// The object is built: frozen fields are frozen from here on.
///
/// # Safety
///
/// A live wrapper.
pub(crate) unsafe fn finish(wrapper: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    let there = unsafe { storage(wrapper) };
    if !there.is(state::BUILDING) {
        return;
    }
    there.mark(state::ENDING, true);
    // With a GIL there are none. Acquire: pairs with the Release of each.
    while there.state.load(Ordering::Acquire) >= state::WRITER {
        std::thread::yield_now();
    }
    there.mark(state::BUILDING | state::ENDING, false);
}

/// Raises what a second initialisation answers.
///
/// # Safety
///
/// Attached; a live wrapper.
#[cold]
pub(crate) unsafe fn already_built(wrapper: *mut ffi::PyObject) -> Raised {
    // SAFETY: attached; a live wrapper.
    unsafe {
        let name = type_name(wrapper);
        raise!(
            Exc::Type,
            "this '{name}' is initialised already: __init__ and __setstate__ run once; make a new \
             object instead"
        )
    }
}
