//! A second plain library: it holds one value, and has a box that holds others.

#[allow(unsafe_code)]
mod boxes;

use std::sync::{Mutex, PoisonError};

use rust_binding::prelude::*;

static HELD: Mutex<Any> = Mutex::new(Any::NONE);

/// Exchanges what the library holds.
fn put(value: Any) -> Any {
    // No foreign code runs under the lock, so poison says nothing.
    std::mem::replace(
        &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner),
        value,
    )
}

fn held() -> Any {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Calls a function with a value.
fn call(function: Function, value: Any) -> Result<Any, Error> {
    function.call_packed(&[value.view()])
}

rust_binding::export_library!(|exports| {
    boxes::export(exports);
    exports.function("peer_library.put", put);
    exports.function("peer_library.held", held);
    exports.function("peer_library.call", call);
    Ok(())
});
