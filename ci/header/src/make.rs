//! The header's text.

use std::fmt;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationStyle, Language};

use crate::flatten::flatten;

/// What cannot be read or understood on the way.
#[derive(Debug)]
pub struct MakeError(String);

impl fmt::Display for MakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MakeError {}

/// Where the definitions stand, in the order of the header; the module, for the names of constants.
const SOURCES: [(&str, &str); 11] = [
    ("object-core/src/type_index.rs", "type_index"),
    ("alloc-header/src/header.rs", ""),
    ("alloc-header/src/entry.rs", ""),
    ("alloc-header/src/registry.rs", ""),
    ("object-core/src/header.rs", ""),
    ("object-core/src/abi.rs", ""),
    ("object-core/src/errors.rs", ""),
    ("object-core/src/function.rs", ""),
    ("object-core/src/array.rs", ""),
    ("object-core/src/opaque.rs", ""),
    ("object-core/src/table.rs", ""),
];

/// What a macro defines in Rust, where cbindgen does not look.
const BY_MACRO: &str = "
/// A string object: `size` bytes of UTF-8, and a NUL behind them.
#[repr(C)]
pub struct StrObj { pub header: ObjectHeader, pub data: *const u8, pub size: usize }
/// A bytes object: `size` bytes, and a NUL behind them.
#[repr(C)]
pub struct BytesObj { pub header: ObjectHeader, pub data: *const u8, pub size: usize }
";

/// Every struct of the ABI, whether a function names it or not.
const STRUCTS: [&str; 20] = [
    "AllocatorEntry",
    "Registry",
    "Deleter",
    "DeleteSpace",
    "AllocateFn",
    "ObjectHeader",
    "ByteSlice",
    "AnyValue",
    "RawAny",
    "SafeCall",
    "FieldInfo",
    "MethodInfo",
    "TypeInfo",
    "TypeDesc",
    "ErrorObj",
    "FunctionObj",
    "ArrayObj",
    "OpaqueObj",
    "StrObj",
    "BytesObj",
];

const OPENING: &str = "\
// Tieback for C: objects that every language of the process can hold, behind one runtime table.
//
// MADE by `cargo run -p header` from the Rust definitions and from ci/header/helpers.h: change those.
// docs/abi.md documents every byte, who owns each argument, and which thread may call what.
//
// A library is one shared object that exports one symbol:
//
//     #include <tieback.h>
//
//     static int32_t add(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) { ... }
//
//     static int32_t load(const tb_RuntimeTable *tb, tb_RawAny *error) {
//         static const tb_Export exports[] = {{\"shop.add\", add, \"(a, b, /)\", \"The sum.\"}};
//         return tb_register_functions(tb, exports, 1, error);
//     }
//
//     TB_EXPORT_LIBRARY(load)
//
// examples/c-library is a whole one. C never reads or writes reference counts: the table's functions do.
";

const AFTER_INCLUDES: &str = "\
#if defined(_MSC_VER)
#define TB_ALIGNED(bytes) __declspec(align(bytes))
typedef __declspec(align(8)) uint64_t tb_aligned_u64;
typedef __declspec(align(8)) int64_t tb_aligned_i64;
#else
#define TB_ALIGNED(bytes) __attribute__((aligned(bytes)))
/* Of 8 bytes' alignment also where C aligns 64-bit numbers to 4. */
typedef uint64_t tb_aligned_u64 __attribute__((aligned(8)));
typedef int64_t tb_aligned_i64 __attribute__((aligned(8)));
#endif
#if UINTPTR_MAX == 0xffffffffu
#define TB_32_BIT
#endif
";

/// The repository's root.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the header is.
#[must_use]
pub fn header_path() -> PathBuf {
    repository().join("include/tieback.h")
}

/// The header, as it should be.
///
/// # Errors
///
/// A source that cannot be read, or that cbindgen does not understand.
pub fn make_header() -> Result<String, MakeError> {
    let mut flat = String::new();
    for (file, module) in SOURCES {
        let source = read(file)?;
        flatten(&source, module, &mut flat)
            .map_err(|error| MakeError(format!("{file}: {error}")))?;
        if module.is_empty() && file.ends_with("abi.rs") {
            flat.push_str(BY_MACRO);
        }
    }
    let place = std::env::temp_dir().join(format!("tieback-header-{}.rs", std::process::id()));
    std::fs::write(&place, &flat).map_err(|error| MakeError(error.to_string()))?;
    let made = Builder::new()
        .with_config(config()?)
        .with_src(&place)
        .generate();
    let _ = std::fs::remove_file(&place);
    let bindings = made.map_err(|error| MakeError(format!("cbindgen: {error}")))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).map_err(|error| MakeError(error.to_string()))?;
    Ok(polished(&text))
}

/// Constants have their prefix from `flatten`, and a negative one wants parentheses.
fn polished(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.replace("tb_TB_", "TB_");
        match line.rsplit_once(" -") {
            Some((define, number))
                if define.starts_with("#define ") && number.parse::<u32>().is_ok() =>
            {
                out.push_str(&format!("{define} (-{number})"));
            }
            _ => out.push_str(&line),
        }
        out.push('\n');
    }
    out
}

fn config() -> Result<Config, MakeError> {
    let mut config = Config {
        language: Language::C,
        // The guard by hand: cbindgen's would end before the trailer.
        header: Some(format!("{OPENING}\n#ifndef TIEBACK_H\n#define TIEBACK_H")),
        trailer: Some(format!(
            "{}\n\n#endif  /* TIEBACK_H */",
            read("ci/header/helpers.h")?
        )),
        after_includes: Some(AFTER_INCLUDES.to_owned()),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        cpp_compat: true,
        documentation_style: DocumentationStyle::C99,
        usize_is_size_t: true,
        line_length: 100,
        tab_width: 4,
        ..Config::default()
    };
    config.export.prefix = Some("tb_".to_owned());
    config.export.include = STRUCTS.iter().map(ToString::to_string).collect();
    config
        .export
        .include
        .extend(["RuntimeTable", "LibraryReply", "LibraryInit"].map(str::to_owned));
    config.layout.aligned_n = Some("TB_ALIGNED".to_owned());
    config.defines.insert(
        "target_pointer_width = 32".to_owned(),
        "TB_32_BIT".to_owned(),
    );
    Ok(config)
}

fn read(file: &str) -> Result<String, MakeError> {
    std::fs::read_to_string(repository().join(file))
        .map_err(|error| MakeError(format!("{file}: {error}")))
}
