//! Functions called with packed arguments, and the process's functions by name.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::collections::HashSet;
use std::ffi::c_void;

use common::heap::{Heap, live};
use common::{Drops, Told, baseline};
use object_core::abi::{ByteSlice, RawAny};
use object_core::table::function_status;
use object_core::{Any, AnyView, Error, Function, FunctionObj, ObjectArc, header, runtime};

#[global_allocator]
static HEAP: Heap = Heap;

fn function(
    call: impl Fn(&[AnyView<'_>]) -> Result<Any, Error> + Send + Sync + 'static,
) -> Function {
    Function::from_packed(call)
}

#[test]
fn arguments_arrive_in_order_and_results_come_back() {
    let before = baseline();
    let join = function(|args| {
        let parts: Result<Vec<_>, _> = args
            .iter()
            .map(|arg| object_core::Str::try_from(*arg))
            .collect();
        Ok(Any::from(
            &*parts?
                .iter()
                .map(|part| part.as_str())
                .collect::<Vec<_>>()
                .join("-"),
        ))
    });
    assert_eq!(join.call_packed(&[]).unwrap().view().as_str(), Some(""));
    let (one, two) = (Any::from("one"), Any::from("the second one"));
    let joined = join
        .call_packed(&[one.view(), two.view(), one.view()])
        .unwrap();
    assert_eq!(joined.view().as_str(), Some("one-the second one-one"));
    drop((one, two, joined, join));
    assert_eq!(live(), before);
}

#[test]
fn arguments_are_borrowed_and_captures_dropped_with_the_function() {
    let drops = Drops::new();
    let told = Told(drops.clone());
    let point = ObjectArc::new(common::Point::at(1, 2));
    let count = function(move |args| {
        let _captured = &told;
        let point = ObjectArc::<common::Point>::try_from(args[0])?;
        Ok(i64::from(ObjectArc::strong_count(&point)).into())
    });
    let clone = count.clone();
    let counted = clone.call_packed(&[AnyView::object(&point)]).unwrap();
    assert_eq!(
        (
            counted.get::<i64>().unwrap(),
            ObjectArc::strong_count(&point)
        ),
        (2, 1)
    );
    drop(count);
    assert_eq!(drops.count(), 0);
    drop(clone);
    assert_eq!(drops.count(), 1);
}

#[test]
fn errors_keep_kind_message_cause_and_traceback_on_their_way() {
    let inner = function(|_| {
        let cause = Error::new("OSError", "disk full");
        let error = Error::try_with("KeyError", "no such package", Some(cause), None)?;
        error.push_traceback("  File \"inner.rs\", line 1, in inner");
        Err(error)
    });
    let outer = function(move |args| {
        inner.call_packed(args).inspect_err(|error| {
            error.push_traceback("  File \"outer.rs\", line 2, in outer\n");
        })
    });
    let error = outer.call_packed(&[]).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        ("KeyError", "no such package")
    );
    assert_eq!(error.cause().unwrap().to_string(), "OSError: disk full");
    assert!(error.context().is_none() && error.cause().unwrap().cause().is_none());
    let lines = "  File \"inner.rs\", line 1, in inner\n  File \"outer.rs\", line 2, in outer\n";
    assert_eq!(&*error.traceback(), lines);
    let debug = format!("KeyError: no such package\n{lines}\ncaused by OSError: disk full");
    assert_eq!(format!("{error:?}"), debug);
}

#[test]
fn a_function_that_fails_without_an_error_still_fails() {
    unsafe extern "C" fn fail(_: *mut c_void, _: *const RawAny, _: i32, out: *mut RawAny) -> i32 {
        // SAFETY: room for one value, by the contract.
        unsafe { out.write(RawAny::int(7)) };
        1
    }
    // SAFETY: it keeps the contract, but that what it returns is no error.
    let function = ObjectArc::new(unsafe { FunctionObj::new(fail) });
    let error = Function::from_object(function)
        .call_packed(&[])
        .unwrap_err();
    let text = "RuntimeError: a function failed without an error object (it returned 7)";
    assert_eq!(error.to_string(), text);
}

#[cfg(feature = "std")]
#[test]
fn a_panic_becomes_an_error_and_leaks_nothing() {
    let text = function(|_| panic!("out of {}", "range"));
    let literal = function(|_| panic!("plain"));
    let odd = function(|_| std::panic::panic_any(5u8));
    let before = baseline();
    common::quietly(|| {
        for (function, message) in [
            (&text, "Rust code panicked: out of range"),
            (&literal, "Rust code panicked: plain"),
            (
                &odd,
                "Rust code panicked: a panic with a payload that is no text",
            ),
        ] {
            let error = function.call_packed(&[]).unwrap_err();
            assert_eq!((error.kind(), error.message()), ("PanicError", message));
        }
    });
    assert_eq!(live(), before);
}

#[cfg(feature = "std")]
#[test]
fn a_payload_that_panics_when_it_is_dropped_is_caught_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the payload");
        }
    }
    let function = function(|_| std::panic::panic_any(Bomb));
    let error = common::quietly(|| function.call_packed(&[])).unwrap_err();
    assert_eq!(error.kind(), "PanicError");
}

