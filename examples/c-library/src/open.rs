//! Loading: the one thing that is not safe, because a library can do anything.

use rust_binding::prelude::*;

/// Loads the library that the program was told to.
pub(crate) fn library(path: &str) -> Result<(), Error> {
    // SAFETY: the library of this folder, or one that whoever runs this program trusts.
    unsafe { rust_binding::load_library(path) }
}
