//! What is held across a fork, so that the child finds it whole: the queue of what is to be settled, and where the
//! interpreter does not see to it itself its list of threads.

use core::ffi::c_ulong;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::py::first_state;
use crate::py::share;

unsafe extern "C" {
    fn pthread_atfork(
        prepare: extern "C" fn(),
        parent: extern "C" fn(),
        child: extern "C" fn(),
    ) -> core::ffi::c_int;
    /// PyO3 has it for some versions of CPython only.
    fn PyThread_get_thread_ident() -> c_ulong;
}

/// The thread that forks has the queue: C's library lets one fork at a time.
static QUEUE: AtomicBool = AtomicBool::new(false);
/// The thread that may make states, and is about to fork; 0 is none. Written by the one who may.
static STATES: AtomicUsize = AtomicUsize::new(0);

fn me() -> usize {
    // SAFETY: callable at any time.
    unsafe { PyThread_get_thread_ident() as usize }
}

/// The interpreter is about to fork this process: the place to wait, as others may run meanwhile.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn comes() {
    // SAFETY: the caller's contract.
    if unsafe { first_state::hold_attached() } {
        STATES.store(me(), Ordering::Relaxed);
    }
}

/// It has, or could not: in the parent.
pub(crate) fn is_over() {
    if STATES.load(Ordering::Relaxed) == me() {
        STATES.store(0, Ordering::Relaxed);
        first_state::let_go();
    }
}

extern "C" fn before() {
    // Quiet: nothing of Python's is touched.
    QUEUE.store(share::hold_queue(), Ordering::Relaxed);
    // Not if the interpreter said that this comes.
    if STATES.load(Ordering::Relaxed) != me() && first_state::hold() {
        STATES.store(me(), Ordering::Relaxed);
    }
}

extern "C" fn in_parent() {
    // Quiet: nothing of Python's is touched.
    is_over();
    let_go_queue();
}

extern "C" fn in_child() {
    // Quiet: nothing of Python's is touched.
    STATES.store(0, Ordering::Relaxed);
    first_state::let_go();
    let_go_queue();
}

fn let_go_queue() {
    if QUEUE.swap(false, Ordering::Relaxed) {
        share::let_go_queue();
    }
}

/// From here on forks are watched; once, at import.
pub(crate) fn watch() {
    // SAFETY: functions of this library, which is never unloaded. Without memory forks go on as before.
    unsafe { pthread_atfork(before, in_parent, in_child) };
}
