//! The library's side of the handshake: what stands behind `tieback_library_init`.
//!
//! ```text
//! reply := our version -> table fits? -> adopt it -> collect, check, commit (once)
//!                         no: REFUSED    no: OWN_RUNTIME   no: FAILED and the error
//! ```
//!
//! Nothing of object-core that would settle this copy for its own runtime is touched before the
//! table is adopted.

use std::mem::size_of;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use object_core::table::{ABI_MAJOR, ABI_MINOR, LibraryReply, RuntimeTable, library_status};
use object_core::{AdoptError, Any, Error, adopt, check_table};

use crate::exports::{Exports, register};

/// Whether this library has registered itself.
#[derive(Debug)]
pub struct Registration {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not yet, or the last attempt failed and left nothing behind.
    Not,
    /// This thread is at it.
    Running(ThreadId),
    Done,
}

impl Registration {
    /// Of a library that was just loaded.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: Mutex::new(State::Not),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The lock is never held while foreign code runs, so poison says nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` unless it has succeeded before; a thread that comes meanwhile waits.
    fn once(&self, act: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let this_thread = thread::current().id();
        let mut state = self.lock();
        loop {
            match *state {
                State::Done => return Ok(()),
                State::Running(thread) if thread == this_thread => {
                    return Err(Error::new(
                        "ImportError",
                        "the library loads itself while it registers",
                    ));
                }
                State::Running(_) => {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                State::Not => break,
            }
        }
        *state = State::Running(this_thread);
        drop(state);
        let outcome = act(); // catches panics, so the state below is always reached
        *self.lock() = if outcome.is_ok() {
            State::Done
        } else {
            State::Not
        };
        self.changed.notify_all();
        outcome
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers the handshake.
///
/// # Safety
///
/// `table` is null or a runtime table that lives as long as the process; `reply` is null or a
/// [`LibraryReply`] of the size it says.
pub unsafe fn init(
    table: *const RuntimeTable,
    reply: *mut LibraryReply,
    registration: &Registration,
    collect: impl FnOnce(&mut Exports) -> Result<(), Error>,
) -> i32 {
    // SAFETY: the size is the first word of every version's reply.
    if table.is_null() || reply.is_null() || unsafe { (*reply).size } < 8 {
        return library_status::REFUSED;
    }
    // SAFETY: the versions lie in the first 8 bytes.
    unsafe {
        (*reply).major = ABI_MAJOR;
        (*reply).minor = ABI_MINOR;
    }
    // SAFETY: the caller's contract; the reply's size as above.
    let fits = unsafe {
        check_table(table).is_ok() && (*reply).size as usize >= size_of::<LibraryReply>()
    };
    if !fits {
        return library_status::REFUSED;
    }
    // SAFETY: the caller's contract.
    match unsafe { adopt(table) } {
        Ok(()) => {}
        Err(AdoptError::Settled) => return library_status::OWN_RUNTIME,
        Err(_) => return library_status::REFUSED,
    }
    match registration.once(|| register(collect)) {
        Ok(()) => library_status::OK,
        Err(error) => {
            // SAFETY: as large as ours, checked above; what the loader put there owns nothing.
            unsafe { (&raw mut (*reply).error).write(Any::into_raw(error.into())) };
            library_status::FAILED
        }
    }
}

/// Exports this crate as a Tieback library: generates its one C symbol, `tieback_library_init`.
///
/// The closure collects into an [`Exports`](crate::Exports). Only when it returned `Ok` are the names
/// checked and everything registered; an error or a panic leaves nothing behind and is raised where
/// the library was loaded. Loading a library again does nothing.
///
/// ```
/// rust_binding::export_library!(|exports| {
///     let log = exports.require("log.write").ok(); // what it needs, before what it gives
///     exports.function("doc.ready", move || log.is_some());
///     Ok(())
/// });
/// # fn main() {}
/// ```
///
/// Once a crate, and not in two crates that are linked into one binary: the symbol has one name.
#[macro_export]
macro_rules! export_library {
    ($collect:expr $(,)?) => {
        const _: () = {
            /// The handshake; see `docs/abi.md`.
            ///
            /// # Safety
            ///
            /// As `LibraryInit` in object-core's `table` says.
            #[allow(unsafe_code, unreachable_pub)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn tieback_library_init(
                table: *const $crate::support::RuntimeTable,
                reply: *mut $crate::support::LibraryReply,
            ) -> i32 {
                static REGISTRATION: $crate::support::Registration =
                    $crate::support::Registration::new();
                // SAFETY: the loader keeps the contract of `LibraryInit`, which is init's.
                unsafe { $crate::support::init(table, reply, &REGISTRATION, $collect) }
            }
        };
    };
}
