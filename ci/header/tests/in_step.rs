//! The header in the tree is the one that the Rust definitions make.

use header::{header_path, make_header};

#[test]
fn the_header_in_the_tree_is_what_the_definitions_make() {
    let made = make_header().unwrap();
    let there = std::fs::read_to_string(header_path()).unwrap_or_default();
    let differs = made
        .lines()
        .zip(there.lines())
        .enumerate()
        .find(|(_, (made, there))| made != there);
    if let Some((at, (made, there))) = differs {
        panic!(
            "include/tieback.h is out of step at line {}: run `cargo run -p header`\nmade:  {made}\n\
             there: {there}",
            at + 1
        );
    }
    assert_eq!(
        made, there,
        "include/tieback.h is out of step: run `cargo run -p header`"
    );
}
