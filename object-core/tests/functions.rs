//! Functions called with packed arguments.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::c_void;

use common::heap::{Heap, live};
use common::{Drops, Told, baseline};
use object_core::abi::{RawAny, SafeCall, call_status};
use object_core::{
    Any, AnyView, Error, Function, FunctionObj, ObjectArc, ObjectHeader, borrowed_outcome, header,
    packed_outcome, type_index,
};

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

/// What a raw call by one of a function's entry points leaves, and its status.
fn call_raw(
    function: &Function,
    args: &[AnyView<'_>],
    entry: fn(&FunctionObj) -> SafeCall,
) -> (i32, RawAny) {
    let mut result = RawAny::NONE;
    let object = ObjectArc::as_ptr(function.as_object());
    // SAFETY: a live function, and views have RawAny's layout.
    let status = unsafe {
        entry(object.as_ref())(
            object.as_ptr().cast(),
            args.as_ptr().cast(),
            args.len() as i32,
            &raw mut result,
        )
    };
    (status, result)
}

#[test]
fn what_the_arguments_keep_alive_is_counted_only_for_those_who_want_to_own_it() {
    let before = baseline();
    let first = Function::from_packed_borrowed(|args| match args {
        [first, ..] => Ok(*first),
        [] => Err(Error::new("TypeError", "first() takes an argument")),
    });
    let point = ObjectArc::new(common::Point::at(1, 2));
    let args = [AnyView::object(&point)];
    let (status, lent) = call_raw(&first, &args, FunctionObj::lend_call);
    assert_eq!(status, call_status::BORROWED);
    assert_eq!(
        lent.as_object().unwrap(),
        ObjectArc::as_ptr(&point).cast::<ObjectHeader>()
    );
    assert_eq!(ObjectArc::strong_count(&point), 1);
    // SAFETY: what the call left; the argument is alive.
    let lent = unsafe { borrowed_outcome(lent) }.unwrap();
    assert!(ObjectArc::ptr_eq(
        &ObjectArc::<common::Point>::try_from(lent).unwrap(),
        &point
    ));

    let (status, owned) = call_raw(&first, &args, FunctionObj::safe_call);
    assert_eq!(
        (status, ObjectArc::strong_count(&point)),
        (call_status::OK, 2)
    );
    // SAFETY: the call's result, which is ours.
    drop(unsafe { packed_outcome(status, owned) }.unwrap());
    // One that does not lend has one entry point.
    let own = function(|_| Ok(Any::NONE));
    let (status, nothing) = call_raw(&own, &args, FunctionObj::lend_call);
    assert_eq!(
        (status, nothing.type_index),
        (call_status::OK, type_index::NONE)
    );
    drop(own);
    let kept = first.call_packed(&args).unwrap();
    assert_eq!(ObjectArc::strong_count(&point), 2);
    drop(kept);

    // No objects: there is nothing to lend. What only an argument can be is copied.
    let (text, long) = (Any::from("short"), Any::from("too long to be in place"));
    let raw = RawAny {
        type_index: type_index::RAW_STR,
        ..RawAny::NONE
    };
    let mut raw_text = raw;
    raw_text.value.pointer = c"of the caller's frame".as_ptr().cast_mut().cast();
    // SAFETY: the text is a constant.
    let raw_text = unsafe { AnyView::from_raw(raw_text) };
    for (view, status) in [
        (AnyView::NONE, call_status::OK),
        (AnyView::int(5), call_status::OK),
        (text.view(), call_status::OK),
        (long.view(), call_status::BORROWED),
        (raw_text, call_status::OK),
    ] {
        let (answer, result) = call_raw(&first, &[view], FunctionObj::lend_call);
        assert_eq!(answer, status, "{view:?}");
        if answer == call_status::OK {
            // SAFETY: the call's result, which is ours.
            let owned = unsafe { packed_outcome(answer, result) }.unwrap();
            assert_eq!(owned.view().as_str(), view.as_str());
        }
    }
    let mut moved = ObjectArc::into_raw(point.clone()).cast::<ObjectHeader>();
    let mut place = RawAny {
        type_index: type_index::RVALUE_REF,
        ..RawAny::NONE
    };
    place.value.pointer = (&raw mut moved).cast();
    // SAFETY: the place is there, and the object in it the call's to take.
    let moved_view = unsafe { AnyView::from_raw(place) };
    let (status, taken) = call_raw(&first, &[moved_view], FunctionObj::lend_call);
    assert_eq!(status, call_status::OK, "who moves it in has it no more");
    // SAFETY: the call's result, which is ours.
    drop(unsafe { packed_outcome(status, taken) }.unwrap());
    // SAFETY: read only; what was moved out of it is null.
    assert!(unsafe { (&raw const moved).cast::<*mut ObjectHeader>().read() }.is_null());
    assert_eq!(ObjectArc::strong_count(&point), 1);

    let refused = first.call_packed(&[]).unwrap_err();
    assert_eq!(refused.to_string(), "TypeError: first() takes an argument");
    let (status, error) = call_raw(&first, &[], FunctionObj::lend_call);
    assert_eq!(status, call_status::FAILED);
    // SAFETY: the call's error, which is ours.
    drop(unsafe { packed_outcome(status, error) }.unwrap_err());
    drop((point, text, long, refused, first));
    assert_eq!(live(), before);
}

#[cfg(feature = "std")]
#[test]
fn a_panic_of_a_function_that_lends_is_an_error_too() {
    let function = Function::from_packed_borrowed(|_| panic!("before it lent"));
    let error = common::quietly(|| function.call_packed(&[])).unwrap_err();
    assert_eq!(error.message(), "Rust code panicked: before it lent");
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
