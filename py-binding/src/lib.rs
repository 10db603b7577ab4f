//! The Python frontend of Tieback: one stable Python face for each native object.
//!
//! - `tie`: which wrapper shows an object, and when its storage comes and goes. Pure code over a
//!   host trait; start reading at its banner.
//! - `capsule`, `api` (feature `api`): the table that the extension module hands to others, and what an
//!   extension module written in Rust calls. Such a module depends on this crate with
//!   `default-features = false, features = ["api"]`, and never ties anything itself.
//! - `py` (feature `python`): CPython as that host, the classes, the conversions, and the extension
//!   module `tieback._core`.

#![deny(unsafe_code)]

pub mod tie;

#[cfg(all(feature = "api", not(loom)))]
#[allow(unsafe_code)]
pub mod capsule;

#[cfg(all(feature = "api", not(loom)))]
#[allow(unsafe_code)]
pub mod api;

#[cfg(all(feature = "python", not(loom)))]
#[allow(unsafe_code)]
mod py;
