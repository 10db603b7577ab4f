//! A process forks while other threads register and look up: the child, which has none of them, does
//! the same and is not kept waiting.
#![cfg(all(unix, not(loom), feature = "std"))]
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use object_core::{Any, AnyView, Function, type_index_of};

unsafe extern "C" {
    fn fork() -> c_int;
    fn alarm(seconds: u32) -> u32;
    fn _exit(code: c_int) -> !;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
}

/// Both tables of names, changed and read.
fn work(thread: usize, round: usize) {
    let name = format!("fork.{thread}.{}", round % 64);
    let function =
        Function::try_from_packed(|args: &[AnyView<'_>]| Ok(Any::from(args.len() as i64)))
            .expect("room for a function");
    function
        .register_global(&name, true)
        .expect("names are free to be overridden");
    assert!(
        Function::get_global(&name).is_some(),
        "{name} was registered"
    );
    assert_eq!(
        type_index_of("tieback.Error"),
        Some(object_core::type_index::ERROR)
    );
    assert_eq!(type_index_of(&name), None);
}

#[test]
fn the_child_is_not_kept_waiting() {
    let forks = if std::env::var_os("TIEBACK_SMALL").is_some() {
        20
    } else {
        300
    };
    static DONE: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            scope.spawn(move || {
                let mut round = 0;
                while !DONE.load(Ordering::Relaxed) {
                    work(thread, round);
                    round += 1;
                }
            });
        }
        for round in 0..forks {
            // SAFETY: the child uses what this thread may use, and ends without unwinding.
            let child = unsafe { fork() };
            assert!(child >= 0, "no more processes");
            if child == 0 {
                // SAFETY: as above. The signal ends a child that waits for ever.
                unsafe {
                    alarm(20);
                    work(9, round);
                    _exit(0)
                }
            }
            let mut status = -1;
            // SAFETY: our child, and a place for its status.
            let ended = unsafe { waitpid(child, &raw mut status, 0) };
            if status != 0 {
                DONE.store(true, Ordering::Relaxed);
            }
            assert_eq!((ended, status), (child, 0), "the child of round {round}");
        }
        DONE.store(true, Ordering::Relaxed);
    });
}
