//! A process that forks while other threads are at work.
//!
//! The child has a copy of every lock as it was and none of the threads that would open it. So the locks of
//! the process's two tables of names are taken before a fork, and opened after it on both sides:
//! nobody was in the middle of a change. Only the copy of the code whose table is in force has names.
//!
//! The locks of containers and slots are as many as there are objects, and are not taken: a child finds
//! those shut that a thread had shut in the moment of the fork (`docs/design.md`, hazard 10).

use core::sync::atomic::{AtomicBool, Ordering};

use crate::{functions, type_table};

/// How often a lock is tried. Who holds it needs it for moments, unless it is the very thread that forks,
/// from a signal handler: then the child has to do without the table, and the parent goes on.
const TRIES: u32 = 1 << 20;

static WATCHED: AtomicBool = AtomicBool::new(false);

/// What is held across a fork, by the thread that forks: C's library lets one fork at a time.
static HELD: spin::Mutex<Option<Held>> = spin::Mutex::new(None);

type Held = (Option<functions::Shut>, Option<type_table::Shut>);

unsafe extern "C" {
    fn pthread_atfork(
        prepare: extern "C" fn(),
        parent: extern "C" fn(),
        child: extern "C" fn(),
    ) -> core::ffi::c_int;
}

fn tried<T>(lock: fn() -> Option<T>) -> Option<T> {
    (0..TRIES).find_map(|spins| {
        let held = lock();
        if held.is_none() {
            crate::primitive::relax(spins);
        }
        held
    })
}

extern "C" fn before() {
    *HELD.lock() = Some((tried(functions::hold), tried(type_table::hold)));
}

extern "C" fn in_parent() {
    drop(HELD.lock().take());
}

extern "C" fn in_child() {
    let mut held = HELD.lock();
    if held.as_ref().is_some_and(|(functions, _)| functions.is_some()) {
        // SAFETY: the process is this thread; the lock is held.
        unsafe { functions::forget_readers() };
    }
    drop(held.take());
}

/// From here on forks find the tables whole. Without memory for it they go on as before.
pub(crate) fn watch() {
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: functions of this library, which is never unloaded.
        unsafe { pthread_atfork(before, in_parent, in_child) };
    }
}
