//! What is held across a fork, so that the child finds it whole: the queue of what is to be settled, and where the
//! interpreter does not see to it itself its list of threads.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::py::first_state;
use crate::py::share;

unsafe extern "C" {
    fn pthread_atfork(
        prepare: extern "C" fn(),
        parent: extern "C" fn(),
        child: extern "C" fn(),
    ) -> core::ffi::c_int;
}

/// The thread that forks has the queue, and may make states: C's library lets one fork at a time.
static QUEUE: AtomicBool = AtomicBool::new(false);
static STATES: AtomicBool = AtomicBool::new(false);

extern "C" fn before() {
    // Quiet: nothing of Python's is touched.
    QUEUE.store(share::hold_queue(), Ordering::Relaxed);
    STATES.store(first_state::hold(), Ordering::Relaxed);
}

extern "C" fn in_parent() {
    // Quiet: nothing of Python's is touched.
    if STATES.swap(false, Ordering::Relaxed) {
        first_state::let_go();
    }
    let_go_queue();
}

extern "C" fn in_child() {
    // Quiet: nothing of Python's is touched.
    STATES.store(false, Ordering::Relaxed);
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
