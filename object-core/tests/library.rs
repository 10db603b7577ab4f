//! Files that are no libraries of ours. (What loading one does is tested where libraries are made.)

#![cfg(all(not(loom), feature = "std"))]
#![allow(unsafe_code)]

use std::path::Path;

use object_core::{Error, load_library};

fn refusal(path: &Path) -> Error {
    // SAFETY: none of the files of this test runs code when it is loaded.
    unsafe { load_library(path) }.unwrap_err()
}

#[test]
fn a_file_that_is_missing_or_no_library_is_an_os_error() {
    let missing = Path::new("surely/not/there.so");
    let error = refusal(missing);
    assert_eq!(
        error.to_string(),
        "OSError: library 'surely/not/there.so' does not exist"
    );
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = refusal(&text);
    assert_eq!(error.kind(), "OSError");
    assert!(
        error.message().contains("cannot be loaded as a library"),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_of_somebody_else_is_an_import_error() {
    // Whatever this program itself is linked with.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let Some(library) = paths.find(|path| path.contains("/libc.")) else {
        return;
    }; // static
    let error = refusal(Path::new(library));
    assert_eq!(error.kind(), "ImportError");
    assert!(
        error
            .message()
            .contains("does not export 'tieback_library_init'"),
        "{error}"
    );
}
