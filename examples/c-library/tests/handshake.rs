//! C libraries that speak other versions, are handed other tables, or lie: each gets an error with a
//! name, and leaves nothing behind.
#![allow(unsafe_code)]

use std::mem::size_of;
use std::path::Path;
use std::sync::Mutex;

use rust_binding::load_library;
use rust_binding::object_core::abi::{ByteSlice, RawAny};
use rust_binding::object_core::runtime;
use rust_binding::object_core::table::{
    ABI_MAJOR, ABI_MINOR, LIBRARY_INIT_SYMBOL, LibraryInit, LibraryReply, RuntimeTable,
    library_status,
};
use rust_binding::prelude::*;
use rust_binding::type_index_of;

mod common;

fn load(path: &Path) -> Result<(), Error> {
    // SAFETY: this project's own library.
    unsafe { load_library(path) }
}

/// One test: what libraries register belongs to the process.
#[test]
fn what_lies_or_does_not_fit_is_refused_by_name() {
    versions();
    tables();
    broken();
    results();
}

fn versions() {
    let newer = common::compile("lies.c", "newer", &["-DTB_LIBRARY_MINOR=TB_ABI_MINOR+1"]);
    let error = load(&newer).unwrap_err();
    assert_eq!(error.kind(), "ImportError");
    let both = format!(
        "speaks ABI {ABI_MAJOR}.{}, this runtime {ABI_MAJOR}.{ABI_MINOR}; update the host",
        ABI_MINOR + 1
    );
    assert!(error.message().contains(&both), "{error}");
    let major = common::compile("lies.c", "major", &["-DMODE=MAJOR"]);
    let error = load(&major).unwrap_err();
    let both = format!(
        "speaks ABI {}.{ABI_MINOR}, this runtime {ABI_MAJOR}.",
        ABI_MAJOR + 1
    );
    assert!(
        error.message().contains(&both) && error.message().contains("rebuild"),
        "{error}"
    );
    assert!(Function::get_global("lies.give").is_none());
}

/// Tables live as long as the process.
static KEPT: Mutex<Vec<&'static RuntimeTable>> = Mutex::new(Vec::new());

/// A copy of the process's table, changed.
fn table(change: impl FnOnce(&mut RuntimeTable)) -> &'static RuntimeTable {
    // SAFETY: plain data: numbers, an address and functions, all of which stay good.
    let mut copy = unsafe { std::ptr::read(runtime()) };
    change(&mut copy);
    let table: &'static RuntimeTable = Box::leak(Box::new(copy));
    KEPT.lock().unwrap().push(table);
    table
}

/// The table of an older host, which ends before what this one has besides.
fn older(minor: u16, size: u32) -> &'static RuntimeTable {
    unsafe extern "C" fn beyond(
        _: ByteSlice,
        _: *mut ObjectHeader,
        _: i32,
        _: ByteSlice,
        _: ByteSlice,
    ) -> i32 {
        eprintln!("a library called what its host does not have");
        std::process::abort();
    }
    table(|table| {
        (table.minor, table.size) = (minor, size);
        table.function_register_documented = beyond;
    })
}

