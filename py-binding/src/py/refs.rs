//! How this build of CPython counts, and what its threads may do at the same time. (Builds differ in other ways, too:
//! `passes` and `notes` know their collectors, `immortal` what is not counted.)
//!
//! | | GIL | free-threaded 3.14 and later | free-threaded 3.13 |
//! |---|---|---|---|
//! | take a reference unless the count is 0 | a look at the count | `PyUnstable_TryIncRef` | the shared count, by hand |
//! | make that work on any thread | nothing | `PyUnstable_EnableTryIncRef` | a flag in the shared count, by hand |
//! | bit 63 of a native count, while a thread is attached | its to set | any thread's to set | any thread's to set |
//! | a wrapper's object is in use | counted where Python code may run | always counted | always counted |
//!
//! Without a GIL `__del__` is a case of its own. While it runs the interpreter makes the object its
//! thread's, with one reference and no flag: only that thread can tell that it is alive (for others its
//! count is 0). When it has run the count is 0, still without a flag, and still its thread's.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use object_core::ObjectHeader;
use object_core::refs::{dec_ref, dec_ref_kept};
use pyo3::ffi;

#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    //! With a GIL whoever would bring a count to 0 needs the GIL, which we hold.

    use core::marker::PhantomData;

    use super::{AtomicU32, CLOSED, Ordering, ffi};

    #[inline]
    pub(crate) unsafe fn try_incref(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's contract.
        unsafe {
            if ffi::Py_REFCNT(object) > 0 {
                ffi::Py_INCREF(object);
                true
            } else {
                false
            }
        }
    }

    #[inline]
    pub(crate) unsafe fn arm(_: *mut ffi::PyObject) {}

    #[inline]
    pub(crate) unsafe fn note_thread(_: *mut ffi::PyObject) {}

    #[inline]
    pub(crate) unsafe fn flags(class: *mut ffi::PyTypeObject) -> core::ffi::c_ulong {
        // SAFETY: the caller's contract.
        unsafe { (*class).tp_flags }
    }

    #[inline]
    pub(crate) unsafe fn order(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
        // SAFETY: the caller's contract: it is there as long as we hold the GIL, and then ours.
        unsafe {
            let order = (*class).tp_mro;
            ffi::Py_XINCREF(order);
            order
        }
    }

    #[inline]
    pub(crate) fn lend(loans: &AtomicU32) -> bool {
        loans.store(loans.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        true
    }

    #[inline]
    pub(crate) fn give_back(loans: &AtomicU32) {
        loans.store(loans.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }

    pub(crate) fn close(loans: &AtomicU32) -> bool {
        let unused = loans.load(Ordering::Relaxed) == 0;
        if unused {
            loans.store(CLOSED, Ordering::Relaxed);
        }
        unused
    }

    /// Nothing runs between a glance's beginning and its end, so nothing can move the object.
    #[derive(Debug)]
    pub(crate) struct Glance<'a>(PhantomData<&'a AtomicU32>);

    impl<'a> Glance<'a> {
        #[inline]
        pub(crate) fn at(_: &'a AtomicU32) -> Option<Self> {
            Some(Self(PhantomData))
        }
    }
}

#[cfg(Py_GIL_DISABLED)]
mod imp {
    //! Without one, a count is two: the owning thread's own, and one that all others share, whose
    //! two low bits are flags.

    use core::ptr::null_mut;
    use core::sync::atomic::AtomicPtr;
    #[cfg(not(Py_3_14))]
    use core::sync::atomic::AtomicUsize;

    use super::{AtomicU32, CLOSED, Ordering, ffi};

    #[cfg(Py_3_14)]
    #[inline]
    pub(crate) unsafe fn try_incref(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's contract; it was armed.
        unsafe {
            // The interpreter takes an owner's word for its object being alive, which it is not when
            // `__del__` has run: attributes that go after it must not find it. Relaxed: of an
            // object of this thread's the two only change here; of any other's a count of 0 without
            // a flag is no count to add to.
            let ended = (*object).ob_ref_local.load(Ordering::Relaxed) == 0
                && (*object).ob_ref_shared.load(Ordering::Relaxed) == 0;
            !ended && ffi::PyUnstable_TryIncRef(object) != 0
        }
    }

    #[cfg(Py_3_14)]
    #[inline]
    pub(crate) unsafe fn note_thread(_: *mut ffi::PyObject) {}

    #[cfg(Py_3_14)]
    #[inline]
    pub(crate) unsafe fn arm(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract.
        unsafe { ffi::PyUnstable_EnableTryIncRef(object) };
    }

    /// One shared reference; the low two bits are flags.
    #[cfg(not(Py_3_14))]
    const ONE: isize = 1 << 2;
    /// Somebody may hold the object without owning a reference, so that the count is merged before
    /// it can be found 0 (CPython's "maybe weak references").
    #[cfg(not(Py_3_14))]
    const ARMED: isize = 1;
    /// The owner's own count was 0 and is no more; with nothing shared, the object is dead.
    #[cfg(not(Py_3_14))]
    const MERGED: isize = 3;

