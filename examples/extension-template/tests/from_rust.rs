//! The library as a Rust program sees it: linked, and loaded by its file.

use my_library::Counter;
use rust_binding::prelude::*;

#[test]
fn linked() {
    let counter = Counter::new(5);
    assert_eq!(Counter::add(&counter, 2).unwrap(), 7);
    let error = Counter::add(&counter, -1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ValueError: a counter only grows, got -1"
    );
}

/// What a program does that was built without this crate.
#[test]
fn loaded() {
    let test = std::env::current_exe().unwrap();
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let file = test.with_file_name(format!("{prefix}my_library{suffix}"));
    // SAFETY: this very crate's library.
    unsafe { rust_binding::load_library(file) }.unwrap();
    let count = Function::get_global("my_library.count").unwrap();
    let even = typed("even", |number: i64| number % 2 == 0);
    let counter: ObjectRef = count.call((10, even)).unwrap();
    assert_eq!(ObjectArc::header(&counter).counts().strong(), 1);
    let failing = typed("failing", |_: i64| {
        Err::<bool, _>(Error::new("KeyError", "no"))
    });
    assert_eq!(
        count.call::<Any>((1, failing)).unwrap_err().to_string(),
        "KeyError: no"
    );
}
