//! What is held across a fork, so that the child finds it whole: the queue of what is to be settled, and where the
//! interpreter does not see to it itself its list of threads.

use core::ffi::c_ulong;
use core::sync::atomic::{AtomicUsize, Ordering};

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

/// Which thread has the queue for its fork; 0 is none. Several can fork at the same time: newer C libraries let others go
/// on between two of the functions below. Then one has it, and the others' children find it whole as well.
// Relaxed, all of these: written by whoever has what they tell of.
static QUEUE: AtomicUsize = AtomicUsize::new(0);
/// Which has the lock of [`first_state`], from here on.
static STATES: AtomicUsize = AtomicUsize::new(0);
/// Which has it since the interpreter announced a fork,
static EARLY: AtomicUsize = AtomicUsize::new(0);
/// and how many such announcements ago: one hook may fork while another fork's hooks run.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

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
    if EARLY.load(Ordering::Relaxed) == me() {
        DEPTH.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the caller's contract.
    } else if unsafe { first_state::hold_early() } {
        DEPTH.store(1, Ordering::Relaxed);
        EARLY.store(me(), Ordering::Relaxed);
    }
}

/// It has, or could not: in the parent.
pub(crate) fn is_over() {
    if EARLY.load(Ordering::Relaxed) == me() && DEPTH.fetch_sub(1, Ordering::Relaxed) == 1 {
        EARLY.store(0, Ordering::Relaxed);
        first_state::let_go();
    }
}

extern "C" fn before() {
    // Quiet: nothing of Python's is touched.
    if EARLY.load(Ordering::Relaxed) != me() && first_state::hold() {
        STATES.store(me(), Ordering::Relaxed);
    }
    if share::hold_queue() {
        QUEUE.store(me(), Ordering::Relaxed);
    }
}

extern "C" fn in_parent() {
    // Quiet: nothing of Python's is touched.
    if QUEUE.load(Ordering::Relaxed) == me() {
        QUEUE.store(0, Ordering::Relaxed);
        share::let_go_queue();
    }
    if STATES.load(Ordering::Relaxed) == me() {
        STATES.store(0, Ordering::Relaxed);
        first_state::let_go();
    }
}

extern "C" fn in_child() {
    // Quiet: nothing of Python's is touched.
    if QUEUE.swap(0, Ordering::Relaxed) != 0 {
        share::let_go_queue();
    }
    STATES.store(0, Ordering::Relaxed);
    EARLY.store(0, Ordering::Relaxed);
    first_state::let_go();
}

/// From here on forks are watched; once, at import.
pub(crate) fn watch() {
    // SAFETY: functions of this library, which is never unloaded. Without memory forks go on as before.
    unsafe { pthread_atfork(before, in_parent, in_child) };
}
