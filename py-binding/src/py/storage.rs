//! A wrapper's storage.
//!
//! ```text
//!  [ collector's words, if the class is collected ]
//!  [ Python count | class | handle | loans | state ]      32 bytes; 48 without a GIL
//!  [ subclasses' own: dict, slots, weak references ]
//! ```

use core::ffi::c_void;
use core::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use object_core::ObjectHeader;
use pyo3::ffi;

use crate::py::refs;
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
    /// Its object is to own it while others hold the object; there is room for that on the queue. So it is for
    /// wrappers with [`STATEFUL`] all their life, and for others while they are [`OWNED`].
    pub(crate) const SHARES: u32 = 1;
    /// The object is still being made: frozen fields can be set.
    pub(crate) const BUILDING: u32 = 2;
    /// A constructor is about to bind the wrapper.
    pub(crate) const CLAIMED: u32 = 4;
    /// Building is about to end: nobody begins to write a frozen field.
    pub(crate) const ENDING: u32 = 8;
    /// The object owns one Python reference to the wrapper.
    pub(crate) const OWNED: u32 = 16;
    /// The object took that reference when the last other one had gone already.
    pub(crate) const RESCUED: u32 = 32;
    /// `__del__` has run.
    pub(crate) const FINALIZED: u32 = 64;
    /// Its class had state of its own when it was made.
    pub(crate) const STATEFUL: u32 = 128;
    /// The lowest of eleven bits: in which of the collector's passes that subtract it was looked at; 0 when the
    /// collector is through with it.
    pub(crate) const PASS: u32 = 1 << 8;
    /// All eleven.
    pub(crate) const PASSES: u32 = DOOMED - PASS;
    /// The collector found it dead also when its finalizers had run, and is about to take it apart, or has:
    /// weak references say that it is gone.
    pub(crate) const DOOMED: u32 = 1 << 19;
    /// Its storage is among those that a trim looks through, for as long as there is storage.
    pub(crate) const LISTED: u32 = 1 << 20;
    /// One thread that writes a frozen field; the bits from here on count them.
    pub(crate) const WRITER: u32 = 1 << 21;
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

    /// Notes in which of the collector's passes that subtract it is looked at; false if it was in this one
    /// already. Passes are told apart as long as there are not 2047 between two: that is all the collector does
    /// between this and [`forget_pass`](Self::forget_pass).
    pub(crate) fn note_pass(&self, pass: u32) -> bool {
        // Never 0, which new wrappers have.
        let now = (pass % (state::PASSES / state::PASS) + 1) * state::PASS;
        let old = self.state.load(Ordering::Relaxed) & state::PASSES;
        // Attached, and so the only one who writes these bits; others may count in those above.
        self.state.fetch_xor(old ^ now, Ordering::Relaxed);
        old != now
    }

    /// A pass that subtracts comes by. One that did before, and has not heard of the wrapper since, is of the
    /// same collection, which has called finalizers since (true): then it is doomed, unless it is
    /// [reached](Self::forget_pass) now.
    pub(crate) fn judge(&self) -> bool {
        let now = self.state.load(Ordering::Relaxed);
        let again = now & state::PASSES != 0;
        // Relaxed: as above.
        if again {
            self.state.fetch_or(state::DOOMED, Ordering::Relaxed);
        } else if now & state::DOOMED != 0 {
            // It outlived that.
            self.state.fetch_and(!state::DOOMED, Ordering::Relaxed);
        }
        again
    }

    /// The collector is through with it: reached.
    #[inline]
    pub(crate) fn forget_pass(&self) {
        self.forget(state::PASSES | state::DOOMED);
    }

    /// The collector is through with it: cleared.
    pub(crate) fn forget_pass_of_dead(&self) {
        self.forget(state::PASSES);
    }

    #[inline]
    fn forget(&self, bits: u32) {
        if self.state.load(Ordering::Relaxed) & bits != 0 {
            // Relaxed: as above.
            self.state.fetch_and(!bits, Ordering::Relaxed);
        }
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
    // Where there is no room but for the wrapper's own words, nothing else can lie in it.
    let room = class.tp_basicsize != PLAIN_SIZE
        && (flags & ffi::Py_TPFLAGS_HAVE_VECTORCALL == 0
            || class.tp_dictoffset != 0
            || class.tp_weaklistoffset != 0);
    !room && flags & MANAGED == 0 && class.tp_finalize.is_none() && class.tp_del.is_none()
}

/// Dict or weak references that the interpreter manages in front of the object (3.11, 3.12 on).
const MANAGED: core::ffi::c_ulong = (1 << 3) | (1 << 4);
