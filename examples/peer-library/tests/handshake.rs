//! A Rust library and hosts of other versions, without a loader in between.
#![allow(unsafe_code)]

use std::mem::{ManuallyDrop, size_of};
use std::sync::Mutex;

use rust_binding::object_core::abi::RawAny;
use rust_binding::object_core::runtime;
use rust_binding::object_core::table::{
    ABI_MAJOR, ABI_MINOR, LIBRARY_INIT_SYMBOL, LibraryInit, LibraryReply, RuntimeTable,
    library_status,
};
use rust_binding::prelude::*;

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

/// One test: the library adopts one table for good.
#[test]
fn a_host_must_be_of_the_same_major_and_no_older() {
    let test = std::env::current_exe().unwrap();
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = test.with_file_name(format!("{prefix}peer_library{suffix}"));
    // SAFETY: this very crate's library; it stays loaded.
    let library = ManuallyDrop::new(unsafe { libloading::Library::new(path) }.unwrap());
    // SAFETY: the symbol's signature is the ABI's.
    let init = *unsafe { library.get::<LibraryInit>(LIBRARY_INIT_SYMBOL) }.unwrap();
    let ask = |table: &'static RuntimeTable, room: u32| {
        let mut reply = LibraryReply {
            size: room,
            major: 99,
            minor: 99,
            error: RawAny::NONE,
        };
        // SAFETY: the table lives for ever; the reply is ours.
        let status = unsafe { init(table, &raw mut reply) };
        assert_eq!(reply.error.type_index, RawAny::NONE.type_index);
        (status, reply.major, reply.minor)
    };
    let full = size_of::<LibraryReply>() as u32;
    let size = size_of::<RuntimeTable>() as u32;
    let refused = (library_status::REFUSED, ABI_MAJOR, ABI_MINOR);
    assert_eq!(ask(table(|t| t.major += 1), full), refused);
    assert_eq!(ask(table(|t| t.major = 0), full), refused);
    assert_eq!(ask(table(|t| t.size -= 1), full), refused);
    assert_eq!(ask(table(|t| t.size = 8), full), refused);
    assert_eq!(ask(table(|_| ()), 8), refused);
    assert_eq!(ask(table(|_| ()), 7), (library_status::REFUSED, 99, 99));
    // Nothing is older than a minor of 0.
    if let Some(minor) = ABI_MINOR.checked_sub(1) {
        assert_eq!(ask(table(|t| t.minor = minor), full), refused);
    }
    assert!(
        Function::get_global("peer_library.put").is_none(),
        "it registered something"
    );

    // A host of the next minor version, whose table is longer: the library loads, and loads again.
    let newer = table(|t| (t.minor, t.size) = (ABI_MINOR + 1, size + 64));
    let loaded = (library_status::OK, ABI_MAJOR, ABI_MINOR);
    assert_eq!(ask(newer, full), loaded);
    assert_eq!(ask(newer, full), loaded);
    let put = Function::get_global("peer_library.put").unwrap();
    assert!(put.call::<Any>(("kept for a while",)).unwrap().is_none());
    assert_eq!(&*put.call::<Str>(((),)).unwrap(), "kept for a while");
    // Two runtimes in one library cannot be.
    let other = (library_status::OWN_RUNTIME, ABI_MAJOR, ABI_MINOR);
    assert_eq!(ask(table(|_| ()), full), other);
}
