//! Each rule catches what it is for, and lets through what is next to it: small trees, one broken
//! rule each.

mod trees;

use tidy::check;
use trees::{NONE, found, tree};

#[test]
fn a_file_begins_with_its_head() {
    assert_eq!(found(&[("a/src/lib.rs", "//! Head.\n")]), NONE);
    assert_eq!(
        found(&[("a/src/lib.rs", "// no head\n//! Head.\n")]),
        ["a/src/lib.rs:1 head"]
    );
    assert_eq!(
        found(&[("a/src/bin/b.rs", "fn main() {}\n")]),
        ["a/src/bin/b.rs:1 head"]
    );
    assert_eq!(found(&[("a/src/lib.rs", "")]), ["a/src/lib.rs:1 head"]);
}

#[test]
fn a_file_has_500_lines_at_most() {
    let lines = |n: usize| format!("//! Head.\n{}", "// x\n".repeat(n - 1));
    assert_eq!(found(&[("a/src/lib.rs", &lines(500))]), NONE);
    assert_eq!(
        found(&[("a/src/lib.rs", &lines(501))]),
        ["a/src/lib.rs:501 length"]
    );
    assert_eq!(
        found(&[
            ("a/tests/long.rs", &lines(501)),
            ("a/src/lib.rs", &lines(1))
        ]),
        ["a/tests/long.rs:501 length"]
    );
    assert_eq!(
        found(&[("a/tests/test_long.py", &lines(501))]),
        ["a/tests/test_long.py:501 length"]
    );
}

/// A crate whose lib.rs declares `low` above `high`, with these texts.
fn two(low: &str, high: &str) -> Vec<String> {
    let lib = "//! L.\nmod low;\nmod high;\n";
    let (low, high) = (format!("//! L.\n{low}"), format!("//! H.\n{high}"));
    found(&[
        ("a/src/lib.rs", lib),
        ("a/src/low.rs", &low),
        ("a/src/high.rs", &high),
    ])
}

#[test]
fn imports_run_downwards() {
    assert_eq!(
        two(
            "",
            "use crate::low::X;\nfn f() { crate::low::g(); super::low::g(); }"
        ),
        NONE
    );
    let caught = ["a/src/low.rs:2 imports"];
    for upward in [
        "use crate::high::X;",
        "use crate::{high::X};",
        "use crate::{low::Y, high::{self, X as Z}};",
        "pub(crate) use crate::high;",
        "use super::high::X;",
        "fn f(x: crate::high::X) {}",
        "fn f() -> u8 { crate::high::X { y: 1 }.y }",
        "fn f() { super::high::g() }",
        "mod inner { use super::super::high::X; }",
        "macro_rules! m { () => { crate::high::g() } }",
    ] {
        assert_eq!(two(upward, ""), caught, "{upward}");
    }
    for fine in [
        "// use crate::high::X;",
        "/* use crate::high::X; /* nested */ */",
        "/// [`crate::high::X`]\nfn f() {}",
        "const S: &str = \"use crate::high::X;\";",
        "const S: &str = r#\"\"use crate::high::X;\"#;",
        "const C: char = '\"'; const D: u8 = b'\\''; // \"use crate::high::X;",
        "use other::high::X;",
        "use crate::low::X;",
        "#[cfg(test)]\nmod tests { use crate::high::X; }",
        "#[cfg(test)]\nuse crate::high::X;",
        "macro_rules! m { () => { $crate::high::g() } }",
        "fn f() { crate::high!() }",
        "struct S; mod inner { use super::S; fn f(s: super::S) {} }",
    ] {
        assert_eq!(two(fine, ""), NONE, "{fine}");
    }
    let only_outside_tests = "#[cfg(not(test))]\nuse crate::high::X;";
    assert_eq!(two(only_outside_tests, ""), ["a/src/low.rs:3 imports"]);
}

