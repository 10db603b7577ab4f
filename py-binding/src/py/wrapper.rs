//! A wrapper's storage.
//!
//! ```text
//!  [ collector's words, if the class is collected ]
//!  [ Python count | class | handle | loans | state ]      32 bytes; 48 without a GIL
//!  [ subclasses' own: dict, slots, weak references ]
//! ```

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use object_core::ObjectHeader;
use pyo3::ffi;

use crate::py::counts::{self, Count};
use crate::py::hang;
use crate::py::raise::{Exc, Raised, no_memory, raise, type_name};
use crate::py::refs::{self, is_collected};
use crate::tie::Wrapper;

/// The Python object that shows a native one.
#[repr(C)]
pub(crate) struct WrapperObject {
    pub(crate) ob_base: ffi::PyObject,
    /// I3: null, or a live object this wrapper owns one reference to. On the deferred list: the link.
    pub(crate) handle: AtomicPtr<ObjectHeader>,
    /// How many native calls use the object right now, and whether it was moved: see [`refs::lend`].
    pub(crate) loans: AtomicU32,
    /// [`state`].
    pub(crate) state: AtomicU32,
}

/// Bits of [`WrapperObject::state`].
pub(crate) mod state {
    /// The object is still being made: frozen fields can be set.
    pub(crate) const BUILDING: u32 = 2;
    /// A constructor is about to bind the wrapper.
    pub(crate) const CLAIMED: u32 = 4;
    /// Building is about to end: nobody begins to write a frozen field.
    pub(crate) const ENDING: u32 = 8;
    /// One thread that writes a frozen field; the bits from here on count them.
    pub(crate) const WRITER: u32 = 16;
}

impl WrapperObject {
    /// The native object's address; null if there is none. To compare and to show, not to follow:
    /// another thread may move the object.
    #[inline]
    pub(crate) fn address(&self) -> *mut ObjectHeader {
        // Acquire: pairs with the Release of `set_handle`.
        self.handle.load(Ordering::Acquire)
    }

    /// Whether `_move()` handed the object over.
    #[inline]
    pub(crate) fn is_moved(&self) -> bool {
        refs::is_closed(&self.loans)
    }

    /// Whether all of these bits of [`state`] are set.
    #[inline]
    pub(crate) fn is(&self, bits: u32) -> bool {
        self.state.load(Ordering::Acquire) & bits == bits
    }

    /// Sets or clears bits of [`state`]; whether any was set before.
    pub(crate) fn mark(&self, bits: u32, on: bool) -> bool {
        let old = if on {
            self.state.fetch_or(bits, Ordering::AcqRel)
        } else {
            self.state.fetch_and(!bits, Ordering::AcqRel)
        };
        old & bits != 0
    }

    /// Begins to write a frozen field; `None` if the object is built.
    #[inline]
    pub(crate) fn write(&self) -> Option<Writing<'_>> {
        // AcqRel: either the end of building sees us and waits, or we see it.
        let old = self.state.fetch_add(state::WRITER, Ordering::AcqRel);
        let writing = Writing(self);
        if old & (state::BUILDING | state::ENDING) == state::BUILDING {
            Some(writing)
        } else {
            None
        }
    }
}

/// A frozen field of an object that is being built is written while this lives: a few instructions
/// that run no Python code, which whoever ends the building waits for. So who sees that an object is
/// built reads its frozen fields without a lock.
#[must_use = "building may end where this value is dropped"]
pub(crate) struct Writing<'a>(&'a WrapperObject);

impl Drop for Writing<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: what was written happens before the end of building.
        self.0.state.fetch_sub(state::WRITER, Ordering::Release);
    }
}

const _: () = assert!(size_of::<WrapperObject>() == size_of::<ffi::PyObject>() + 8 + 8);

/// The size of a wrapper that has nothing but the wrapper's own words.
pub(crate) const PLAIN_SIZE: isize = size_of::<WrapperObject>() as isize;

/// A wrapper by its Python object.
#[inline]
pub(crate) fn as_wrapper(object: *mut ffi::PyObject) -> Wrapper {
    debug_assert!(!object.is_null());
    // SAFETY: slots and doors are never handed NULL.
    unsafe { NonNull::new_unchecked(object.cast::<c_void>()) }
}

/// The storage of a wrapper.
///
/// # Safety
///
/// `wrapper` is a wrapper, and its storage is there for `'a`.
#[inline]
pub(crate) unsafe fn storage<'a>(wrapper: *mut ffi::PyObject) -> &'a WrapperObject {
    // SAFETY: the caller's contract.
    unsafe { &*wrapper.cast::<WrapperObject>() }
}

/// New storage of a class: Python count 1, no handle. NULL with MemoryError.
///
/// # Safety
///
/// Attached; `class` is a live subclass of the wrapper base. May run the collector.
#[inline]
pub(crate) unsafe fn allocate(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    // SAFETY: the class is alive; plain classes free with PyObject_Free, which this pairs with; the
    // others allocate themselves.
    unsafe {
        if is_collected(class) || (*class).tp_basicsize != PLAIN_SIZE {
            hang::ready(); // the allocation may run the collector
            let object = match (*class).tp_alloc {
                Some(alloc) => alloc(class, 0),
                None => no_memory().null(),
            };
            if !object.is_null() {
                counts::add(Count::Wrappers, 1);
            }
            return object;
        }
        let object = ffi::PyObject_Malloc(PLAIN_SIZE as usize).cast::<ffi::PyObject>();
        if object.is_null() {
            return no_memory().null();
        }
        counts::add(Count::Wrappers, 1);
        ffi::PyObject_Init(object, class);
        let wrapper = object.cast::<WrapperObject>();
        (&raw mut (*wrapper).handle).write(AtomicPtr::new(null_mut()));
        (&raw mut (*wrapper).loans).write(AtomicU32::new(0));
        (&raw mut (*wrapper).state).write(AtomicU32::new(0));
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
        counts::add(Count::Wrappers, -1);
        let class = ffi::Py_TYPE(wrapper);
        if let Some(free) = (*class).tp_free {
            free(wrapper.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// Whether instances of the class carry no state of Python's: no dict, no slots of their own, no
/// weak references, no finalizer. Function wrappers' one extra word is the binding's own.
///
/// # Safety
///
/// A live subclass of the wrapper base.
#[inline]
pub(crate) unsafe fn is_stateless(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the caller's contract.
    let (class, flags) = unsafe { (&*class, refs::flags(class)) };
    (class.tp_basicsize == PLAIN_SIZE || flags & ffi::Py_TPFLAGS_HAVE_VECTORCALL != 0)
        && class.tp_dictoffset == 0
        && class.tp_weaklistoffset == 0
        && class.tp_finalize.is_none()
        && class.tp_del.is_none()
        && flags & MANAGED == 0
}

/// Dict or weak references that the interpreter manages in front of the object (3.11, 3.12 on).
const MANAGED: core::ffi::c_ulong = (1 << 3) | (1 << 4);

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
