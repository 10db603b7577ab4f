//! Typed functions, methods and calls: what goes in, what comes out, what the errors say.
#![allow(unsafe_code)]

use rust_binding::prelude::*;
use rust_binding::{IntoAny, try_typed, type_info};

#[repr(C)]
struct Counter {
    header: ObjectHeader,
    start: i64,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Counter {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Counter>::new("typed.Counter")
                .field("start", "Where it began.", field!(Counter, start))
                .typed_constructor("Starts at a number.", Counter::make)
                .typed_static("zero", "Starts at 0.", || Counter::make(0))
                .typed_method(
                    "plus",
                    "Start and step.",
                    |this: ObjectArc<Counter>, step: i64| this.start + step,
                )
                .typed_method("me", "Itself.", |this: ObjectArc<Counter>| this)
                .typed_method(
                    "holders",
                    "How many references there are.",
                    |this: &ObjectArc<Counter>| ObjectArc::strong_count(this),
                )
                .typed_method(
                    "holders_with_me",
                    "And the call's own.",
                    |this: ObjectArc<Counter>| ObjectArc::strong_count(&this),
                )
                .typed_method(
                    "minus",
                    "Start less step.",
                    |this: &ObjectArc<Counter>, step: i64| this.start - step,
                )
                .register()
        })
    }
}

impl Counter {
    fn make(start: i64) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            start,
        })
    }
}

/// The method or static of that name, as a frontend finds it.
fn member(name: &str) -> Function {
    let info = type_info(Counter::type_index().unwrap()).unwrap();
    let method = info
        .own_methods()
        .iter()
        .find(|method| method.name() == name)
        .unwrap();
    let object = core::ptr::NonNull::new(method.function).unwrap();
    // SAFETY: the table holds the function as long as the process.
    Function::from_object(unsafe { ObjectArc::from_borrowed(object.cast()) })
}

fn text_of(outcome: Result<Any, Error>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn every_arity_up_to_eight() {
    assert_eq!(typed("f0", || 7).call::<i64>(()).unwrap(), 7);
    assert_eq!(typed("f1", |a: i64| a).call::<i64>((1,)).unwrap(), 1);
    assert_eq!(
        typed("f2", |a: i64, b: i64| a * 10 + b)
            .call::<i64>((1, 2))
            .unwrap(),
        12
    );
    let f8 = typed(
        "f8",
        |a: i8, b: u8, c: i16, d: u16, e: i32, f: u32, g: i64, h: f64| {
            i64::from(a)
                + i64::from(b)
                + i64::from(c)
                + i64::from(d)
                + i64::from(e)
                + i64::from(f)
                + g
                + h as i64
        },
    );
    assert_eq!(f8.call::<i64>((1, 2, 3, 4, 5, 6, 7, 8.0)).unwrap(), 36);
}

#[test]
fn every_kind_of_value_goes_through() {
    let echo = typed("echo", |value: Any| value);
    assert!(echo.call::<bool>((true,)).unwrap());
    assert_eq!(echo.call::<f64>((1.5,)).unwrap(), 1.5);
    assert_eq!(
        &*echo.call::<Str>(("a longer text than seven",)).unwrap(),
        "a longer text than seven"
    );
    assert_eq!(
        &*echo.call::<Str>((String::from("owned"),)).unwrap(),
        "owned"
    );
    assert_eq!(
        &*echo.call::<Bytes>((Bytes::from(&b"raw"[..]),)).unwrap(),
        b"raw"
    );
    assert_eq!(echo.call::<Option<i64>>((None::<i64>,)).unwrap(), None);
    assert_eq!(echo.call::<Option<i64>>((Some(3),)).unwrap(), Some(3));
    echo.call::<()>(((),)).unwrap();
    let array = echo.call::<Array>((vec![1, 2, 3],)).unwrap();
    assert_eq!(array[2].get::<i64>().unwrap(), 3);
    let counter = Counter::make(4);
    let back = echo.call::<ObjectArc<Counter>>((&counter,)).unwrap();
    assert!(ObjectArc::ptr_eq(&counter, &back));
    let function = echo.call::<Function>((echo.clone(),)).unwrap();
    assert_eq!(function.call::<i64>((5,)).unwrap(), 5);
    drop((back, function));
    assert_eq!(ObjectArc::strong_count(&counter), 1);
}

#[test]
fn results_and_their_errors() {
    let parse = try_typed("parse", |text: Str| {
        text.parse::<i64>()
            .map_err(|error| Error::new("ValueError", &error.to_string()))
    })
    .unwrap();
    assert_eq!(parse.call::<i64>(("12",)).unwrap(), 12);
    assert_eq!(parse.call::<i64>(("x",)).unwrap_err().kind(), "ValueError");
    let wide = typed("wide", || u64::MAX).call::<Any>(());
    assert_eq!(
        text_of(wide),
        "OverflowError: 18446744073709551615 does not fit an int of 64 bits"
    );
    assert_eq!(f32::into_any(0.5).unwrap().get::<f64>().unwrap(), 0.5);
    let wrong = typed("text", || "no number").call::<i64>(());
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "TypeError: result of a call: expected int, got str"
    );
    let narrow = typed("big", || 300).call::<u8>(());
    assert_eq!(
        narrow.unwrap_err().to_string(),
        "OverflowError: result of a call: expected an int that fits u8, got 300"
    );
}

