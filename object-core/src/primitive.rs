//! core's atomics, or loom's under `--cfg loom`; and how to wait.

pub(crate) use alloc_header::primitive::sync;

/// Waits a moment for another thread: the processor's hint first, then, where there is an operating
/// system, its scheduler.
#[inline]
pub(crate) fn relax(spins: u32) {
    #[cfg(loom)]
    {
        let _ = spins;
        loom::thread::yield_now();
    }
    #[cfg(all(not(loom), feature = "std"))]
    if spins > 64 {
        std::thread::yield_now();
    } else {
        core::hint::spin_loop();
    }
    #[cfg(all(not(loom), not(feature = "std")))]
    {
        let _ = spins;
        core::hint::spin_loop();
    }
}
