//! Registering: everything or nothing, and the answers of the handshake.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

use rust_binding::object_core::abi::RawAny;
use rust_binding::object_core::runtime;
use rust_binding::object_core::table::{ABI_MAJOR, ABI_MINOR, LibraryReply, library_status};
use rust_binding::prelude::*;
use rust_binding::register;
use rust_binding::support::{Registration, RuntimeTable, init};

fn exists(name: &str) -> bool {
    Function::get_global(name).is_some()
}

#[test]
fn nothing_is_registered_before_the_end() {
    register(|exports| {
        exports.function("end.a", || 1);
        assert!(!exists("end.a"));
        Ok(())
    })
    .unwrap();
    assert_eq!(
        Function::get_global("end.a")
            .unwrap()
            .call::<i64>(())
            .unwrap(),
        1
    );
}

#[test]
fn an_error_or_a_panic_leaves_nothing() {
    let error = register(|exports| {
        exports.function("left.a", || 1);
        Err(Error::new("ValueError", "changed my mind"))
    })
    .unwrap_err();
    assert_eq!(error.message(), "changed my mind");
    let error = register(|exports| {
        exports.function("left.a", || 1);
        panic!("no")
    })
    .unwrap_err();
    assert_eq!(error.kind(), "PanicError");
    assert!(!exists("left.a"));
}

#[test]
fn what_is_missing_is_named() {
    let error = register(|exports| {
        exports.function("needs.a", || 1);
        exports.require("needs.nobody_has_this").map(drop)
    })
    .unwrap_err();
    assert_eq!(error.kind(), "ImportError");
    assert!(
        error.message().contains("'needs.nobody_has_this'"),
        "{error}"
    );
    let error = register(|exports| exports.require_type("needs.Nothing").map(drop)).unwrap_err();
    assert!(error.message().contains("'needs.Nothing'"), "{error}");
    assert!(!exists("needs.a"));
    register(|exports| exports.require_type("tieback.Array").map(drop)).unwrap();
}

#[test]
fn a_taken_name_stops_all() {
    register(|exports| {
        exports.function("taken.b", || "first");
        Ok(())
    })
    .unwrap();
    let error = register(|exports| {
        exports
            .function("taken.a", || 1)
            .function("taken.b", || 2)
            .function("taken.c", || 3);
        Ok(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), "ValueError");
    assert!(error.message().contains("'taken.b'"), "{error}");
    assert!(!exists("taken.a") && !exists("taken.c"));
    let first = Function::get_global("taken.b").unwrap();
    assert_eq!(&*first.call::<Str>(()).unwrap(), "first");
}

#[test]
fn what_is_said_of_functions_is_checked_before_anything_is_registered() {
    type Say = for<'a> fn(&'a mut Exports) -> &'a mut Exports;
    let lies: [(Say, &str); 6] = [
        (
            |e| e.doc("of what?"),
            "doc() says something of the function exported before it",
        ),
        (
            |e| e.parameters(&[]),
            "parameters() says something of the function exported before it",
        ),
        (
            |e| e.function("said.f", |a: i64| a).parameters(&[]),
            "global function 'said.f' takes 1 argument, 0 parameters were named",
        ),
        (
            |e| {
                e.function("said.f", |a: i64, b: i64| a + b)
                    .parameters(&["a"])
            },
            "global function 'said.f' takes 2 arguments, 1 parameters were named",
        ),
        (
            |e| e.function("said.f", |a: i64| a).parameters(&["a, b"]),
            "global function 'said.f': a parameter cannot be called 'a, b'",
        ),
        (
            |e| {
                e.function("said.f", |a: i64, b: i64| a + b)
                    .parameters(&["a", "a"])
            },
            "global function 'said.f': two parameters are called 'a'",
        ),
    ];
    for (say, says) in lies {
        let error = register(|exports| {
            say(exports);
            exports.function("said.last", || 1);
            Ok(())
        })
        .unwrap_err();
        assert_eq!((error.kind(), error.message()), ("ValueError", says));
        assert!(!exists("said.f") && !exists("said.last"));
    }
    // Of a function of any number of arguments, whoever exports it knows.
    let any = Function::from_packed(|args| Ok((args.len() as i64).into()));
    register(|exports| {
        exports.add("said.any", any).parameters(&["first", "rest"]);
        Ok(())
    })
    .unwrap();
    let about = Function::get_global("said.any").unwrap().about();
    assert_eq!(about.unwrap().unwrap().signature, "(first, rest, /)");
}

#[test]
fn a_name_given_twice_is_refused() {
    let error = register(|exports| {
        exports.function("twice.a", || 1).function("twice.a", || 2);
        Ok(())
    })
    .unwrap_err();
    assert_eq!(
        error.message(),
        "global function 'twice.a' is exported twice"
    );
    assert!(!exists("twice.a"));
}

/// Its registration takes a name that was free when the names were checked.
#[repr(C)]
struct Saboteur(ObjectHeader);

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Saboteur {
    fn type_index() -> Result<i32, RegisterError> {
        typed("sabotage", || 0)
            .register_global("half.b", true)
            .unwrap();
        TypeBuilder::<Self>::new("half.Saboteur").register()
    }
}

#[test]
fn a_commit_that_fails_half_way_is_taken_back() {
    let error = register(|exports| {
        exports.object_type::<Saboteur>();
        exports
            .function("half.a", || 1)
            .function("half.b", || 2)
            .function("half.c", || 3);
        Ok(())
    })
    .unwrap_err();
    assert!(error.message().contains("'half.b'"), "{error}");
    assert!(
        !exists("half.a"),
        "registered before the failure, and not taken back"
    );
    assert!(!exists("half.c"));
    assert_eq!(
        Function::get_global("half.b")
            .unwrap()
            .call::<i64>(())
            .unwrap(),
        0
    );
}