#[test]
fn names_are_taken_overridden_removed() {
    let (drops, other) = (Drops::new(), Drops::new());
    let counted = |drops: &Drops, answer: i64| {
        let told = Told(drops.clone());
        function(move |_| {
            let _captured = &told;
            Ok(answer.into())
        })
    };
    let call = || {
        let found = Function::get_global("functions.name").unwrap();
        found.call_packed(&[]).unwrap().get::<i64>().unwrap()
    };
    assert!(Function::get_global("functions.name").is_none());
    counted(&drops, 1)
        .register_global("functions.name", false)
        .unwrap();
    assert_eq!((call(), drops.count()), (1, 0));

    let error = counted(&other, 2)
        .register_global("functions.name", false)
        .unwrap_err();
    assert_eq!(error.kind(), "ValueError");
    assert!(
        error
            .message()
            .contains("'functions.name' is already registered"),
        "{error}"
    );
    assert_eq!((call(), other.count()), (1, 1));

    counted(&other, 3)
        .register_global("functions.name", true)
        .unwrap();
    assert_eq!((call(), drops.count()), (3, 1));
    assert!(Function::remove_global("functions.name"));
    assert!(!Function::remove_global("functions.name"));
    assert!(Function::get_global("functions.name").is_none());
    assert_eq!((drops.count(), other.count()), (1, 2));
}

#[test]
fn the_name_finds_the_very_function_and_the_table_answers_c_alike() {
    let plain = function(|_| Ok(Any::NONE));
    plain.register_global("functions.same", false).unwrap();
    let found = Function::get_global("functions.same").unwrap();
    assert!(ObjectArc::ptr_eq(plain.as_object(), found.as_object()));

    unsafe extern "C" fn visit(names: *mut c_void, name: ByteSlice) {
        // SAFETY: the set below; the name is readable for the call.
        unsafe { (*names.cast::<HashSet<String>>()).insert(name.as_str().to_string()) };
    }
    let mut names = HashSet::<String>::new();
    let object = ObjectArc::as_ptr(plain.as_object()).as_ptr().cast();
    let name = ByteSlice::new(b"functions.same");
    // SAFETY: everything is alive for the calls.
    unsafe {
        (runtime().function_names)((&raw mut names).cast(), visit);
        assert_eq!(
            (runtime().function_register)(name, object, 0),
            function_status::TAKEN
        );
        assert_eq!(
            (runtime().function_register)(name, object, 1),
            function_status::OK
        );
    }
    assert!(names.contains("functions.same"));
    drop(found);
    assert_eq!(
        ObjectArc::strong_count(plain.as_object()),
        2,
        "ours and the table's"
    );
}

#[test]
fn a_function_that_is_replaced_may_use_the_registry_as_it_goes() {
    struct CallsBack(Drops);
    impl Drop for CallsBack {
        fn drop(&mut self) {
            // Waits for ever if the registry's lock is held.
            let now = Function::get_global("functions.replaced");
            let last = now.is_none();
            function(|_| Ok(Any::NONE))
                .register_global("functions.left", true)
                .unwrap();
            assert_eq!(Function::remove_global("functions.left"), true);
            if !last {
                self.0.add();
            }
        }
    }
    let drops = Drops::new();
    for _ in 0..3 {
        let guard = CallsBack(drops.clone());
        let function = function(move |_| {
            let _captured = &guard;
            Ok(Any::NONE)
        });
        function
            .register_global("functions.replaced", true)
            .unwrap();
    }
    assert_eq!(drops.count(), 2);
    assert!(Function::remove_global("functions.replaced"));
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_function_says_that_it_releases_the_interpreter() {
    let flag = |function: &Function| {
        ObjectArc::header(function.as_object()).flags() & header::flags::RELEASES_INTERPRETER != 0
    };
    let plain = function(|_| Ok(Any::NONE));
    assert!(!flag(&plain));
    assert!(flag(&plain.releasing_interpreter()));
}
