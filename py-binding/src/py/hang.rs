//! A thread that the interpreter ends.
//!
//! Before 3.14 a thread that asks for the interpreter once it finalizes is ended where it stands, by
//! `pthread_exit`: a daemon thread in a slot of ours whose conversion runs Python code, a Rust thread
//! in the middle of a callback. With glibc that unwinds through every frame below, ours and the
//! libraries', which own references and catch panics; Rust aborts the process over it. From 3.14 on
//! CPython lets the thread hang instead, and so do we: before a thread first runs Python code from a
//! frame of Rust, [`ready`] registers what `pthread_exit` calls before it unwinds anything, and that
//! never returns. The process ends around it.
//!
//! The registration is glibc's oldest, `_pthread_cleanup_push`: a handler runs when the unwinding leaves the
//! frame that its buffer lies in. Ours lie in no frame, so that the first look finds them left. Other C
//! libraries run handlers without any unwinding, and their threads end without touching our frames.
//!
//! What calls [`ready`]: whatever may run Python code or wait for the interpreter, and every `#[pyfunction]`
//! first of all, whether it does or not. With a GIL the
//! paths that do neither (a live hit, a scalar, an argument lent) do not pay for it; without one, where
//! a thread may have to wait for a lock of the interpreter's anywhere, [`enter`] stands at their heads.
//! ci/tidy asks it of every function that C calls: it begins with one of the two, or says why it is quiet.
//! (pyo3-ffi itself looks after `PyGILState_Ensure` and `PyEval_RestoreThread`.)

#[cfg(all(target_os = "linux", target_env = "gnu", not(Py_3_14)))]
mod imp {
    use core::cell::Cell;
    use core::ffi::{c_int, c_void};
    use core::ptr::null_mut;
    use core::sync::atomic::{AtomicBool, Ordering};

    use pyo3::ffi;

    /// glibc's `struct _pthread_cleanup_buffer`.
    #[repr(C)]
    struct Buffer {
        routine: Option<unsafe extern "C" fn(*mut c_void)>,
        argument: *mut c_void,
        cancel_type: c_int,
        previous: *mut Buffer,
    }

    unsafe extern "C" {
        fn _pthread_cleanup_push(
            buffer: *mut Buffer,
            routine: unsafe extern "C" fn(*mut c_void),
            argument: *mut c_void,
        );
        fn _pthread_cleanup_pop(buffer: *mut Buffer, execute: c_int);
    }

    /// The end of the interpreter has begun.
    static ENDING: AtomicBool = AtomicBool::new(false);

    std::thread_local! {
        /// Whether this thread is registered. Without a destructor: one load.
        static READY: Cell<bool> = const { Cell::new(false) };
        static REGISTERED: Registered = const { Registered(Cell::new(null_mut())) };
    }

    /// # Invariants
    ///
    /// Null, or a buffer from a Box that is on this thread's list.
    struct Registered(Cell<*mut Buffer>);

    impl Drop for Registered {
        fn drop(&mut self) {
            let buffer = self.0.get();
            if !buffer.is_null() {
                // Destructors of other thread locals may still run Python code: they register anew.
                READY.set(false);
                // SAFETY: on this thread's list since `register`; a thread that ends by itself has left
                // every frame that could have put another in front of it. Nobody names it afterwards.
                unsafe {
                    _pthread_cleanup_pop(buffer, 0);
                    drop(Box::from_raw(buffer));
                }
            }
        }
    }

    /// Called by `pthread_exit`, before any frame is unwound. A thread that ends by its own will, with
    /// no state of the interpreter's any more, is let go while there is an interpreter to tell.
    unsafe extern "C" fn exits(_: *mut c_void) {
        // Quiet: this is the end that the others are ready for.
        // Relaxed: set by a thread that held the interpreter, which this one has asked for since.
        // SAFETY: both are callable at any time.
        let ended = ENDING.load(Ordering::Relaxed)
            && unsafe {
                !ffi::PyGILState_GetThisThreadState().is_null() || ffi::Py_IsInitialized() == 0
            };
        if ended {
            loop {
                std::thread::park();
            }
        }
    }

    #[inline]
    pub(crate) fn ready() {
        if !READY.get() {
            register();
        }
    }

    #[cold]
    fn register() {
        READY.set(true);
        let buffer = Box::into_raw(Box::new(Buffer {
            routine: None,
            argument: null_mut(),
            cancel_type: 0,
            previous: null_mut(),
        }));
        // SAFETY: a buffer of this thread's alone, which outlives its place on the list: it is taken off
        // before it is freed, and if that is not to be any more, never freed.
        unsafe { _pthread_cleanup_push(buffer, exits, null_mut()) };
        // INVARIANT: from a Box, on the list.
        let _ = REGISTERED.try_with(|registered| registered.0.set(buffer));
    }

    pub(crate) fn set_ending(ending: bool) {
        ENDING.store(ending, Ordering::Relaxed);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", not(Py_3_14))))]
mod imp {
    #[inline]
    pub(crate) fn ready() {}

    pub(crate) fn set_ending(_: bool) {}
}

/// Python code may run from here on, with frames of Rust below it.
#[inline]
pub(crate) fn ready() {
    imp::ready();
}

/// As [`ready`], at the head of what waits for the interpreter only where there is no GIL.
#[inline]
pub(crate) fn enter() {
    #[cfg(Py_GIL_DISABLED)]
    imp::ready();
}

/// From here on a thread that ends while it has a state of the interpreter's is one that the interpreter ends.
/// (In a forked child the end has not begun.)
pub(crate) fn set_ending(ending: bool) {
    imp::set_ending(ending);
}