    /// What the interpreter does for a thread that does not own the object. That is right for the
    /// owner as well: the count is the sum of the two.
    #[cfg(not(Py_3_14))]
    #[inline]
    pub(crate) unsafe fn try_incref(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the storage is there by the caller's contract.
        let shared = unsafe { &(*object).ob_ref_shared };
        let mut seen = shared.load(Ordering::Relaxed);
        loop {
            // An armed object's owner merges before it lets go, so that 0 without flags is nobody's,
            // but for an owner in `__del__`.
            if seen == 0 || seen == MERGED {
                // SAFETY: as above.
                return seen == 0 && unsafe { incref_own(object) };
            }
            // Acquire: what was done before the reference was shared is seen.
            match shared.compare_exchange_weak(
                seen,
                seen + ONE,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    #[cfg(not(Py_3_14))]
    std::thread_local! {
        /// How the interpreter calls this thread, in objects that are its own; 0 until it is known.
        static THREAD: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
    }

    /// # Safety
    ///
    /// Attached; an object that this thread has made.
    #[cfg(not(Py_3_14))]
    #[inline]
    pub(crate) unsafe fn note_thread(object: *mut ffi::PyObject) {
        // SAFETY: the caller's contract; nobody else has the object.
        THREAD.set(unsafe { owner(object) });
    }

    #[cfg(not(Py_3_14))]
    unsafe fn owner(object: *mut ffi::PyObject) -> usize {
        // SAFETY: the caller's: the storage is there. Other threads may set it: never read plainly.
        unsafe { AtomicUsize::from_ptr(&raw mut (*object).ob_tid) }.load(Ordering::Relaxed)
    }

    /// Takes a reference to an object without shared ones, if it is this thread's and alive. A thread
    /// that does not know its name answers no: then a fresh wrapper is made, and with it the name is
    /// known when the word is looked at again.
    #[cfg(not(Py_3_14))]
    #[cold]
    unsafe fn incref_own(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's: the storage is there.
        unsafe {
            let count = &(*object).ob_ref_local;
            let local = count.load(Ordering::Relaxed);
            if local == 0 || owner(object) != THREAD.get() {
                return false;
            }
            // Relaxed: an owner alone writes this.
            count.store(local + 1, Ordering::Relaxed);
            true
        }
    }

    #[cfg(not(Py_3_14))]
    #[inline]
    pub(crate) unsafe fn arm(object: *mut ffi::PyObject) {
        // SAFETY: alive by the caller's reference.
        let shared = unsafe { &(*object).ob_ref_shared };
        let mut seen = shared.load(Ordering::Relaxed);
        // Any flag will do: queued and merged counts are looked at by everybody.
        while seen & MERGED == 0 {
            // Relaxed: the word that names the object is published after this, with Release.
            match shared.compare_exchange_weak(
                seen,
                seen | ARMED,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    #[inline]
    pub(crate) unsafe fn flags(class: *mut ffi::PyTypeObject) -> core::ffi::c_ulong {
        // SAFETY: the caller's contract. Relaxed: the flags asked for do not change.
        unsafe { (*class).tp_flags.load(Ordering::Relaxed) }
    }

    /// What `type.__mro__` answers, whatever the class's own type makes of that name: the
    /// interpreter's lock is behind it.
    pub(crate) unsafe fn order(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
        static DESCRIPTOR: AtomicPtr<ffi::PyObject> = AtomicPtr::new(null_mut());
        // SAFETY: attached by the caller's contract; the descriptor lives as long as `type`.
        unsafe {
            let mut descriptor = DESCRIPTOR.load(Ordering::Relaxed);
            if descriptor.is_null() {
                let names = ffi::PyType_GetDict(&raw mut ffi::PyType_Type);
                descriptor = ffi::PyDict_GetItemString(names, c"__mro__".as_ptr());
                ffi::Py_XDECREF(names);
                DESCRIPTOR.store(descriptor, Ordering::Relaxed);
            }
            match descriptor.is_null() {
                true => null_mut(),
                false => match (*ffi::Py_TYPE(descriptor)).tp_descr_get {
                    Some(get) => get(descriptor, class.cast(), ffi::Py_TYPE(class.cast()).cast()),
                    None => null_mut(),
                },
            }
        }
    }

    #[inline]
    pub(crate) fn lend(loans: &AtomicU32) -> bool {
        // Acquire: pairs with the AcqRel of closing, so that either we are seen or we see it.
        if loans.fetch_add(1, Ordering::Acquire) & CLOSED == 0 {
            return true;
        }
        give_back(loans);
        false
    }

    #[inline]
    pub(crate) fn give_back(loans: &AtomicU32) {
        // Release: what was done to the object happens before it is moved on.
        loans.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn close(loans: &AtomicU32) -> bool {
        // A glance of another thread's ends in a moment; a call that runs does not.
        for _ in 0..256 {
            // Acquire: pairs with the Release of giving back. Release: see `lend`.
            match loans.compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) if now & CLOSED != 0 => return false,
                Err(_) => core::hint::spin_loop(),
            }
        }
        false
    }

    /// Another thread may move the object at any time: a glance is a loan.
    #[derive(Debug)]
    pub(crate) struct Glance<'a>(&'a AtomicU32);

    impl<'a> Glance<'a> {
        #[inline]
        pub(crate) fn at(loans: &'a AtomicU32) -> Option<Self> {
            // Not `then_some`: a glance that was not lent must not be given back.
            if lend(loans) { Some(Self(loans)) } else { None }
        }
    }

    impl Drop for Glance<'_> {
        #[inline]
        fn drop(&mut self) {
            give_back(self.0);
        }
    }
}

/// The loans of a wrapper: how many calls use its object now. This bit: it was moved out, and is
/// lent no more.
const CLOSED: u32 = 1 << 31;

pub(crate) use imp::Glance;

/// Nobody else touches Python's side while this thread runs no Python code.
pub(crate) const QUIET: bool = cfg!(not(Py_GIL_DISABLED));

/// Gives a native reference back of an object that a live wrapper keeps.
///
/// # Safety
///
/// Attached; the caller owns a strong reference, does not use it afterwards, and has a reference to the wrapper.
#[inline]
pub(crate) unsafe fn dec_kept(object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract. Bit 63 is set by attached threads, which alone are none where this one is.
    unsafe {
        if QUIET {
            dec_ref_kept(object);
        } else {
            dec_ref(object);
        }
    }
}

/// Takes a reference unless the count is 0 (the object's teardown is under way).
///
/// # Safety
///
/// Attached; the object's storage is there, and it was [armed](arm) since it was last made or revived.
#[inline]
pub(crate) unsafe fn try_incref(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { imp::try_incref(object) }
}

/// Makes [`try_incref`] work on any thread, until the object dies.
///
/// # Safety
///
/// Attached; the caller owns a reference to the object.
#[inline]
pub(crate) unsafe fn arm(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    unsafe { imp::arm(object) };
}

/// Tells [`try_incref`] which objects are this thread's own.
///
/// # Safety
///
/// Attached; an object that this thread has made just now.
#[inline]
pub(crate) unsafe fn note_thread(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    unsafe { imp::note_thread(object) };
}

/// Lets other threads go on, detached meanwhile.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn pause() {
    // SAFETY: attached; restored at once.
    unsafe {
        let thread = ffi::PyEval_SaveThread();
        std::thread::yield_now();
        ffi::PyEval_RestoreThread(thread);
    }
}

/// Notes one more use of a wrapper's object; false if it was moved out. Builds with a GIL leave it to
/// the caller to look at the handle.
#[inline]
#[must_use]
pub(crate) fn lend(loans: &AtomicU32) -> bool {
    imp::lend(loans)
}

/// Notes the end of a use.
#[inline]
pub(crate) fn give_back(loans: &AtomicU32) {
    imp::give_back(loans);
}

/// From here on the object is not lent; false if it is in use, or was moved before.
#[must_use]
pub(crate) fn close(loans: &AtomicU32) -> bool {
    imp::close(loans)
}

/// Whether it was moved out.
#[inline]
pub(crate) fn is_closed(loans: &AtomicU32) -> bool {
    loans.load(Ordering::Acquire) & CLOSED != 0
}

/// The class and those above it in the order in which Python looks attributes up: a tuple, owned by the
/// caller, or null. Other threads may give the class another one.
///
/// # Safety
///
/// Attached; a live class.
#[inline]
pub(crate) unsafe fn order(class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract.
    unsafe { imp::order(class) }
}

/// Whether the collector follows objects of this class.
///
/// # Safety
///
/// A live class.
#[inline]
pub(crate) unsafe fn is_collected(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { flags(class) & ffi::Py_TPFLAGS_HAVE_GC != 0 }
}

/// The flags of a class.
///
/// # Safety
///
/// A live class.
#[inline]
pub(crate) unsafe fn flags(class: *mut ffi::PyTypeObject) -> core::ffi::c_ulong {
    // SAFETY: the caller's contract.
    unsafe { imp::flags(class) }
}

/// The class's version, which changes when its attributes do; 0 if it has none.
///
/// # Safety
///
/// A live class.
#[inline]
pub(crate) unsafe fn version(class: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: the caller's contract. Other threads may set it: never read it plainly.
    unsafe { AtomicU32::from_ptr(&raw mut (*class).tp_version_tag) }.load(Ordering::Acquire)
}
