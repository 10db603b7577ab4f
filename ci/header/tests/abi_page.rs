//! `docs/abi.md` against the header: each offset, size, alignment and number of the page is one
//! static assertion, compiled as C11 and C++17, for 64 and for 32 bits.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use header::repository;

const STRUCTS: [&str; 19] = [
    "AllocHeader",
    "TiedHeader",
    "AllocatorEntry",
    "Registry",
    "ObjectHeader",
    "ByteSlice",
    "RawAny",
    "StrObj",
    "BytesObj",
    "ErrorObj",
    "FunctionObj",
    "ArrayObj",
    "OpaqueObj",
    "FieldInfo",
    "MethodInfo",
    "TypeInfo",
    "TypeDesc",
    "RuntimeTable",
    "LibraryReply",
];

/// What stands below a heading: the tables, row by row, and the prose.
struct Section {
    heading: String,
    tables: Vec<Vec<Vec<String>>>,
    prose: String,
}

fn sections(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
            let heading = heading.to_owned();
            sections.push(Section {
                heading,
                tables: Vec::new(),
                prose: String::new(),
            });
            in_table = false;
            continue;
        }
        let Some(section) = sections.last_mut() else {
            continue;
        };
        if let Some(row) = line.strip_prefix('|') {
            let cells = row.trim_end_matches('|').split('|');
            let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
            if !in_table {
                section.tables.push(Vec::new());
            }
            if let Some(table) = section.tables.last_mut() {
                if !cells
                    .iter()
                    .all(|cell| cell.chars().all(|c| c == '-') && !cell.is_empty())
                {
                    table.push(cells);
                }
            }
            in_table = true;
        } else {
            in_table = false;
            section.prose.push_str(line);
            section.prose.push('\n');
        }
    }
    sections
}

/// `` `name` `` as `name`.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// "184 / 96 in version 1.0, alignment" as (184, 96); one number stands for both.
fn pair(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit() && c != '/' && c != ' ')
        .next()?
        .split('/')
        .map(|number| number.trim().parse::<u32>());
    let first = numbers.next()?.ok()?;
    Some((first, numbers.next().and_then(Result::ok).unwrap_or(first)))
}

fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.find(words).map(|at| &text[at + words.len()..])
}

/// One assertion of what depends on the width.
fn both(out: &mut String, what: &str, (wide, narrow): (u32, u32)) {
    let _ = writeln!(
        out,
        "TB_ASSERT({what} == TB_BOTH({wide}, {narrow}), \"{what}\");"
    );
}

/// The assertions of the page, and how many structs, fields and numbers they cover.
fn assertions(page: &str) -> (String, [usize; 3]) {
    let (mut out, mut seen) = (String::new(), [0; 3]);
    for section in sections(page) {
        let words: Vec<&str> = section
            .heading
            .split(|c: char| !c.is_alphanumeric())
            .collect();
        for name in STRUCTS.iter().filter(|name| words.contains(name)) {
            let c = format!("tb_{name}");
            let stated = after(&section.prose, "Size ").or(after(&section.heading, ": "));
            let size = stated.and_then(pair);
            both(
                &mut out,
                &format!("sizeof({c})"),
                size.unwrap_or_else(|| panic!("the size of {name}")),
            );
            if let Some(align) = stated
                .and_then(|text| after(text, "alignment "))
                .and_then(pair)
            {
                both(&mut out, &format!("TB_ALIGNOF({c})"), align);
            }
            seen[0] += 1;
            let table = &section.tables[0];
            let column = |title: &str| table[0].iter().position(|cell| cell == title);
            let wide = column("64")
                .or(column("offset"))
                .expect("a column of offsets");
            let narrow = column("32").unwrap_or(wide);
            let field_column = column("name").expect("a column of names");
            for row in &table[1..] {
                let Some(field) = code(&row[field_column]) else {
                    continue;
                };
                let at = |column: usize| row[column].parse().unwrap_or_else(|_| panic!("{row:?}"));
                both(
                    &mut out,
                    &format!("offsetof({c}, {field})"),
                    (at(wide), at(narrow)),
                );
                seen[1] += 1;
            }
        }
        for table in &section.tables {
            let is = |titles: &[&str]| {
                titles.len() <= table[0].len() && titles.iter().zip(&table[0]).all(|(a, b)| a == b)
            };
            let (prefix, number, name) = if section.heading == "Flags" {
                ("TB_FLAG_", 1, 2)
            } else if is(&["number", "name", "`value`"]) {
                ("TB_TYPE_", 0, 1)
            } else if is(&["status", "name", "meaning", "what `load_library` raises"]) {
                ("TB_LIBRARY_", 0, 1)
            } else if is(&["status of containers", "name"]) {
                ("TB_CONTAINER_", 0, 1)
            } else if is(&["status", "name"]) {
                ("TB_REGISTER_", 0, 1)
            } else if section.heading == "The deleter" && is(&["bits", "name"]) {
                ("TB_", 0, 1)
            } else if is(&["flag", "name"]) {
                ("TB_FIELD_", 0, 1)
            } else {
                continue;
            };
            for row in &table[1..] {
                let Some(name) = code(&row[name]) else {
                    continue;
                };
                let what = format!("{prefix}{name} == {}", row[number]);
                let _ = writeln!(out, "TB_ASSERT({what}, \"{what}\");");
                seen[2] += 1;
            }
        }
    }
    (out, seen)
}

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/abi.md")).unwrap()
}

