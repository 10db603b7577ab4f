//! An application that has set its allocator, and made objects, before Python is there.

use std::ptr::null;

use rust_binding::object_core::runtime;
use rust_binding::prelude::*;
use rust_binding::register;
use rust_binding::support::RuntimeTable;

use crate::choice::use_backing;
use crate::collect;
use crate::things::Thing;

fn begin() -> Result<(), Error> {
    use_backing("general")?;
    let early = Thing::named("made before Python was there", Any::NONE);
    register(|exports| {
        collect(exports);
        exports.function("backings.early", move || early.clone());
        Ok(())
    })
}

/// The application's runtime, mimalloc in force; null if something went wrong.
#[unsafe(no_mangle)]
extern "C" fn backings_early() -> *const RuntimeTable {
    match begin() {
        Ok(()) => runtime(),
        Err(_) => null(),
    }
}
