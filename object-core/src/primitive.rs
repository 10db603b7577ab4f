//! core's atomics, or loom's under `--cfg loom`; and how to wait.

pub(crate) use alloc_header::primitive::sync;

/// Waits a moment for another thread: the processor's hint first, then, where there is an operating
/// system, its scheduler.
#[cfg(not(loom))]
#[inline]
pub(crate) fn relax(spins: u32) {
    #[cfg(feature = "std")]
    if spins > 64 {
        std::thread::yield_now();
        return;
    }
    let _ = spins;
    core::hint::spin_loop();
}

/// Lets another thread of the model go on.
#[cfg(loom)]
pub(crate) fn relax(_: u32) {
    loom::thread::yield_now();
}
