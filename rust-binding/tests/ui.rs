//! What must not compile, and what the compiler says then: `ui/*.rs` and `.stderr`.
//!
//! After a change of words: `TRYBUILD=overwrite cargo test -p rust-binding --test ui`, and read the
//! difference; the compiler lists types that implement a trait, so a new field type changes that list. The
//! compiler's own part of the texts is that of the release CI runs on stable; on another
//! one only the macros' part is compared, which is all that this project says.

use std::process::Command;

/// The release whose words are kept.
const RELEASE: &str = "rustc 1.95.";

#[test]
fn refusals_say_what_to_write_instead() {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    if flags.contains("sanitizer") || std::env::var_os("TIEBACK_SMALL").is_some() {
        println!("SKIPPED what must not compile: this run looks at memory, not at the compiler");
        return;
    }
    let tests = trybuild::TestCases::new();
    for refused in [
        "struct_shape",
        "struct_options",
        "field_types",
        "field_options",
        "defaults",
        "items",
    ] {
        tests.compile_fail(format!("tests/ui/{refused}.rs"));
    }
    tests.compile_fail("tests/ui/methods.rs");
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .expect("rustc is there");
    if !String::from_utf8_lossy(&rustc.stdout).starts_with(RELEASE) {
        println!("SKIPPED the compiler's own words: kept for {RELEASE}x");
        return;
    }
    for refused in [
        "field_unknown_type",
        "field_mut",
        "parents",
        "parent_constructor",
        "method_types",
        "method_values",
        "methods_twice",
        "methods_by_hand",
        "functions",
    ] {
        tests.compile_fail(format!("tests/ui/{refused}.rs"));
    }
}
