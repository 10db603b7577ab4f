//! The library's graph, by names alone: this application was not built with the library.

use rust_binding::prelude::*;

/// Loads the library, and the lock file with it.
pub(crate) fn load_graph(library: &str, lock_file: &str) -> Result<ObjectRef, Error> {
    // SAFETY: the user says that the file is to be run; loading it again does nothing.
    unsafe { rust_binding::load_library(library) }?;
    let load = Function::get_global("crate_graph.load").ok_or_else(|| {
        Error::new(
            "ImportError",
            "the library exports no crate_graph.load: give the one of examples/crate-graph",
        )
    })?;
    load.call((lock_file,))
}

/// All its packages.
pub(crate) fn packages(graph: &ObjectRef) -> Result<Vec<ObjectRef>, Error> {
    let packages: Array = graph.field("packages")?;
    packages
        .iter()
        .map(|package| Ok(package.get::<ObjectRef>()?))
        .collect()
}