fn compile(assertions: &str, compiler: &[&str]) -> Result<(), String> {
    let text = format!(
        "#include <tieback.h>\n\
         #ifdef __cplusplus\n\
         #define TB_ASSERT(what, text) static_assert(what, text)\n\
         #define TB_ALIGNOF(type) alignof(type)\n\
         #else\n\
         #define TB_ASSERT(what, text) _Static_assert(what, text)\n\
         #define TB_ALIGNOF(type) _Alignof(type)\n\
         #endif\n\
         #define TB_BOTH(wide, narrow) (sizeof(void *) == 8 ? (wide) : (narrow))\n\
         {assertions}"
    );
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let file: PathBuf = std::env::temp_dir().join(format!(
        "tieback-abi-{}-{}.c",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::write(&file, text).unwrap();
    let output = Command::new(compiler[0])
        .args(&compiler[1..])
        .args([
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wshadow",
            "-Wconversion",
            "-Werror",
        ])
        .arg("-fsyntax-only")
        .arg("-I")
        .arg(repository().join("include"))
        .arg(&file)
        .output();
    let _ = std::fs::remove_file(&file);
    let output = output.map_err(|error| format!("{}: {error}", compiler[0]))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

const C11: [&str; 4] = ["cc", "-std=c11", "-x", "c"];
const CPP17: [&str; 5] = ["c++", "-std=c++17", "-x", "c++", "-fno-exceptions"];

#[test]
fn every_offset_size_and_number_of_the_page_is_the_headers() {
    let (text, seen) = assertions(&page());
    assert_eq!(seen[0], STRUCTS.len(), "a struct of the page was not found");
    assert!(
        seen[1] >= 90 && seen[2] >= 25,
        "fields and numbers were found: {seen:?}"
    );
    for compiler in [&C11[..], &CPP17[..]] {
        if Command::new(compiler[0]).arg("--version").output().is_err() {
            eprintln!("SKIPPED {}: it is not installed", compiler[0]);
            continue;
        }
        compile(&text, compiler).unwrap();
        // 32 bits need no library of that width: nothing is linked.
        if cfg!(target_arch = "x86_64") {
            compile(&text, &[compiler, &["-m32", "-ffreestanding"]].concat()).unwrap();
        }
    }
}

#[test]
fn a_wrong_offset_on_the_page_is_noticed() {
    let wrong = page().replace(
        "| 32 | 28 | `size` | `usize`",
        "| 40 | 28 | `size` | `usize`",
    );
    assert_ne!(wrong, page());
    let (text, _) = assertions(&wrong);
    let told = compile(&text, &C11).unwrap_err();
    assert!(told.contains("offsetof(tb_StrObj, size)"), "{told}");
}
