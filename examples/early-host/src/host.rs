//! The one symbol, and what it makes.

use std::ptr::null;
use std::sync::Mutex;

use rust_binding::object_core::runtime;
use rust_binding::prelude::*;
use rust_binding::support::RuntimeTable;
use rust_binding::typed;

static KEPT: Mutex<Option<Any>> = Mutex::new(None);

fn keep(value: Any) {
    let old = match KEPT.lock() {
        Ok(mut kept) => kept.replace(value),
        Err(_) => None,
    };
    drop(old); // outside of the lock
}

fn kept() -> Any {
    KEPT.lock()
        .ok()
        .and_then(|kept| kept.clone())
        .unwrap_or(Any::NONE)
}

fn begin() -> Result<(), Error> {
    let inner: Array = [1, 2, 3].into_iter().collect();
    let adder: Any = typed("early_host.adder", |a: i64, b: i64| a.saturating_add(b)).into();
    let error: Any = Error::new("ValueError", "made early").into();
    keep(Any::from(
        [Any::from(inner), adder, error, Any::from("text")]
            .into_iter()
            .collect::<Array>(),
    ));
    typed("early_host.echo", |value: Any| value).register_global("early_host.echo", false)?;
    typed("early_host.make", || [4, 5].into_iter().collect::<Array>())
        .register_global("early_host.make", false)?;
    typed("early_host.kept", kept).register_global("early_host.kept", false)?;
    typed("early_host.keep", keep).register_global("early_host.keep", false)
}

/// The application's runtime, with everything in it; null if something went wrong.
#[unsafe(no_mangle)]
extern "C" fn early_host_runtime() -> *const RuntimeTable {
    match begin() {
        Ok(()) => runtime(),
        Err(_) => null(),
    }
}
