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
//! with the GIL, but for a fork that the interpreter has not announced, and that only for a moment: by then who has the
//! lock waits for the GIL, if anybody, and not inside of the interpreter's locks.
//!
//! Nor does anybody wait for ever: between the announcement and the fork other hooks run, which may themselves wait for
//! a thread that attaches. Who waited in vain goes the interpreter's own way, at its risk, and has those who come
//! later not wait at all.

#[cfg(all(unix, not(Py_3_12)))]
mod imp {
    use core::sync::atomic::{AtomicU8, Ordering};
    use std::time::{Duration, Instant};

    use pyo3::ffi;

    pub(crate) const NEEDED: bool = true;

    /// Who has the lock.
    static LOCK: AtomicU8 = AtomicU8::new(NOBODY);
    const NOBODY: u8 = 0;
    /// A thread that makes a state, in microseconds.
    const MAKES: u8 = 1;
    /// One that makes or frees a state, and may wait for the GIL.
    const TRACED: u8 = 2;
    /// One that forks.
    const FORKS: u8 = 3;
    /// The same, and somebody has waited for it in vain.
    const IN_VAIN: u8 = 4;

    /// As long as a fork may take.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// Until who is at work stands where it waits for the GIL.
    const MOMENT: Duration = Duration::from_micros(500);

    /// Answers who has it.
    fn try_lock(who: u8) -> Result<(), u8> {
        // Acquire: pairs with the Release of whoever gave it back.
        let (done, failed) = (Ordering::Acquire, Ordering::Relaxed);
        LOCK.compare_exchange(NOBODY, who, done, failed).map(|_| ())
    }

    /// For as long as `patience` says of who has it, which may change.
    fn wait(who: u8, patience: fn(u8) -> Duration) -> Result<(), u8> {
        let mut began = None;
        loop {
            let Err(has) = try_lock(who) else {
                return Ok(());
            };
            if began.get_or_insert_with(Instant::now).elapsed() >= patience(has) {
                return Err(has);
            }
            std::thread::yield_now();
        }
    }

    /// Without the GIL.
    fn lock(who: u8) -> bool {
        let patience = |has| {
            if has == IN_VAIN {
                Duration::ZERO
            } else {
                PATIENCE
            }
        };
        let waited = wait(who, patience);
        if waited == Err(FORKS) {
            // Relaxed, whether it comes about or not: nothing is handed over.
            let (done, failed) = (Ordering::Relaxed, Ordering::Relaxed);
            let _ = LOCK.compare_exchange(FORKS, IN_VAIN, done, failed);
        }
        waited.is_ok()
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

    /// # Safety
    ///
    /// Attached.
    unsafe fn lock_attached(who: u8) -> bool {
        if try_lock(who).is_ok() {
            return true;
        }
        // SAFETY: the caller's contract; attached again at once.
        unsafe {
            let state = ffi::PyEval_SaveThread();
            let held = lock(who);
            ffi::PyEval_RestoreThread(state);
            held
        }
    }

    pub(crate) unsafe fn make(home: *mut ffi::PyInterpreterState) -> bool {
        if !lock(if is_traced() { TRACED } else { MAKES }) {
            return false;
        }
        // SAFETY: the caller's contract; the thread has no state, so this becomes its own.
        let state = unsafe { ffi::PyThreadState_New(home) };
        let_go();
        !state.is_null()
    }

    pub(crate) unsafe fn end() {
        // SAFETY: the caller's contract: this thread's state, which nobody uses any more; it is attached until the
        // last of these, which takes it off the list, lets the GIL go, and frees it.
        unsafe {
            ffi::PyThreadState_Clear(ffi::PyThreadState_Get());
            let held = is_traced() && lock_attached(TRACED);
            ffi::PyThreadState_DeleteCurrent();
            if held {
                let_go();
            }
        }
    }

    pub(crate) fn hold() -> bool {
        wait(FORKS, |has| if has == MAKES { PATIENCE } else { MOMENT }).is_ok()
    }

    pub(crate) unsafe fn hold_early() -> bool {
        // SAFETY: the caller's contract.
        is_traced() && unsafe { lock_attached(FORKS) }
    }

    pub(crate) fn let_go() {
        // Release: what was done under it is seen by whoever takes it next.
        LOCK.store(NOBODY, Ordering::Release);
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

    pub(crate) unsafe fn hold_early() -> bool {
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

/// [`hold`] where a fork is announced and others may still run, so that it does come about. False: it did not, or
/// [`hold`] is as good.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn hold_early() -> bool {
    // SAFETY: the caller's contract.
    unsafe { imp::hold_early() }
}

/// After a fork: in the parent if [`hold`] came about, in the child whether it did or not, as nobody else is there
/// to give it back.
pub(crate) fn let_go() {
    // Quiet: nothing of Python's is touched.
    imp::let_go();
}
