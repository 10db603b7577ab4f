//! What a host is told of each broken library, and that nothing of it stays.
#![allow(unsafe_code)]

use std::path::PathBuf;

use rust_binding::load_library;
use rust_binding::object_core::table::{ABI_MAJOR, ABI_MINOR};
use rust_binding::prelude::*;

/// The test's own build of the library: beside the test itself.
fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let name = format!(
        "{}broken_library{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    test.parent().unwrap().join(name)
}

fn load(mode: &str) -> Result<(), Error> {
    // SAFETY: the one test of this program; no other thread reads the environment.
    unsafe { std::env::set_var("TIEBACK_BROKEN", mode) };
    // SAFETY: this project's own library.
    unsafe { load_library(path()) }
}

/// One test, because the environment belongs to all threads.
#[test]
fn every_way_to_fail_is_named_and_leaves_nothing() {
    let shown = path().display().to_string();
    let next = format!(
        "speaks ABI {}.0, this runtime {ABI_MAJOR}.{ABI_MINOR}",
        ABI_MAJOR + 1
    );
    let newer = format!("speaks ABI {ABI_MAJOR}.{}, this runtime", ABI_MINOR + 1);
    for (mode, kind, words) in [
        ("fail", "ValueError", "the library changed its mind"),
        (
            "panic",
            "PanicError",
            "the library panicked while it registered",
        ),
        ("needs", "ImportError", "'broken.nobody_has_this'"),
        ("taken", "ValueError", "'broken.half' is exported twice"),
        ("type", "ValueError", "another layout"),
        ("major", "ImportError", next.as_str()),
        ("minor", "ImportError", newer.as_str()),
        ("status", "ImportError", "77"),
        ("not_an_error", "RuntimeError", "without an error object"),
    ] {
        let error = load(mode).expect_err(mode);
        assert_eq!(error.kind(), kind, "{mode}: {error}");
        assert!(error.message().contains(words), "{mode}: {error}");
        assert!(!error.message().contains('\n'), "{mode}: {error}");
        assert!(
            Function::get_global("broken.half").is_none(),
            "{mode} left a function"
        );
    }
    assert!(load("major").unwrap_err().message().contains(&shown));

    // A copy of the file is another library to the loader: it has its own statics.
    let copy = std::env::temp_dir().join(format!("tieback-broken-{}", std::process::id()));
    std::fs::copy(path(), &copy).unwrap();
    load("").unwrap();
    assert!(
        Function::get_global("broken.mended")
            .unwrap()
            .call::<bool>(())
            .unwrap()
    );
    load("").unwrap(); // again: nothing happens
    load("fail").unwrap(); // not even then: it is registered
    Function::remove_global("broken.half");

    // SAFETY: as in `load`.
    unsafe { std::env::set_var("TIEBACK_BROKEN", "own_runtime") };
    for _ in 0..2 {
        // SAFETY: this project's own library.
        let error = unsafe { load_library(&copy) }.unwrap_err();
        assert_eq!(error.kind(), "ImportError");
        assert!(
            error.message().contains("already runs its own runtime"),
            "{error}"
        );
        // SAFETY: as in `load`.
        unsafe { std::env::remove_var("TIEBACK_BROKEN") };
    }
    std::fs::remove_file(&copy).unwrap();
    assert!(Function::get_global("broken.half").is_none());
}