#[test]
fn mod_lines_inside_a_macro_count() {
    let lib = "//! L.\nmacro_rules! rooms { ($($(#[$a:meta])* $v:vis mod $name:ident;)*) => {
        $(#[cfg(x)] $(#[$a])* $v mod $name;)* }; }\nrooms! {\n    pub mod low;\n    mod high;\n}\n";
    let files = |low| {
        [
            ("a/src/lib.rs", lib),
            ("a/src/low.rs", low),
            ("a/src/high.rs", "//! H.\n"),
        ]
    };
    assert_eq!(
        found(&files("//! L.\nuse crate::high::X;\n")),
        ["a/src/low.rs:2 imports"]
    );
    assert_eq!(found(&files("//! L.\n")), NONE);
}

#[test]
fn a_name_that_lib_rs_passes_on_counts_as_its_module() {
    let lib = "//! L.\nmod low;\nmod high;\nmod surface {\n    pub use crate::high::X;\n}\n\
               pub use surface::*;\npub use high::Y as Z;\npub use other::W;\n";
    let files = |low: &str| {
        found(&[
            ("a/src/lib.rs", lib),
            ("a/src/low.rs", low),
            ("a/src/high.rs", "//! H.\n"),
        ])
    };
    for upward in [
        "use crate::X;",
        "use crate::{W, Z};",
        "fn f() { crate::X::new() }",
    ] {
        let low = format!("//! L.\n{upward}\n");
        assert_eq!(files(&low), ["a/src/low.rs:2 imports"], "{upward}");
    }
    assert_eq!(files("//! L.\nuse crate::W;\n"), NONE);
}

#[test]
fn folders_have_an_order_of_their_own() {
    let files = |one: &str, two: &str| {
        found(&[
            ("a/src/lib.rs", "//! L.\nmod below;\nmod dir;\nmod above;\n"),
            ("a/src/below.rs", "//! B.\n"),
            ("a/src/above.rs", "//! A.\n"),
            (
                "a/src/dir/mod.rs",
                "//! D.\nmod one;\nmod two;\npub use two::T;\n",
            ),
            ("a/src/dir/one.rs", one),
            ("a/src/dir/two.rs", two),
        ])
    };
    let two = "//! T.\nuse super::one::X;\nuse crate::below::Y;\nuse crate::dir::one::X as Z;\n";
    assert_eq!(files("//! O.\nuse crate::below::Y;\n", two), NONE);
    for upward in [
        "super::two::X",
        "crate::dir::two::X",
        "super::T",
        "crate::above::X",
    ] {
        let one = format!("//! O.\nuse {upward};\n");
        assert_eq!(
            files(&one, "//! T.\n"),
            ["a/src/dir/one.rs:2 imports"],
            "{upward}"
        );
    }
}

#[test]
fn a_mod_rs_and_its_files_do_not_use_each_other() {
    let files = |lib: &str| {
        let low = "//! L.\nuse crate::Item;\n";
        found(&[
            ("a/src/lib.rs", &format!("//! L.\nmod low;\n{lib}")),
            ("a/src/low.rs", low),
        ])
    };
    assert_eq!(files("struct Item;\npub use low::X;\n"), NONE);
    // Another crate's name is nobody's item here.
    assert_eq!(files("pub use other::Item;\nuse low::X;\n"), NONE);
    assert_eq!(
        files("struct Item;\nuse low::X;\n"),
        ["a/src/low.rs:2 imports"]
    );
    assert_eq!(
        files("struct Item;\nfn f() { low::g() }\n"),
        ["a/src/low.rs:2 imports"]
    );
}

#[test]
fn nobody_uses_super_star() {
    let caught = ["a/src/low.rs:2 imports"];
    assert_eq!(two("mod inner { use super::*; }", ""), caught);
    assert_eq!(
        two("mod i { mod j { pub use super::super::*; } }", ""),
        caught
    );
    assert_eq!(two("#[cfg(test)] mod tests { use super::*; }", ""), caught);
    assert_eq!(two("mod inner { pub use super::inner::*; }", ""), NONE);
}

#[test]
fn every_file_is_declared() {
    // A file of tests is found, and may use anything.
    let lib = (
        "a/src/lib.rs",
        "//! L.\n#[cfg(test)]\nmod tests;\nmod high;\n",
    );
    let tests = ("a/src/tests.rs", "//! T.\nuse crate::high::X;\n");
    assert_eq!(found(&[lib, tests, ("a/src/high.rs", "//! H.\n")]), NONE);
    let caught = ["a/src/lost.rs:1 imports"];
    assert_eq!(
        found(&[("a/src/lib.rs", "//! L.\n"), ("a/src/lost.rs", "//! L.\n")]),
        caught
    );
}

#[test]
fn the_tie_knows_no_python() {
    let files = |word: &str| {
        found(&[
            ("py-binding/src/lib.rs", "//! L.\nmod py;\nmod tie;\n"),
            ("py-binding/src/py/mod.rs", "//! P.\n"),
            ("py-binding/src/tie/mod.rs", "//! T.\nmod word;\n"),
            ("py-binding/src/tie/word.rs", &format!("//! W.\n{word}\n")),
        ])
    };
    assert_eq!(files("// pyo3, crate::py\nfn py() {}"), NONE);
    let caught = ["py-binding/src/tie/word.rs:2 tie"];
    for python in [
        "use pyo3::ffi;",
        "use crate::py::X;",
        "use super::super::py;",
    ] {
        assert_eq!(files(python), caught, "{python}");
    }
}

#[test]
fn unsafe_code_stands_where_the_mod_lines_allow_it() {
    let files = |allow: &str, text: &str| {
        let lib = format!("//! L.\n{allow}\nmod low;\n");
        let low = format!("//! L.\n{text}\n");
        found(&[("a/src/lib.rs", &lib), ("a/src/low.rs", &low)])
    };
    let allow = "#[cfg(all(unix,\n    x))]\n#[allow(unsafe_code)]\n// why\npub(crate)";
    for code in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl S for T {}",
    ] {
        assert_eq!(files("", code), ["a/src/low.rs:2 unsafe"], "{code}");
        assert_eq!(
            files("#[allow(dead_code)]", code),
            ["a/src/low.rs:2 unsafe"],
            "{code}"
        );
        assert_eq!(files(allow, code), NONE, "{code}");
    }
    for text in [
        "// unsafe { }",
        "/// unsafe impl",
        "type F = unsafe extern \"C\" fn(i: i32);",
    ] {
        assert_eq!(files("", text), NONE, "{text}");
    }
    assert_eq!(
        files("#[allow(unsafe_code)]", "fn f() {}"),
        ["a/src/lib.rs:3 unsafe"]
    );
    let root = found(&[("a/src/lib.rs", "//! L.\nfn f() { unsafe { g() } }\n")]);
    assert_eq!(root, ["a/src/lib.rs:2 unsafe"]);
    // An attribute is for the line behind it, and for the files below it.
    let lib = "//! L.\n#[allow(unsafe_code)]\nmod one;\nmod two;\n";
    let text = "//! F.\nfn f() { unsafe { g() } }\n";
    let files = [
        ("a/src/lib.rs", lib),
        ("a/src/one/mod.rs", "//! O.\nmod inner;\n"),
        ("a/src/one/inner.rs", text),
        ("a/src/two.rs", text),
    ];
    assert_eq!(found(&files), ["a/src/two.rs:2 unsafe"]);
}

