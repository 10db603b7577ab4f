//! A process that forks while other threads are at work.
//!
//! The child has a copy of every lock as it was and none of the threads that would open it. So the locks of
//! the process's two tables of names are taken before a fork, and opened after it on both sides:
//! nobody was in the middle of a change. Only the copy of the code whose table is in force has names.
//!
//! The locks of containers and slots are as many as there are objects, and are not taken: a child finds
//! those shut that a thread had shut in the moment of the fork (`docs/design.md`, hazard 10).

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{functions, type_table};

/// How often a lock is tried. Who holds it needs it for moments, unless it is the very thread that forks,
/// from a signal handler: then the child has to do without the table, and the parent goes on.
const TRIES: u32 = 1 << 20;

static WATCHED: AtomicBool = AtomicBool::new(false);

/// Which thread holds the lock of functions' names across its fork, and which that of types'; 0 is none. Several can
/// fork at the same time (newer C libraries let others go on between two of these functions): then one has it, and
/// the others' children find the table whole as well.
// Relaxed: written by whoever has the lock.
static FUNCTIONS: AtomicUsize = AtomicUsize::new(0);
static TYPES: AtomicUsize = AtomicUsize::new(0);

/// A number that no other living thread has.
fn me() -> usize {
    std::thread_local! {
        static HERE: u8 = const { 0 };
    }
    // Without a destructor: it is there as long as the thread is.
    HERE.with(|here| core::ptr::from_ref(here).addr())
}

unsafe extern "C" {
    fn pthread_atfork(
        prepare: extern "C" fn(),
        parent: extern "C" fn(),
        child: extern "C" fn(),
    ) -> core::ffi::c_int;
}

fn tried(lock: fn() -> bool) -> bool {
    (0..TRIES).any(|spins| {
        let held = lock();
        if !held {
            crate::primitive::relax(spins);
        }
        held
    })
}

extern "C" fn before() {
    if tried(functions::hold) {
        FUNCTIONS.store(me(), Ordering::Relaxed);
    }
    if tried(type_table::hold) {
        TYPES.store(me(), Ordering::Relaxed);
    }
}

extern "C" fn in_parent() {
    if FUNCTIONS.load(Ordering::Relaxed) == me() {
        FUNCTIONS.store(0, Ordering::Relaxed);
        // SAFETY: held by this thread.
        unsafe { functions::let_go() };
    }
    if TYPES.load(Ordering::Relaxed) == me() {
        TYPES.store(0, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { type_table::let_go() };
    }
}

extern "C" fn in_child() {
    if FUNCTIONS.swap(0, Ordering::Relaxed) != 0 {
        // SAFETY: the process is this thread; the lock is held, by it or by one that was about to fork too.
        unsafe {
            functions::forget_readers();
            functions::let_go();
        }
    }
    if TYPES.swap(0, Ordering::Relaxed) != 0 {
        // SAFETY: as above.
        unsafe { type_table::let_go() };
    }
}

/// From here on forks find the tables whole. Without memory for it they go on as before.
pub(crate) fn watch() {
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: functions of this library, which is never unloaded.
        unsafe { pthread_atfork(before, in_parent, in_child) };
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;

    use super::{FUNCTIONS, TYPES, before, in_parent, me};
    use crate::{functions, type_table};

    /// One thread stands before its fork, with both locks; another forks meanwhile, without.
    #[test]
    fn who_forks_beside_another_leaves_it_what_it_holds() {
        let _alone = functions::ALONE.lock();
        let holds = |who: usize| {
            FUNCTIONS.load(Ordering::Relaxed) == who && TYPES.load(Ordering::Relaxed) == who
        };
        before();
        assert!(holds(me()));
        std::thread::spawn(|| {
            before();
            in_parent();
        })
        .join()
        .expect("the other thread has forked");
        assert!(holds(me()) && !functions::is_unlocked() && !type_table::is_unlocked());
        in_parent();
        assert!(holds(0));
    }
}
