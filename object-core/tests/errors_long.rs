//! A long row of errors. In a file, and so a process, of its own: without std the one drop scope of a
//! process also puts off what other tests count.

#![cfg(all(not(loom), feature = "default-backing", feature = "infallible"))]

use object_core::Error;

/// Printing, like dropping, goes along the causes without nesting.
#[test]
fn a_long_row_of_causes_is_printed_and_dropped_on_a_small_stack() {
    const LENGTH: usize = 20_000;
    let work = || {
        // Opened first, and so closed last: after the error was dropped.
        let _scope = object_core::DropScope::open();
        let mut error = Error::new("E", "m");
        for _ in 1..LENGTH {
            error = Error::try_with("E", "m", Some(error), None).unwrap();
        }
        format!("{error:?}")
    };
    let thread = std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(work)
        .unwrap();
    assert_eq!(thread.join().unwrap().matches("E: m").count(), LENGTH);
}
