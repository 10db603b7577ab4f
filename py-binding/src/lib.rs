//! The Python frontend of Tieback: one stable Python face for each native object.
//!
//! - `tie`: which wrapper shows an object, and when its storage comes and goes. Pure code over a
//!   host trait; start reading at its banner.
//! - `py` (feature `python`): CPython as that host, the classes, the conversions, and the extension
//!   module `tieback._core`.

#![deny(unsafe_code)]

pub mod tie;

#[cfg(all(feature = "python", not(loom)))]
#[allow(unsafe_code)]
pub mod py;
