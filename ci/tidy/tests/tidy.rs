//! The workspace keeps the house rules.

use std::fs;
use std::path::Path;

use tidy::{Tree, check};

/// Adds the Rust files, Python tests and manifests under `folder` to the tree; build output and hidden folders
/// are not sources.
fn collect(root: &Path, folder: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry of a folder").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            // fuzz/src is test code in a workspace of its own: clippy and fmt look at it, the test below
            // at its files' heads and lengths; its programs are laid out as suits each target.
            let fuzz = name == "fuzz" && folder == root;
            let skipped = name.starts_with(['.', '_']) || name.starts_with("target") || fuzz;
            if !skipped && !path.join("pyvenv.cfg").exists() {
                collect(root, &path, tree);
            }
        } else if name.ends_with(".rs")
            || name == "Cargo.toml"
            || (name.ends_with(".py") && path.components().any(|part| part.as_os_str() == "tests"))
        {
            let text = fs::read_to_string(&path).expect("a text file");
            let inside = path.strip_prefix(root).expect("a file below the root");
            tree.insert(inside.to_string_lossy().replace('\\', "/"), text);
        }
    }
}

#[test]
fn the_workspace_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tree = Tree::new();
    collect(&root, &root, &mut tree);
    for file in [
        "alloc-header/src/lib.rs",
        "object-core/src/lib.rs",
        "ci/tidy/Cargo.toml",
    ] {
        assert!(
            tree.contains_key(file),
            "{file} was not found: the check looks in the wrong place"
        );
    }
    let problems = check(&tree);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} rules are broken:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn the_fuzzers_files_have_heads_and_are_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tree = Tree::new();
    collect(&root, &root.join("fuzz"), &mut tree);
    assert!(tree.contains_key("fuzz/src/lib.rs"));
    let problems: Vec<String> = check(&tree)
        .iter()
        .map(ToString::to_string)
        .filter(|problem| problem.contains(": length: ") || problem.contains(": head: "))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
