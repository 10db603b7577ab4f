//! The state that the interpreter keeps of a thread, where a thread of somebody else's attaches for the first time:
//! made so that a fork comes before or after it.
//!
//! Every state stands on a list of the interpreter's, under a lock that `PyGILState_Ensure` takes before it has
//! the GIL. CPython 3.11 forks without regard to that, and the child takes the lock first and makes it anew after:
//! if another thread was putting its state on the list just then, the child waits for ever. So such a state is made
//! here, under a lock that a fork takes too. From 3.12 on the interpreter makes its own lock anew first.
//!
//! (It is taken off the list by a thread that holds the GIL, so not while another one forks. But its memory is freed
//! after that, and tracemalloc has a lock of its own.)
//!
//! # Who waits for whom
//!
//! Whoever has our lock may wait for the GIL: where memory is traced, each allocation does. So nobody waits for ours
//! with the GIL, but for a fork that the interpreter does not know of, and that gives up. Nor does anybody wait for ever: what is
//! run before a fork, behind us, may itself wait for a thread that attaches. Who waited in vain goes the interpreter's own
//! way, at its risk.

#[cfg(all(unix, not(Py_3_12)))]
mod imp {
    use core::sync::atomic::{AtomicBool, Ordering};

    use pyo3::ffi;

    pub(crate) const NEEDED: bool = true;

    /// Taken by whoever makes a state, and by whoever forks.
    static MAKING: AtomicBool = AtomicBool::new(false);

    /// How often somebody looks who stands in nobody's way meanwhile: for a second or two.
    const LOOKS: u32 = 1 << 22;
    /// How often who forks with the GIL looks: a state is made in microseconds, unless it waits for that GIL, or is
    /// made by the very thread that forks, in a signal handler. Then the child has to do without.
    const TRIES: u32 = 1 << 20;

    fn try_lock() -> bool {
        // Acquire: pairs with the Release of whoever gave it back.
        let (done, failed) = (Ordering::Acquire, Ordering::Relaxed);
        MAKING.compare_exchange(false, true, done, failed).is_ok()
    }

    fn unlock() {
        // Release: what was done under it is seen by whoever takes it next.
        MAKING.store(false, Ordering::Release);
    }

    fn lock(looks: u32) -> bool {
        (0..looks).any(|_| {
            let held = try_lock();
            if !held {
                std::thread::yield_now();
            }
            held
        })
    }

    unsafe extern "C" {
        /// -2 if nothing is traced. Needs no GIL.
        fn PyTraceMalloc_Untrack(domain: core::ffi::c_uint, address: usize) -> core::ffi::c_int;
    }

    /// Whether tracemalloc is at work.
    fn is_traced() -> bool {
        // SAFETY: nothing is known of that address in a domain that nobody has.
        unsafe { PyTraceMalloc_Untrack(0x7462, 0) != -2 }
    }

    pub(crate) unsafe fn make(home: *mut ffi::PyInterpreterState) -> bool {
        if !lock(LOOKS) {
            return false;
        }
        // SAFETY: the caller's contract; the thread has no state, so this becomes its own.
        let state = unsafe { ffi::PyThreadState_New(home) };
        unlock();
        !state.is_null()
    }

    pub(crate) unsafe fn end() {
        // SAFETY: the caller's contract: this thread's state, which nobody uses any more; it is attached until the
        // last of these, which takes it off the list, lets the GIL go, and frees it.
        unsafe {
            ffi::PyThreadState_Clear(ffi::PyThreadState_Get());
            let held = is_traced() && hold_attached();
            ffi::PyThreadState_DeleteCurrent();
            if held {
                unlock();
            }
        }
    }

    pub(crate) fn hold() -> bool {
        lock(TRIES)
    }

    pub(crate) unsafe fn hold_attached() -> bool {
        if try_lock() {
            return true;
        }
        // SAFETY: the caller's contract; attached again at once.
        unsafe {
            let state = ffi::PyEval_SaveThread();
            let held = lock(LOOKS);
            ffi::PyEval_RestoreThread(state);
            held
        }
    }

    pub(crate) fn let_go() {
        unlock();
    }
}

#[cfg(not(all(unix, not(Py_3_12))))]
mod imp {
    use pyo3::ffi;

    pub(crate) const NEEDED: bool = false;

    pub(crate) unsafe fn make(_: *mut ffi::PyInterpreterState) -> bool {
        false
    }

    pub(crate) unsafe fn end() {}

    pub(crate) fn hold() -> bool {
        false
    }

    pub(crate) unsafe fn hold_attached() -> bool {
        false
    }

    pub(crate) fn let_go() {}
}

/// Makes this thread's state, which counts as one that was there before. False: the interpreter will do so.
///
/// # Safety
///
/// The interpreter is there; the thread has no state of it.
#[inline]
pub(crate) unsafe fn make(home: *mut pyo3::ffi::PyInterpreterState) -> bool {
    // SAFETY: the caller's contract.
    unsafe { imp::make(home) }
}

/// Ends what [`make`] made, and this thread's attachment.
///
/// # Safety
///
/// It made this thread's state; the thread is attached, and uses nothing of Python's afterwards.
#[inline]
pub(crate) unsafe fn end() {
    // SAFETY: the caller's contract.
    unsafe { imp::end() };
}

/// Whether there is anything to hold across a fork.
pub(crate) use imp::NEEDED;

/// Before a fork: nobody is in the middle of [`make`] or [`end`], until [`let_go`] on both sides. False if that did not come
/// about, or there is no need.
pub(crate) fn hold() -> bool {
    // Quiet: nothing of Python's is touched.
    imp::hold()
}

/// [`hold`] for who may let others run meanwhile, so that it does come about.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn hold_attached() -> bool {
    // SAFETY: the caller's contract.
    unsafe { imp::hold_attached() }
}

/// After a fork: in the parent if [`hold`] came about, in the child whether it did or not, as nobody else is there
/// to give it back.
pub(crate) fn let_go() {
    // Quiet: nothing of Python's is touched.
    imp::let_go();
}
