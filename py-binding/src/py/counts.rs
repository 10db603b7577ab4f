//! What `tieback.stats()` says: exact once nobody is at work, and nearly free while somebody is.
//!
//! Each thread adds to a line of its own, by a load and a store; `stats` adds the lines up. A thread is
//! known by where its thread-local storage lies: when it has ended, whoever is given the same storage goes
//! on with the line. Threads whose line is another's share one, by locked additions.

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use crate::py::refs::QUIET;

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    /// Tied objects that live, of any frontend.
    Objects,
    /// Wrapper storage there is, alive or kept.
    Wrappers,
    /// Of it, kept for objects whose wrapper died.
    Kept,
}

const COUNTS: usize = 3;
/// A power of two.
pub(crate) const LINES: usize = 64;

/// # Invariants
///
/// Only the thread `owner` writes the counts; 0 is nobody's yet. (Of [`ATTACHED`] whoever holds the GIL.)
#[repr(align(64))]
struct Line {
    owner: AtomicUsize,
    counts: [AtomicIsize; COUNTS],
}

impl Line {
    const fn new() -> Self {
        Self {
            owner: AtomicUsize::new(0),
            counts: [const { AtomicIsize::new(0) }; COUNTS],
        }
    }
}

/// With a GIL: of what is counted with it held. `owner` is nobody's.
static ATTACHED: Line = Line::new();
static OWN: [Line; LINES] = [const { Line::new() }; LINES];
static SHARED: Line = Line::new();

/// What threads without any storage of their own are called: it is nobody's line.
const ENDING: usize = 1;

/// A number that no other living thread has and that is not 0; or [`ENDING`].
#[inline(always)]
fn thread() -> usize {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        let address: usize;
        // SAFETY: the ABI of this platform keeps the thread's address at the beginning of its storage.
        unsafe {
            core::arch::asm!(
                "mov {}, fs:[0]",
                out(reg) address,
                options(nostack, preserves_flags, readonly, pure)
            );
        }
        address
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        std::thread_local! {
            static HERE: u8 = const { 0 };
        }
        HERE.try_with(|here| core::ptr::from_ref(here).addr())
            .unwrap_or(ENDING)
    }
}

/// Counts so many more, on an attached thread: cheaper than [`add`] where that means that no other thread
/// counts so.
#[inline(always)]
pub(crate) fn add_attached(what: Count, by: isize) {
    if QUIET {
        // Relaxed: the GIL orders those who come here.
        add_own(&ATTACHED, what, by);
    } else {
        add(what, by);
    }
}

/// The number of this thread's own line, if it has one: below [`LINES`], and no other living thread's.
#[inline(always)]
pub(crate) fn own() -> Option<usize> {
    let me = thread();
    (OWN[line(me)].owner.load(Ordering::Relaxed) == me).then_some(line(me))
}

/// Which line a thread has or may get.
#[inline(always)]
fn line(me: usize) -> usize {
    me.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize) >> (usize::BITS - LINES.ilog2())
}

/// Counts so many more, on the thread whose own line has this number.
#[inline(always)]
pub(crate) fn add_to(own: usize, what: Count, by: isize) {
    add_own(&OWN[own], what, by);
}

/// Counts so many more, on any thread.
#[inline(always)]
pub(crate) fn add(what: Count, by: isize) {
    // Relaxed, also below: a line of this thread's own is seen by it alone, and a sum is exact when those
    // who counted are through, by whatever orders that.
    match own() {
        Some(own) => add_to(own, what, by),
        None => add_first(what, by),
    }
}

#[inline(always)]
fn add_own(line: &Line, what: Count, by: isize) {
    let count = &line.counts[what as usize];
    count.store(
        count.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}

#[cold]
#[inline(never)]
fn add_first(what: Count, by: isize) {
    let me = thread();
    let line = &OWN[line(me)];
    let free = me != ENDING
        && line
            .owner
            .compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
    if free {
        // INVARIANT: ours from here on.
        add_own(line, what, by);
    } else {
        SHARED.counts[what as usize].fetch_add(by, Ordering::Relaxed);
    }
}

/// How many there are now.
pub(crate) fn sum(what: Count) -> isize {
    OWN.iter()
        .chain([&SHARED, &ATTACHED])
        .map(|line| line.counts[what as usize].load(Ordering::Relaxed))
        .fold(0, isize::wrapping_add)
}

/// Wrappers there are whose class keeps state of its own. (Both with the interpreter held, and seldom.)
pub(crate) static STATEFUL: AtomicIsize = AtomicIsize::new(0);
/// Wrappers owned by their objects, which others hold.
pub(crate) static OWNED: AtomicIsize = AtomicIsize::new(0);
