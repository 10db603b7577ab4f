//! One trap after each instruction: the processor's trap flag.

use core::arch::asm;

/// Runs `f`; after each of its instructions the hook of `vectors::at_step` is called (and after the
/// few that switch stepping on and off).
#[inline(never)]
pub(crate) fn stepped<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: the stack is balanced; the trap has a vector, and a stack of its own.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    let result = f();
    // SAFETY: as above.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -257", "popfq") };
    result
}
