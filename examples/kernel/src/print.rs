//! Printing on the serial line.

use core::fmt::{self, Write};

use crate::port::send;

struct Line;

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(send);
        Ok(())
    }
}

/// Behind [`say!`].
pub(crate) fn print(text: fmt::Arguments<'_>) {
    // The line takes everything.
    let _ = Line.write_fmt(text);
    send(b'\n');
}

/// Prints one line.
macro_rules! say {
    ($($text:tt)*) => { $crate::print::print(format_args!($($text)*)) };
}
pub(crate) use say;
