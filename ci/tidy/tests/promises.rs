//! `docs/promises.md` and `docs/comparison.md` name tests that are there.

use std::fs;
use std::path::Path;

/// The code spans of a line that name a test: `file::name`, or `file::Class::name`.
fn tests_of(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains("::"))
}

/// What is wrong with `file::name` or `file::Class::name`.
fn problem(root: &Path, test: &str) -> Option<String> {
    let mut parts = test.split("::");
    let file = parts.next().unwrap_or_default();
    let folder = if file.contains('/') {
        ""
    } else {
        "py-binding/tests/py"
    };
    let Ok(text) = fs::read_to_string(root.join(folder).join(file)) else {
        return Some(format!("{test}: there is no file {file}"));
    };
    // A method stands behind its class.
    let mut behind = text.as_str();
    for name in parts {
        let heads = ["fn ", "def ", "class "].map(|word| format!("{word}{name}"));
        let found = heads
            .iter()
            .filter_map(|head| {
                let mut places = behind.match_indices(head.as_str());
                let is_whole = |at: usize| behind[at + head.len()..].starts_with(['(', ':', '<']);
                places.find(|(at, _)| is_whole(*at))
            })
            .min();
        let Some((at, head)) = found else {
            return Some(format!("{test}: there is no {name} in {file}"));
        };
        behind = &behind[at + head.len()..];
    }
    None
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/promises.md")).expect("the page");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let problems: Vec<String> = rows
        .iter()
        .flat_map(|row| tests_of(row))
        .filter_map(|test| problem(&root, test))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // Every invariant and every hazard of the design has its row, with a test in it.
    let invariants = (1..=7).map(|number| format!("| I{number} "));
    for row in invariants.chain((1..=11).map(|number| format!("| {number} "))) {
        let tests = rows
            .iter()
            .filter(|line| line.starts_with(&row))
            .flat_map(|line| tests_of(line));
        assert!(tests.count() > 0, "no test for '{row}'");
    }
}

#[test]
fn every_promise_that_is_compared_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/comparison.md")).expect("the page");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 10, "the table is gone");
    for row in &rows[1..] {
        let tests: Vec<&str> = tests_of(row).collect();
        assert!(!tests.is_empty(), "no test in '{row}'");
        let problems: Vec<String> = tests
            .iter()
            .filter_map(|test| problem(&root, test))
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = |test| problem(&root, test);
    assert_eq!(named("test_tie.py::TestI1"), None);
    assert_eq!(
        named("test_tie.py::TestI1::test_dropped_while_others_hold"),
        None
    );
    for gone in [
        "test_tie.py::TestI",
        "test_tie.py::TestI7::test_dropped_while_others_hold",
        "test_gone.py::TestI1",
        "ci/tidy/tests/promises.rs::every_test",
    ] {
        assert!(named(gone).is_some(), "{gone}");
    }
}
