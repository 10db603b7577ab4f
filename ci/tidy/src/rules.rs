//! The rules over one crate's sources, and the one over all Rust files.

use std::collections::BTreeSet;

use crate::modules::{ModPath, Modules, is_below};
use crate::parse::parse;
use crate::tokens::{Token, follows, tokens};
use crate::tree::{Problems, Tree};

const LONGEST: usize = 500;

/// A file can be read in one sitting: sources, tests, and the tests in Python.
pub(crate) fn length(file: &str, text: &str, problems: &mut Problems) {
    let lines = text.lines().count();
    if lines > LONGEST {
        let text = format!("{lines} lines, {LONGEST} are the most: make it two files");
        problems.say(file, LONGEST + 1, "length", text);
    }
}

/// Nothing is left for later, skipped, or waited for with a guess.
pub(crate) fn unfinished(file: &str, text: &str, problems: &mut Problems) {
    let tokens = tokens(text);
    let banned: [(&[&str], &str); 3] = [
        (
            &["todo", "!", "("],
            "`todo!`: write it, or return an error that says it is missing",
        ),
        (
            &["unimplemented", "!", "("],
            "`unimplemented!`: write it, or return an error",
        ),
        (
            &["#", "[", "ignore"],
            "`#[ignore]`: a test runs or does not exist",
        ),
    ];
    for (at, token) in tokens.iter().enumerate() {
        for (_, what) in banned
            .iter()
            .filter(|(words, _)| follows(&tokens, at, words))
        {
            problems.say(file, token.line, "unfinished", *what);
        }
    }
    // As a path, so that `use std::thread::{sleep, spawn}` is seen too.
    for path in parse(&tokens).mentions.iter().map(|mention| &mention.path) {
        if path
            .segments
            .ends_with(&["thread".to_owned(), "sleep".to_owned()])
        {
            let text = "`thread::sleep`: wait for the event, not for a time";
            problems.say(file, path.line, "unfinished", text);
        }
    }
}

/// What compiles here and not with the oldest Rust that is promised, and clippy does not know of.
pub(crate) fn too_new(file: &str, text: &str, problems: &mut Problems) {
    let tokens = tokens(text);
    for (at, token) in tokens.iter().enumerate() {
        if follows(&tokens, at, &["=", "format_args", "!"]) {
            let what = "`= format_args!`: what it borrows lives long enough from Rust 1.89 on only; \
                        write it where it is used";
            problems.say(file, token.line, "too new", what);
        }
    }
}

/// What a function refuses is made where that may fail: PyO3 makes it behind its guard against panics, where to have no
/// memory for it is the process's end. At import it may be.
pub(crate) fn made_late(file: &str, text: &str, problems: &mut Problems) {
    if !file.starts_with("py-binding/src/py/") || file.ends_with("/module.rs") {
        return;
    }
    for token in tokens(text).iter().filter(|token| token.text == "new_err") {
        let what = "`new_err`: `refusal!` or `memory_error` of py/raise.rs";
        problems.say(file, token.line, "made late", what);
    }
}

/// What Python calls by name says first that Python code may run: nobody has to know whether this one does.
/// What C calls says so too, or that it only may wait where there is no GIL, or why it does neither.
pub(crate) fn not_ready(file: &str, text: &str, problems: &mut Problems) {
    let tokens = tokens(text);
    for at in 0..tokens.len() {
        let python = follows(&tokens, at, &["#", "[", "pyfunction"]);
        let c = at > 1
            && follows(&tokens, at - 2, &["extern", "\"\"", "fn"])
            && tokens.get(at + 1).is_some_and(|name| name.text != "(");
        if !python && !c {
            continue;
        }
        let mut within = 0;
        let Some(body) = (at..tokens.len()).find(|&at| {
            within += match tokens[at].text {
                "(" | "[" => 1,
                ")" | "]" => -1,
                _ => 0,
            };
            within == 0 && ["{", ";"].contains(&tokens[at].text)
        }) else {
            continue;
        };
        if tokens[body].text == ";" && c {
            continue; // declared here, defined elsewhere
        }
        let begins = |word| {
            let first = ["hang", ":", ":", word, "(", ")", ";"];
            follows(&tokens, past_inner(&tokens, body + 1), &first)
        };
        if python && !begins("ready") {
            let what = "a `#[pyfunction]` begins with `hang::ready();`: see py/hang.rs";
            problems.say(file, tokens[at].line, "not ready", what);
        }
        let next = text.lines().nth(tokens[body].line).unwrap_or_default();
        if c && !begins("ready") && !begins("enter") && !next.trim().starts_with("// Quiet: ") {
            let what = "what C calls begins with `hang::ready();` or `hang::enter();`, or with `// Quiet: ` and \
                        why it may neither run Python code nor wait: see py/hang.rs";
            problems.say(file, tokens[at].line, "not ready", what);
        }
    }
}

/// Past a function with attributes that stands here inside of another.
fn past_inner(tokens: &[Token<'_>], start: usize) -> usize {
    if tokens.get(start).is_none_or(|token| token.text != "#") {
        return start;
    }
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            _ => {}
        }
    }
    start
}