#[test]
fn nothing_is_unfinished() {
    for code in [
        "fn f() { todo!() }",
        "fn f() { unimplemented!(\"later\") }",
        "#[ignore]",
        "#[ignore = \"slow\"]",
        "fn f() { std::thread::sleep(x) }",
        "use std::{sync::Arc, thread::{sleep, spawn}};",
    ] {
        let text = format!("//! L.\n{code}\n");
        let lib = ("a/src/lib.rs", "//! L.\n");
        assert_eq!(
            found(&[("a/src/lib.rs", &text)]),
            ["a/src/lib.rs:2 unfinished"],
            "{code}"
        );
        let tests = found(&[lib, ("a/tests/t.rs", &text)]);
        assert_eq!(tests, ["a/tests/t.rs:2 unfinished"], "{code}");
    }
    let fine = "//! todo!()\nfn f() -> bool { \"todo!(\"; let todo = 1; todo != (2) }\n";
    assert_eq!(found(&[("a/src/lib.rs", fine)]), NONE);
}

#[test]
fn the_oldest_rust_compiles_it() {
    let text = |code| format!("//! L.\nfn f() {{ {code} }}\n");
    let kept = text("let t = format_args!(\"{x}\"); g(t)");
    assert_eq!(
        found(&[("a/src/lib.rs", &kept)]),
        ["a/src/lib.rs:2 too new"]
    );
    let used = text("g(format_args!(\"{x}\"))");
    assert_eq!(found(&[("a/src/lib.rs", &used)]), NONE);
}

