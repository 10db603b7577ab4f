//! Compiling C for a test.
#![allow(dead_code)] // no test uses all of it

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the folder's Makefile; the folder with the libraries.
pub(crate) fn make(name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let made = Command::new("make")
        .args(["-s", "-C", env!("CARGO_MANIFEST_DIR")])
        .arg(format!("OUT={}", out.display()))
        .output()
        .expect("make is needed (Debian: apt install make)");
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() && told.is_empty(), "{told}");
    out
}

/// A library's file.
pub(crate) fn library(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("lib{name}{}", std::env::consts::DLL_SUFFIX))
}

/// Whether the Makefile found a C++ compiler; says so if not.
pub(crate) fn has_cpp(folder: &Path) -> bool {
    let made = library(folder, "cpp_library").exists();
    if !made {
        eprintln!("SKIPPED the library as C++17: no C++ compiler");
    }
    made
}

/// Compiles a C file of `tests/` as a library, with flags.
pub(crate) fn compile(source: &str, name: &str, flags: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = library(Path::new(env!("CARGO_TARGET_TMPDIR")), name);
    let made = Command::new("cc")
        .args([
            "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-I",
        ])
        .arg(root.join("../../include"))
        .args(flags)
        .arg("-o")
        .arg(&out)
        .arg(root.join("tests").join(source))
        .output()
        .expect("a C compiler is needed (Debian: apt install gcc)");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    out
}
