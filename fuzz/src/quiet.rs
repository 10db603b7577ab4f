//! Panics that are part of a program: caught, and not printed. All others stop the fuzzer as usual.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What a panic that belongs to the program carries.
pub const EXPECTED: &str = "a panic of the program's";

/// Puts the hook in front of the one that is there (libFuzzer's aborts).
pub fn install() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = info.payload().downcast_ref::<&'static str>() == Some(&EXPECTED);
            if !(expected && QUIET.get()) {
                loud(info);
            }
        }));
    });
}

/// Panics as a program may, inside of [`quietly`].
///
/// # Panics
///
/// Always.
pub fn panic() -> ! {
    std::panic::panic_any(EXPECTED)
}

/// [`panic`] was called, and came out.
#[derive(Debug)]
pub struct Panicked;

/// Runs `f`; [`panic`] says nothing meanwhile.
///
/// # Errors
///
/// It came out of `f`.
pub fn quietly<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    let outer = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    QUIET.set(outer);
    outcome.map_err(|payload| {
        if payload.downcast_ref::<&'static str>() != Some(&EXPECTED) {
            resume_unwind(payload);
        }
        Panicked
    })
}
