//! The public functions that can run out of memory, read from the sources.

use std::fs;
use std::path::Path;

/// What such a function answers; or its name begins with `try_`.
const ERRORS: [&str; 7] = [
    "NewError",
    "PlaceError<",
    "AllocError>",
    "RegisterError>",
    "NoMemory>",
    " CastError>",
    " Error>",
];

/// `Type::function`, or `function` if it stands alone, for all of alloc-header and object-core.
pub(crate) fn fallible() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    for sources in [here.join("src"), here.join("../alloc-header/src")] {
        for file in fs::read_dir(sources).unwrap() {
            read(
                &fs::read_to_string(file.unwrap().path()).unwrap(),
                &mut names,
            );
        }
    }
    names.sort();
    names.dedup();
    names
}

fn read(source: &str, names: &mut Vec<String>) {
    let mut owner = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        if code.starts_with("impl") || code.starts_with("unsafe impl") {
            owner = owner_of(code);
        } else if line == "}" {
            owner.clear();
        }
        let Some((_, after)) = code.split_once("fn ").filter(|_| code.starts_with("pub ")) else {
            continue;
        };
        let name = after.split(['<', '(']).next().unwrap();
        // The signature ends where the body, or a `where`, begins.
        let mut signature = after.to_string();
        while !signature.contains(['{', ';']) && !signature.contains("where") {
            signature.push_str(lines.next().expect("a function's body"));
        }
        let answer = signature.rsplit_once("->").map_or("", |(_, answer)| answer);
        let fails = ERRORS.iter().any(|error| answer.contains(error));
        if fails || name.starts_with("try_") {
            let colons = if owner.is_empty() { "" } else { "::" };
            names.push(format!("{owner}{colons}{name}"));
        }
    }
}

/// The type of `impl<...> Trait for Type<...> {`.
fn owner_of(code: &str) -> String {
    let mut depth = 0;
    let flat: String = code
        .chars()
        .filter(|&c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0 && c != '>'
        })
        .collect();
    let words = flat
        .split_whitespace()
        .filter(|word| !word.starts_with('{'));
    words
        .take_while(|word| *word != "where")
        .last()
        .unwrap_or("")
        .to_string()
}
