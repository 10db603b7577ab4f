//! House rules that the compiler does not know, checked over a tree of sources.
//!
//! ```text
//! tree     files in, problems out
//! tokens   Rust text as words, without comments and strings
//! paths    `use` trees and paths, spelled out
//! parse    one file: its `mod` lines, and the paths it names
//! modules  the files of a crate, in the order of their `mod` lines
//! rules    heads, lengths (of tests too), imports, unsafe, unfinished code
//! crates   who may depend on whom, by the Cargo.toml files
//! ```
//!
//! The order of `mod` lines is the layer order: a file uses only modules declared above its own.
//! Nothing here reads the disk: `tests/tidy.rs` hands in the workspace, `tests/rules.rs` and `crates.rs` small trees
//! that break one rule each.

mod tree;

mod tokens;

mod paths;

mod parse;

mod modules;

mod rules;

mod crates;

pub use tree::{Problem, Tree};

/// Everything in `tree` that breaks a rule, by file and line.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = tree::Problems::default();
    let crates = crates::find(tree);
    crates::check(&crates, &mut problems);
    for (file, text) in tree.iter().filter(|(file, _)| !file.ends_with(".toml")) {
        rules::length(file, text, &mut problems);
    }
    for (file, text) in tree.iter().filter(|(file, _)| file.ends_with(".rs")) {
        rules::unfinished(file, text, &mut problems);
        rules::too_new(file, text, &mut problems);
        rules::made_late(file, text, &mut problems);
        if file.starts_with("py-binding/src/py/") {
            rules::not_ready(file, text, &mut problems);
        }
    }
    for one in &crates {
        rules::crate_sources(tree, one.dir(), one.may_name_pyo3(), &mut problems);
    }
    problems.0.sort();
    problems.0.dedup();
    problems.0
}
