//! A lock that an interrupt handler may take too: interrupts are off while it is held.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value that one piece of code at a time may use, be it a handler.
pub(crate) struct MaskedLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only while `taken` is ours; it moves between contexts, so `Send`.
unsafe impl<T: Send> Sync for MaskedLock<T> {}

impl<T> MaskedLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `f` with the value, interrupts off. One core: whoever finds it taken would wait for ever
    /// (it is a trap that cannot be masked, or `f` itself), so that ends the kernel.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let flags = mask();
        assert!(
            !self.taken.swap(true, Ordering::Acquire),
            "this lock is held by the code that was interrupted"
        );
        // SAFETY: `taken` was false and is ours.
        let result = f(unsafe { &mut *self.value.get() });
        self.taken.store(false, Ordering::Release);
        restore(flags);
        result
    }
}

/// Switches interrupts off and returns the flags before.
fn mask() -> u64 {
    let flags;
    // SAFETY: the stack is balanced; interrupts come back by `restore`.
    unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
    flags
}

fn restore(flags: u64) {
    if flags & 0x200 != 0 {
        // SAFETY: interrupts were on before `mask`.
        unsafe { asm!("sti", options(nostack)) };
    }
}
