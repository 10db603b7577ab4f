//! Loading libraries.

use std::path::Path;

use object_core::Error;

/// Loads the Tieback library at `path` into this process and lets it register what it exports.
/// Loading it again does nothing. It stays loaded as long as the process: deleters of its objects
/// live in it.
///
/// ```no_run
/// use rust_binding::prelude::*;
///
/// // SAFETY: a library that this project builds.
/// unsafe { rust_binding::load_library("target/debug/libcrate_graph.so") }?;
/// let load = Function::get_global("crate_graph.load").unwrap();
/// let graph = load.call::<ObjectRef>(("Cargo.lock",))?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// `OSError` if it is not there or is no shared library; `ImportError` if it is no Tieback library,
/// speaks another ABI version or already runs its own runtime; what its registration raised. Then it
/// has registered no function.
///
/// # Safety
///
/// This cannot be a safe function: the file's initialisers run with all the rights of this process,
/// and nobody can check that its `tieback_library_init` is what the name promises. Load only files
/// you trust, built for this platform.
pub unsafe fn load_library(path: impl AsRef<Path>) -> Result<(), Error> {
    // SAFETY: the caller's contract.
    unsafe { object_core::load_library(path.as_ref()) }
}