#[test]
fn a_refusal_is_made_where_that_may_fail() {
    let text = "//! L.\nfn f() -> PyErr { PyTypeError::new_err(\"no\") }\n";
    let late = |file| {
        let problems = found(&[("py-binding/src/lib.rs", "//! L.\n"), (file, text)]);
        problems
            .into_iter()
            .any(|problem| problem.ends_with("made late"))
    };
    assert!(late("py-binding/src/py/list.rs"));
    assert!(!late("py-binding/src/py/module.rs"), "at import it may be");
    assert!(!late("py-binding/src/api.rs"));
}

#[test]
fn a_problem_says_where_what_and_what_to_do() {
    let problems = check(&tree(&[
        ("a/src/lib.rs", "//! L.\nmod low;\nmod high;\n"),
        ("a/src/low.rs", "//! L.\n\nuse crate::high::X;\n"),
        ("a/src/high.rs", "//! H.\n"),
    ]));
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "a/src/low.rs:3: imports: `crate::high` is declared below this file's module \
          (a/src/lib.rs:3): move that `mod` line up, or what is needed of it into a module above \
          both"
        ]
    );
}

#[test]
fn what_python_calls_by_name_is_ready_for_its_code() {
    let said = |body: &str| {
        let text =
            format!("//! X.\n#[pyfunction]\npub(crate) fn f(x: &str) -> PyResult<()> {{{body}}}\n");
        let problems = found(&[("py-binding/src/py/x.rs", &text)]);
        problems
            .iter()
            .filter(|problem| problem.ends_with("not ready"))
            .count()
    };
    assert_eq!(said(" hang::ready(); Ok(()) "), 0);
    for body in [
        "",
        " Ok(()) ",
        " let y = x; hang::ready(); ",
        " // hang::ready();\n Ok(()) ",
        " hang::enter(); ",
    ] {
        assert_eq!(said(body), 1, "{body}");
    }
}

#[test]
fn what_c_calls_is_ready_or_says_why_not() {
    let said = |body: &str| {
        let text = format!(
            "//! X.\nunsafe extern \"C\" {{ fn declared(); }}\ntype F = unsafe extern \"C\" fn(i32);\n\
             unsafe extern \"C\" fn f(x: [u8; 2]) -> c_int {{\n{body}}}\n"
        );
        let problems = found(&[("py-binding/src/py/x.rs", &text)]);
        problems
            .iter()
            .filter(|problem| problem.ends_with("not ready"))
            .count()
    };
    for body in [
        " hang::ready(); 0 ",
        " hang::enter(); 0 ",
        "    // Quiet: nothing is called.\n 0 ",
        " #[cold] fn g() { a(); if b {} }\n hang::enter(); 0 ",
    ] {
        assert_eq!(said(body), 0, "{body}");
    }
    for body in [
        "",
        " 0 ",
        " // Quiet\n 0 ",
        " let y = x; hang::ready(); 0 ",
        " #[cold] fn g() { hang::enter(); }\n 0 ",
    ] {
        assert_eq!(said(body), 1, "{body}");
    }
}
