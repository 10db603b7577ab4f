//! Loading a library into this process's runtime.

use std::path::Path;

use crate::abi::{RawAny};
use crate::table::{ABI_MAJOR, ABI_MINOR, LIBRARY_INIT_SYMBOL, LibraryInit, LibraryReply, library_status};
use crate::errors::Error;
use crate::packed::packed_outcome;
use crate::runtime::runtime;

/// Loads the library at `path` and lets it register what it has. Loading it again does nothing.
///
/// The library stays loaded as long as the process: deleters of its objects live in it.
///
/// # Errors
///
/// `OSError` if it is not there or is no library; `ImportError` if it is no Tieback library, speaks
/// another ABI version or already runs its own runtime; whatever its registration raised. Then it
/// has registered nothing.
///
/// # Safety
///
/// Loading runs the library's initialisers, which can do anything: load only what you trust.
pub unsafe fn load_library(path: &Path) -> Result<(), Error> {
    let shown = path.display();
    if !path.exists() {
        return Err(Error::format("OSError", format_args!("library '{shown}' does not exist")));
    }
    // SAFETY: the caller trusts the library.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
        Error::format("OSError", format_args!("'{shown}' cannot be loaded as a library: {error}"))
    })?;
    // SAFETY: a library that exports this name promises this signature.
    let init = unsafe { library.get::<LibraryInit>(LIBRARY_INIT_SYMBOL) }.map(|init| *init);
    let Ok(init) = init else {
        return Err(Error::format("ImportError", format_args!(
            "'{shown}' is no Tieback library: it does not export 'tieback_library_init' (use \
             export_library! in Rust, or TB_EXPORT_LIBRARY in C)"
        )));
    };
    let mut reply = LibraryReply {
        size: size_of::<LibraryReply>() as u32,
        major: 0,
        minor: 0,
        error: RawAny::NONE,
    };
    // From here on its code may be referred to: never unload it.
    core::mem::forget(library);
    // SAFETY: the table lives as long as the process; the reply is ours for the call.
    let status = unsafe { init(runtime(), &raw mut reply) };
    match status {
        library_status::OK => Ok(()),
        library_status::FAILED => {
            // SAFETY: what the library left in the reply is ours.
            unsafe { packed_outcome(status, reply.error) }.map(drop)
        }
        library_status::REFUSED => Err(Error::format("ImportError", format_args!(
                "'{shown}' speaks ABI {}.{}, this runtime {ABI_MAJOR}.{ABI_MINOR}; {}",
                reply.major,
                reply.minor,
                if reply.major == ABI_MAJOR {
                    "update the host that loads it"
                } else {
                    "rebuild one against the other"
                }
            ),
        )),
        library_status::OWN_RUNTIME => Err(Error::format("ImportError", format_args!(
                "'{shown}' already runs its own runtime; load it before anything else uses its \
                 objects in this process"
            ),
        )),
        other => Err(Error::format("ImportError", format_args!("'{shown}' answered the handshake with {other}, which no version defines"),
        )),
    }
}
