//! Who may depend on whom, and who names Python: small trees, one broken rule each.

mod trees;

use trees::{NONE, found};

/// What is found about one crate's dependency on another.
fn depends(own: &str, section: &str, dependency: &str) -> Vec<String> {
    let name = own.rsplit('/').next().unwrap_or_default();
    let manifest =
        format!("[package]\nname = \"{name}\"\n[features]\nd = [\"x\"]\n{section}\n{dependency}\n");
    let mut files = vec![(format!("{own}/Cargo.toml"), manifest)];
    for dir in [
        "alloc-header",
        "object-core",
        "rust-binding",
        "rust-binding/rust-binding-derive",
    ] {
        let name = dir.rsplit('/').next().unwrap_or_default();
        files.push((
            format!("{dir}/Cargo.toml"),
            format!("[package]\nname = \"{name}\"\n"),
        ));
    }
    for dir in ["py-binding", "examples/demo", "fuzz", "ci/tidy"] {
        let name = dir.rsplit('/').next().unwrap_or_default();
        files.push((
            format!("{dir}/Cargo.toml"),
            format!("[package]\nname = \"{name}\"\n"),
        ));
    }
    files.reverse(); // the one under test comes last, and wins
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    found(&files)
}

#[test]
fn crates_depend_downwards() {
    let plain = "[dependencies]";
    for (own, on) in [
        ("object-core", "alloc-header.workspace = true"),
        ("rust-binding", "object-core = { workspace = true }"),
        ("rust-binding", "rust-binding-derive.workspace = true"),
        ("py-binding", "pyo3.workspace = true"),
        ("py-binding", "object-core = { path = \"../object-core\" }"),
        ("examples/demo", "py-binding.workspace = true"),
        ("ci/tidy", "serde = \"1\""),
    ] {
        assert_eq!(depends(own, plain, on), NONE, "{own}: {on}");
    }
    for (own, section, on) in [
        ("alloc-header", plain, "object-core.workspace = true"),
        (
            "alloc-header",
            "[dev-dependencies]",
            "object-core = { path = \"../object-core\" }",
        ),
        (
            "object-core",
            "[target.'cfg(loom)'.dependencies]",
            "py-binding = \"0.1\"",
        ),
        (
            "object-core",
            plain,
            "core2 = { package = \"rust-binding\", version = \"0.1\" }",
        ),
        ("object-core", plain, "fuzz = { path = \"../fuzz\" }"),
        ("rust-binding", plain, "py-binding.workspace = true"),
        ("py-binding", plain, "rust-binding.workspace = true"),
        (
            "py-binding",
            "[build-dependencies]",
            "rust-binding-derive = \"0.1\"",
        ),
        (
            "rust-binding/rust-binding-derive",
            plain,
            "rust-binding.workspace = true",
        ),
        (
            "examples/demo",
            plain,
            "tidy = { path = \"../../ci/tidy\" }",
        ),
        ("object-core", plain, "pyo3.workspace = true"),
        (
            "rust-binding",
            plain,
            "python = { package = \"pyo3-ffi\", version = \"0.28\" }",
        ),
        (
            "examples/demo",
            "[build-dependencies]",
            "pyo3-build-config = \"0.28\"",
        ),
    ] {
        assert_eq!(
            depends(own, section, on),
            [format!("{own}/Cargo.toml:6 crates")],
            "{on}"
        );
    }
    let header = depends(
        "object-core",
        "[dependencies.py-binding]",
        "path = \"../py-binding\"",
    );
    assert_eq!(header, ["object-core/Cargo.toml:5 crates"]);
}

#[test]
fn only_py_binding_names_pyo3() {
    let text = "//! L.\nuse pyo3::ffi; // \"pyo3\"\n";
    assert_eq!(found(&[("py-binding/src/lib.rs", text)]), NONE);
    assert_eq!(
        found(&[("rust-binding/src/lib.rs", text)]),
        ["rust-binding/src/lib.rs:2 crates"]
    );
    assert_eq!(
        found(&[("object-core/src/lib.rs", "//! pyo3\n/// pyo3\nfn f() {}\n")]),
        NONE
    );
}
