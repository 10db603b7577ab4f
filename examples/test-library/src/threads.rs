//! Calls and references on Rust threads, and functions that wait with the interpreter released.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rust_binding::prelude::*;

static THREADS: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
static STOP: AtomicBool = AtomicBool::new(false);
static GATE: Mutex<bool> = Mutex::new(false);
static GATE_MOVED: Condvar = Condvar::new();

fn panicked() -> Error {
    Error::new("RuntimeError", "a thread of test_library panicked")
}

/// Starts a thread that `join_threads` waits for.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) {
    THREADS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(thread::spawn(work));
}

/// Waits for the threads that were started; how many there were.
fn join_threads() -> Result<usize, Error> {
    let threads = std::mem::take(&mut *THREADS.lock().unwrap_or_else(PoisonError::into_inner));
    let count = threads.len();
    let outcomes: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
    if outcomes.iter().all(Result::is_ok) {
        Ok(count)
    } else {
        Err(panicked())
    }
}

/// Calls `f(argument)` on a thread of its own and waits for it.
fn call_on_thread(function: Function, argument: Any) -> Result<Any, Error> {
    thread::spawn(move || function.call((argument,)))
        .join()
        .unwrap_or_else(|_| Err(panicked()))
}

/// Calls `f(0)`, `f(1)`, ... on as many threads at once; their results in order, or the first error.
fn call_on_threads(function: Function, count: u32) -> Result<Vec<Any>, Error> {
    let barrier = Barrier::new(count as usize);
    thread::scope(|scope| {
        let (function, barrier) = (&function, &barrier);
        let threads: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    function.call::<Any>((number,))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err(panicked())))
            .collect()
    })
}

/// Waits until the gate is open; false if it is not after that many milliseconds.
fn wait_gate(milliseconds: u32) -> bool {
    let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = Duration::from_millis(milliseconds.into());
    let waited = GATE_MOVED.wait_timeout_while(gate, wait, |open| !*open);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

fn move_gate(open: bool) {
    *GATE.lock().unwrap_or_else(PoisonError::into_inner) = open;
    GATE_MOVED.notify_all();
}

/// On a detached thread: calls `f()` until it fails or `stop` is called.
fn call_until_stopped(function: Function) {
    STOP.store(false, Ordering::Relaxed);
    thread::spawn(move || {
        while !STOP.load(Ordering::Relaxed) && function.call::<Any>(()).is_ok() {
            thread::yield_now();
        }
    });
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .function_releasing_interpreter("test_library.join_threads", join_threads)
        .function_releasing_interpreter("test_library.call_on_thread", call_on_thread)
        .function_releasing_interpreter("test_library.call_on_threads", call_on_threads)
        .function_releasing_interpreter("test_library.wait_gate", wait_gate)
        .function("test_library.open_gate", || move_gate(true))
        .function("test_library.close_gate", || move_gate(false))
        .function("test_library.call_until_stopped", call_until_stopped)
        .function("test_library.stop", || STOP.store(true, Ordering::Relaxed));
}
