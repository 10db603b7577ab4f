//! I/O ports, and what is behind the three that matter: the serial line, and the way out of QEMU.

use core::arch::asm;

/// # Safety
///
/// The device behind the port may be told `value` now.
pub(crate) unsafe fn write(port: u16, value: u8) {
    // SAFETY: the caller's contract; no memory is touched.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags));
    }
}

/// # Safety
///
/// Reading the port has no effect that matters now.
pub(crate) unsafe fn read(port: u16) -> u8 {
    let value;
    // SAFETY: the caller's contract; no memory is touched.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags));
    }
    value
}

const COM1: u16 = 0x3F8;

/// Sends one byte down the serial line.
pub(crate) fn send(byte: u8) {
    // SAFETY: the line's status has no side effect, and its data port takes any byte once the
    // transmitter is empty.
    unsafe {
        while read(COM1 + 5) & 0x20 == 0 {}
        write(COM1, byte);
    }
}

/// Ends QEMU by isa-debug-exit; its exit code is `code * 2 + 1`.
pub(crate) fn leave(code: u8) -> ! {
    loop {
        // SAFETY: the device's only function; without it, the processor stops for good.
        unsafe {
            write(0xF4, code);
            asm!("cli", "hlt", options(nomem, nostack));
        }
    }
}