/// What the library answers to a table, without a loader in between.
fn tables() {
    let oldest = common::compile("lies.c", "oldest", &["-DTB_LIBRARY_MINOR=0"]);
    let of_1_1 = common::compile("lies.c", "of_1_1", &["-DTB_LIBRARY_MINOR=1"]);
    let of_1_2 = common::compile("lies.c", "of_1_2", &["-DTB_LIBRARY_MINOR=2"]);
    let own = common::compile("lies.c", "own", &[]);
    let size = size_of::<RuntimeTable>() as u32;
    for (path, table, room, expected) in [
        (&own, table(|t| t.major += 1), 24, library_status::REFUSED),
        (&own, table(|t| t.major = 0), 24, library_status::REFUSED),
        (&own, table(|t| t.size = 8), 24, library_status::REFUSED),
        (&own, table(|t| t.size -= 1), 24, library_status::REFUSED),
        (&own, table(|_| ()), 8, library_status::REFUSED),
        (&own, table(|_| ()), 0, library_status::REFUSED),
        // A host of the next minor version, whose table is longer.
        (
            &own,
            table(|t| (t.minor, t.size) = (ABI_MINOR + 1, size + 64)),
            24,
            library_status::OK,
        ),
        // What it asks for is what a host of 1.0 has, although its header is of today.
        (&oldest, older(0, 184), 24, library_status::OK),
        (&oldest, older(0, 183), 24, library_status::REFUSED),
        (&of_1_1, older(1, 328), 24, library_status::OK),
        (&of_1_1, older(1, 327), 24, library_status::REFUSED),
        (&of_1_1, older(0, 184), 24, library_status::REFUSED),
        (&of_1_2, older(2, 352), 24, library_status::OK),
        (&of_1_2, older(2, 351), 24, library_status::REFUSED),
        (&of_1_2, older(1, 328), 24, library_status::REFUSED),
    ] {
        // SAFETY: this project's own library; it stays loaded.
        let library =
            std::mem::ManuallyDrop::new(unsafe { libloading::Library::new(path) }.unwrap());
        // SAFETY: the symbol's signature is the ABI's.
        let init = *unsafe { library.get::<LibraryInit>(LIBRARY_INIT_SYMBOL) }.unwrap();
        let mut reply = LibraryReply {
            size: room,
            major: 99,
            minor: 99,
            error: RawAny::NONE,
        };
        // SAFETY: the table lives for ever; the reply is ours.
        let status = unsafe { init(table, &raw mut reply) };
        assert_eq!(status, expected, "{table:?} {room}");
        let written = if room < 8 { 99 } else { ABI_MAJOR };
        assert_eq!(
            reply.major, written,
            "the library's version stands in the reply"
        );
        for name in [
            "give",
            "fail",
            "borrowed",
            "int_for_error",
            "mislabel",
            "call",
            "choose",
            "lend",
            "pick",
            "first_object",
            "first_value",
            "odd_with",
            "forward",
            "fail_with_2",
        ] {
            let removed = Function::remove_global(&format!("lies.{name}"));
            assert_eq!(removed, expected == library_status::OK, "{name}");
        }
    }
}

fn broken() {
    for (mode, kind, words) in [
        ("STATUS", "ImportError", "answered the handshake with 77"),
        ("GARBAGE_ERROR", "RuntimeError", "250000"),
        ("NO_ERROR", "RuntimeError", "without an error object"),
        ("ITSELF", "ImportError", "loads itself"),
        ("HALF", "ValueError", "'lies.first' is already registered"),
        (
            "FIELD_OUTSIDE",
            "ValueError",
            "type 'lies.Thing' was refused",
        ),
        ("NO_SIZE", "ValueError", "type 'lies.Thing' was refused"),
        ("NO_FIELDS", "ValueError", "type 'lies.Thing' was refused"),
    ] {
        let library = common::compile("lies.c", mode, &[&format!("-DMODE={mode}")]);
        for _ in 0..2 {
            let error = load(&library).unwrap_err();
            assert_eq!(error.kind(), kind, "{mode}: {error}");
            assert!(error.message().contains(words), "{mode}: {error}");
        }
        for name in ["lies.first", "lies.second", "lies.give"] {
            assert!(Function::get_global(name).is_none(), "{mode} left {name}");
        }
        assert_eq!(type_index_of("lies.Thing"), None, "{mode} left a type");
    }
}

fn results() {
    load(&common::compile("lies.c", "lies", &[])).unwrap();
    let call = |name: &str, which: i64| {
        Function::get_global(&format!("lies.{name}"))
            .unwrap()
            .call::<Any>((which,))
    };
    for which in 0..8 {
        let error = call("give", which).unwrap_err();
        assert_eq!(error.kind(), "RuntimeError", "{which}: {error}");
        assert!(error.message().contains("returned"), "{which}: {error}");
        let error = call("fail", which).unwrap_err();
        assert_eq!(error.kind(), "RuntimeError", "{which}: {error}");
        // As an argument of a Rust function: no type that it takes.
        let strict = typed("strict", |_: ObjectRef| 1);
        let lies = Function::get_global("lies.call").unwrap();
        let error = lies.call::<Any>((strict, which)).unwrap_err();
        assert_eq!(error.kind(), "TypeError", "{which}: {error}");
        // And of one that takes anything, as far as there is something to take.
        if which < 5 {
            let lax = typed("lax", |_: Any| 1);
            let error = lies.call::<Any>((lax, which)).unwrap_err();
            assert_eq!(error.kind(), "TypeError", "{which}: {error}");
        }
    }
    assert!(call("give", 0).unwrap_err().message().contains("250000"));
    assert!(
        call("borrowed", 0)
            .unwrap_err()
            .message()
            .contains("borrowed")
    );
    assert!(
        call("mislabel", 0)
            .unwrap_err()
            .message()
            .contains("said that it was a tieback.Function")
    );
    let error = call("int_for_error", 0).unwrap_err();
    assert!(
        error.message().contains("without an error object"),
        "{error}"
    );
}
