//! Small trees, and what is found in them.

use tidy::{Tree, check};

/// A tree of these files; every crate in it gets a manifest if it has none.
pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree: Tree = files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    let dirs: Vec<String> = tree
        .keys()
        .filter_map(|file| Some(file.split_once("/src/")?.0.to_owned()))
        .collect();
    for dir in dirs {
        let name = dir.rsplit('/').next().unwrap_or_default();
        let manifest = format!("[package]\nname = \"{name}\"\n");
        tree.entry(format!("{dir}/Cargo.toml")).or_insert(manifest);
    }
    tree
}

/// What is found in these files, as `file:line rule`.
pub(crate) fn found(files: &[(&str, &str)]) -> Vec<String> {
    let problems = check(&tree(files));
    problems
        .iter()
        .map(|p| format!("{}:{} {}", p.file, p.line, p.rule))
        .collect()
}

pub(crate) const NONE: [String; 0] = [];