/// The same key as `Saboteur`'s with another layout.
#[repr(C)]
struct Usurper(ObjectHeader, i64);

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Usurper {
    fn type_index() -> Result<i32, RegisterError> {
        TypeBuilder::<Self>::new("tieback.Array").register()
    }
}

#[test]
fn a_refused_type_stops_all_functions() {
    let error = register(|exports| {
        exports.function("refused.a", || 1).object_type::<Usurper>();
        Ok(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), "ValueError");
    assert!(
        error.message().contains("Usurper") && error.message().contains("another layout"),
        "{error}"
    );
    assert!(!exists("refused.a"));
    let usurper = Usurper(ObjectHeader::new(), 1);
    assert_eq!(usurper.1, 1);
    let _ = (&usurper.0, Saboteur(ObjectHeader::new()).0);
}

fn reply() -> LibraryReply {
    LibraryReply {
        size: size_of::<LibraryReply>() as u32,
        major: 0,
        minor: 0,
        error: RawAny::NONE,
    }
}

#[test]
fn the_handshake_registers_once_and_retries_after_a_failure() {
    static REGISTRATION: Registration = Registration::new();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let attempt = |fail: bool| {
        let mut reply = reply();
        // SAFETY: this process's table, and a reply of the size it says.
        let status = unsafe {
            init(runtime(), &raw mut reply, &REGISTRATION, |exports| {
                RUNS.fetch_add(1, Ordering::Relaxed);
                exports.function("shake.a", || 1);
                if fail {
                    Err(Error::new("ValueError", "not now"))
                } else {
                    Ok(())
                }
            })
        };
        assert_eq!((reply.major, reply.minor), (ABI_MAJOR, ABI_MINOR));
        // SAFETY: an owned value, or none.
        (status, unsafe { Any::from_raw(reply.error) })
    };
    let (status, error) = attempt(true);
    assert_eq!(status, library_status::FAILED);
    assert_eq!(error.into_error().message(), "not now");
    assert!(!exists("shake.a"));
    for _ in 0..3 {
        let (status, error) = attempt(false);
        assert_eq!(status, library_status::OK);
        assert!(error.is_none());
    }
    assert_eq!(
        RUNS.load(Ordering::Relaxed),
        2,
        "once for the failure, once for the success"
    );
}

#[test]
fn the_handshake_refuses_what_does_not_fit() {
    static REGISTRATION: Registration = Registration::new();
    let mut newer = reply();
    let own = runtime();
    // SAFETY: a copy of the table's bytes, which own nothing.
    let mut table = unsafe { core::ptr::read(own) };
    let ask = |table: *const RuntimeTable, reply: *mut LibraryReply| {
        // SAFETY: null or alive for the call; refused before it is adopted.
        unsafe { init(table, reply, &REGISTRATION, |_| panic!("must not run")) }
    };
    assert_eq!(
        ask(core::ptr::null(), &raw mut newer),
        library_status::REFUSED
    );
    assert_eq!(ask(own, core::ptr::null_mut()), library_status::REFUSED);
    table.major = ABI_MAJOR + 1;
    assert_eq!(
        ask(&raw const table, &raw mut newer),
        library_status::REFUSED
    );
    assert_eq!(
        (newer.major, newer.minor),
        (ABI_MAJOR, ABI_MINOR),
        "both versions can be named"
    );
    table.major = ABI_MAJOR;
    table.size = 16;
    assert_eq!(
        ask(&raw const table, &raw mut newer),
        library_status::REFUSED
    );
    table.size = own.size;
    // This test's copy runs its own runtime: another table, though it fits, comes too late.
    assert_eq!(
        ask(&raw const table, &raw mut newer),
        library_status::OWN_RUNTIME
    );
    newer.size = 4;
    assert_eq!(ask(own, &raw mut newer), library_status::REFUSED);
    newer.size = 8;
    assert_eq!(ask(own, &raw mut newer), library_status::REFUSED);
}

#[test]
fn a_library_that_loads_itself_is_told_so() {
    static REGISTRATION: Registration = Registration::new();
    let (mut outer, mut inner) = (reply(), reply());
    let mut seen = library_status::OK;
    // SAFETY: this process's table, and replies of the size they say.
    let status = unsafe {
        init(runtime(), &raw mut outer, &REGISTRATION, |_| {
            seen = init(runtime(), &raw mut inner, &REGISTRATION, |_| Ok(()));
            Ok(())
        })
    };
    assert_eq!((status, seen), (library_status::OK, library_status::FAILED));
    // SAFETY: an owned error.
    let error = unsafe { Any::from_raw(inner.error) }.into_error();
    assert!(error.message().contains("loads itself"), "{error}");
}

#[test]
fn threads_that_load_at_once_register_once() {
    static REGISTRATION: Registration = Registration::new();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut reply = reply();
                // SAFETY: this process's table, and a reply of the size it says.
                let status = unsafe {
                    init(runtime(), &raw mut reply, &REGISTRATION, |exports| {
                        RUNS.fetch_add(1, Ordering::Relaxed);
                        exports.function("at_once.a", || 1);
                        Ok(())
                    })
                };
                assert_eq!(status, library_status::OK);
                assert!(exists("at_once.a"), "answered before it was registered");
            });
        }
    });
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}