/// Heads, lengths, imports and unsafe code of the crate in `dir`.
pub(crate) fn crate_sources(tree: &Tree, dir: &str, may_name_pyo3: bool, problems: &mut Problems) {
    let src = format!("{dir}/src/");
    let mut reached = BTreeSet::new();
    for root in tree.keys().filter(|file| is_root(file, &src)) {
        let modules = Modules::under(tree, root);
        for (path, module) in &modules.0 {
            reached.insert(module.file.clone());
            if !module.test_only {
                imports(&modules, path, dir == "py-binding", problems);
            }
            unsafe_map(tree, &modules, path, problems);
        }
    }
    for (file, text) in tree {
        if !file.starts_with(&src) || !file.ends_with(".rs") {
            continue;
        }
        if !reached.contains(file) {
            let text = "no `mod` line leads to this file: declare it or delete it";
            problems.say(file, 1, "imports", text);
        }
        one_file(file, text, may_name_pyo3, problems);
    }
}

fn is_root(file: &str, src: &str) -> bool {
    let Some(rest) = file.strip_prefix(src) else {
        return false;
    };
    let binary = rest.strip_prefix("bin/");
    matches!(rest, "lib.rs" | "main.rs")
        || binary.is_some_and(|rest| !rest.contains('/') || rest.ends_with("/main.rs"))
}

/// What is asked of a file by itself.
fn one_file(file: &str, text: &str, may_name_pyo3: bool, problems: &mut Problems) {
    if !text.starts_with("//!") {
        let text = "the file has no `//!` head: let its first line say what it is for";
        problems.say(file, 1, "head", text);
    }
    let tokens = tokens(text);
    for token in tokens.iter().filter(|token| token.text == "pyo3") {
        if file.starts_with("py-binding/src/tie/") {
            let text = "the tie names pyo3: ask for it through the host trait";
            problems.say(file, token.line, "tie", text);
        } else if !may_name_pyo3 {
            let text = "only py-binding, and what depends on it, names pyo3: move this there";
            problems.say(file, token.line, "crates", text);
        }
    }
    for mention in parse(&tokens).mentions {
        if let [first, .., last] = mention.path.segments.as_slice() {
            let parents = mention
                .path
                .segments
                .iter()
                .filter(|name| *name == "super")
                .count();
            if first == "super" && last == "*" && parents + 1 == mention.path.segments.len() {
                let text = "`super::*` hides what is used: name it";
                problems.say(file, mention.path.line, "imports", text);
            }
        }
    }
}

/// A file uses modules declared above its own, and nothing else.
fn imports(modules: &Modules, own: &ModPath, has_tie: bool, problems: &mut Problems) {
    let module = &modules.0[own];
    let starts = |path: &ModPath, name| path.first().is_some_and(|first| first == name);
    for mention in &module.parsed.mentions {
        let Some(target) = modules.target(own, mention) else {
            continue;
        };
        let shown = format!("crate::{}", target.module.join("::"));
        if has_tie && starts(own, "tie") && starts(&target.module, "py") {
            let text = format!("the tie names `{shown}`: ask for it through the host trait");
            problems.say(&module.file, mention.path.line, "tie", text);
            continue;
        }
        if target.module == *own || is_below(&target.module, own) {
            continue;
        }
        if is_below(own, &target.module) {
            // What a lib.rs or mod.rs defines stands above its modules, unless it uses them itself.
            let above = &modules.0[&target.module];
            if let Some(item) = target.item.filter(|_| above.uses_children) {
                let file = &above.file;
                let text = format!(
                    "`{item}` is defined in {file}, which uses its own modules: move `{item}` to a \
                     file of its own, declared above both"
                );
                problems.say(&module.file, mention.path.line, "imports", text);
            }
            continue;
        }
        // The two part at the modules of one folder; those have an order.
        let shared = own
            .iter()
            .zip(&target.module)
            .take_while(|(a, b)| a == b)
            .count();
        let theirs = &modules.0[&target.module[..=shared]];
        if theirs.order > modules.0[&own[..=shared]].order {
            let (file, line) = &theirs.declared_at;
            let text = format!(
                "`{shown}` is declared below this file's module ({file}:{line}): move that `mod` \
                 line up, or what is needed of it into a module above both"
            );
            problems.say(&module.file, mention.path.line, "imports", text);
        }
    }
}

/// The `#[allow(unsafe_code)]` lines say where unsafe code is, all of it and nothing more.
fn unsafe_map(tree: &Tree, modules: &Modules, own: &ModPath, problems: &mut Problems) {
    let module = &modules.0[own];
    let first = |file: &str| tree.get(file).and_then(|text| first_unsafe(&tokens(text)));
    let (declared_in, declared_line) = &module.declared_at;
    if let Some(line) = first(&module.file).filter(|_| !module.allows_unsafe) {
        let text = if own.is_empty() {
            "unsafe code in a root file: move it to a module, under `#[allow(unsafe_code)]`"
                .to_owned()
        } else {
            format!(
                "unsafe code, which {declared_in}:{declared_line} does not allow: put \
                 `#[allow(unsafe_code)]` on that `mod` line, or do without"
            )
        };
        problems.say(&module.file, line, "unsafe", text);
    }
    let mut inside = modules.0.iter().filter(|(path, _)| path.starts_with(own));
    if module.own_allow && !inside.any(|(_, module)| first(&module.file).is_some()) {
        let text = "`#[allow(unsafe_code)]` on a module without unsafe code: take it away";
        problems.say(declared_in, *declared_line, "unsafe", text);
    }
}

/// The line of the first `unsafe` that is more than the type of a function pointer.
fn first_unsafe(tokens: &[Token<'_>]) -> Option<usize> {
    let is_pointer_type = |at: usize| {
        let at = at
            + if follows(tokens, at + 1, &["extern"]) {
                3
            } else {
                1
            };
        follows(tokens, at, &["fn", "("])
    };
    let mut words = tokens.iter().enumerate();
    words
        .find(|(at, token)| token.text == "unsafe" && !is_pointer_type(*at))
        .map(|(_, t)| t.line)
}
