//! Functions called with packed arguments.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::c_void;

use common::heap::{Heap, live};
use common::{Drops, Told, baseline};
use object_core::abi::RawAny;
use object_core::{Any, AnyView, Error, Function, FunctionObj, ObjectArc, header};

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
fn a_function_says_that_it_releases_the_interpreter() {
    let flag = |function: &Function| {
        ObjectArc::header(function.as_object()).flags() & header::flags::RELEASES_INTERPRETER != 0
    };
    let plain = function(|_| Ok(Any::NONE));
    assert!(!flag(&plain));
    assert!(flag(&plain.releasing_interpreter()));
}
