//! The timer's interrupt: the old timer chip, through the old interrupt controller.

use core::arch::asm;

use crate::port::write;
use crate::vectors::LINES;

/// Interrupts a second that are asked for. (The emulator may deliver fewer.)
pub(crate) const RATE: u32 = 5000;

/// Switches the timer's interrupt on.
///
/// # Safety
///
/// The vectors are installed.
pub(crate) unsafe fn start() {
    let divisor = (1_193_182 / RATE) as u16;
    // SAFETY: the controllers' set-up as their data sheet has it: lines from `LINES` on, all masked
    // but the timer's; then the timer's channel 0 as a rate generator.
    unsafe {
        for (port, value) in [
            (0x20, 0x11),
            (0xA0, 0x11),
            (0x21, LINES as u8),
            (0xA1, LINES as u8 + 8),
            (0x21, 4),
            (0xA1, 2),
            (0x21, 1),
            (0xA1, 1),
            (0x21, 0xFE),
            (0xA1, 0xFF),
            (0x43, 0x34),
            (0x40, divisor as u8),
            (0x40, (divisor >> 8) as u8),
        ] {
            write(port, value);
        }
        asm!("sti", options(nostack));
    }
}

/// Switches all interrupts off.
pub(crate) fn stop() {
    // SAFETY: nobody waits for one.
    unsafe { asm!("cli", options(nostack)) };
}