#[test]
fn wrong_arguments_are_named() {
    let load = typed("crate_graph.load", |path: Str, depth: i8| {
        format!("{path} {depth}")
    });
    let call = |args: &[AnyView<'_>]| text_of(load.call_packed(args));
    let (text, one) = (Any::from("x"), AnyView::int(1));
    assert_eq!(
        call(&[]),
        "TypeError: crate_graph.load() takes 2 arguments, got 0"
    );
    assert_eq!(
        call(&[text.view()]),
        "TypeError: crate_graph.load() takes 2 arguments, got 1"
    );
    assert_eq!(
        call(&[one, one]),
        "TypeError: crate_graph.load() argument 1: expected str, got int"
    );
    assert_eq!(
        call(&[text.view(), text.view()]),
        "TypeError: crate_graph.load() argument 2: expected int, got str"
    );
    assert_eq!(
        call(&[text.view(), AnyView::int(300)]),
        "OverflowError: crate_graph.load() argument 2: expected an int that fits i8, got 300"
    );
    assert_eq!(
        text_of(typed("none", || ()).call_packed(&[one])),
        "TypeError: none() takes no arguments, got 1"
    );
    assert_eq!(
        text_of(typed("one", |_: i64| ()).call_packed(&[one, one, one])),
        "TypeError: one() takes 1 argument, got 3"
    );
    let counter = Any::from(Counter::make(1));
    assert_eq!(
        text_of(typed("text", |_: Str| ()).call_packed(&[counter.view()])),
        "TypeError: text() argument 1: expected str, got typed.Counter"
    );
    assert_eq!(
        text_of(typed("typed", |_: ObjectArc<Counter>| ()).call_packed(&[AnyView::NONE])),
        "TypeError: typed() argument 1: expected typed.Counter, got None"
    );
}

#[test]
fn methods_check_their_object() {
    let counter = Any::from(Counter::make(40));
    let plus = member("plus");
    assert_eq!(plus.call::<i64>((&counter, 2)).unwrap(), 42);
    let me = member("me").call::<ObjectRef>((&counter,)).unwrap();
    assert!(ObjectArc::ptr_eq(&me, &counter.get::<ObjectRef>().unwrap()));
    assert_eq!(
        member("zero").call::<ObjectArc<Counter>>(()).unwrap().start,
        0
    );
    assert_eq!(
        member("__new__")
            .call::<ObjectArc<Counter>>((9,))
            .unwrap()
            .start,
        9
    );

    // A method that borrows its object does not count it.
    let count = ObjectArc::strong_count(&counter.get::<ObjectArc<Counter>>().unwrap()) - 1;
    for (name, more) in [("holders", 0), ("holders_with_me", 1)] {
        let counted = member(name).call_packed(&[counter.view()]).unwrap();
        assert_eq!(counted.get::<u32>().unwrap(), count + more, "{name}");
    }
    assert_eq!(
        member("minus").call::<i64>((&counter, 2)).unwrap(),
        plus.call::<i64>((&counter, -2)).unwrap()
    );
    for wrong in [
        Any::NONE,
        Any::from(1),
        Any::from("a text that is an object"),
    ] {
        let text = text_of(member("minus").call_packed(&[wrong.view()]));
        assert!(
            text.starts_with("TypeError: typed.Counter.minus() must be called on a typed.Counter"),
            "{text}"
        );
    }

    assert_eq!(
        text_of(plus.call_packed(&[])),
        "TypeError: typed.Counter.plus() must be called on a typed.Counter, got nothing"
    );
    assert_eq!(
        text_of(plus.call((1, 2))),
        "TypeError: typed.Counter.plus() must be called on a typed.Counter, got int"
    );
    // The object does not count as an argument.
    assert_eq!(
        text_of(plus.call((&counter,))),
        "TypeError: typed.Counter.plus() takes 1 argument, got 0"
    );
    assert_eq!(
        text_of(plus.call((&counter, "x"))),
        "TypeError: typed.Counter.plus() argument 1: expected int, got str"
    );
    assert_eq!(
        text_of(member("__new__").call(("x",))),
        "TypeError: typed.Counter() argument 1: expected int, got str"
    );
}

#[test]
fn a_panic_is_an_error() {
    let boom = typed("boom", |text: Str| -> i64 { panic!("boom: {text}") });
    let error = boom.call::<i64>(("now",)).unwrap_err();
    assert_eq!(error.kind(), "PanicError");
    assert_eq!(error.message(), "Rust code panicked: boom: now");
}

#[test]
fn an_error_that_passes_through_is_the_very_same() {
    let made = Error::new("KeyError", "who");
    let inner = {
        let made = made.clone();
        typed("inner", move || Err::<(), Error>(made.clone()))
    };
    let outer = typed("outer", move || inner.call::<Any>(()));
    let error = outer.call::<Any>(()).unwrap_err();
    assert!(ObjectArc::ptr_eq(error.as_object(), made.as_object()));
}
