//! Values of any type: what goes in comes out, as what it is and as nothing else.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::ffi::CStr;

use common::heap::{Heap, live};
use common::{Point, Point3, baseline};
use object_core::abi::{ByteSlice, RawAny};
use object_core::{
    Any, AnyView, Array, Bytes, CastError, Error, Function, ObjectArc, ObjectHeader, ObjectRef,
    Str, TypeName, type_index as index,
};

#[global_allocator]
static HEAP: Heap = Heap;

/// One value of each type, and the name it has in messages.
fn every_value() -> Vec<(Any, &'static str)> {
    let nothing = |_: &[AnyView<'_>]| Ok(Any::NONE);
    let mut pointer = RawAny {
        type_index: index::OPAQUE_PTR,
        ..RawAny::NONE
    };
    pointer.value.int = 64;
    vec![
        (Any::NONE, "None"),
        (Any::from(true), "bool"),
        (Any::from(-3i64), "int"),
        (Any::from(2.5), "float"),
        // SAFETY: an address owns nothing.
        (unsafe { Any::from_raw(pointer) }, "pointer"),
        (Any::from("short"), "str"),
        (Any::from("longer than seven"), "str"),
        (Any::from(Bytes::from(&b"short"[..])), "bytes"),
        (Any::from(Bytes::from(&b"longer than seven"[..])), "bytes"),
        (Any::from(ObjectArc::new(Point::at(1, 2))), "test.Point"),
        (
            Any::from(ObjectArc::new(Point3::at(1, 2, 3))),
            "test.Point3",
        ),
        (
            Any::from(Array::try_from_values([1i64]).unwrap()),
            "tieback.Array",
        ),
        (
            Any::from(Function::from_packed(nothing)),
            "tieback.Function",
        ),
        (Any::from(Error::new("ValueError", "no")), "tieback.Error"),
    ]
}

/// Casts `value` to `T`, which only the types called `accepted` are, and checks the refusal's words.
fn check<T>((value, name): &(Any, &'static str), expected: &str, accepted: &[&str])
where
    T: for<'a> TryFrom<AnyView<'a>, Error = CastError>,
{
    match value.get::<T>() {
        Ok(_) => assert!(accepted.contains(name), "{name} is no {expected}"),
        Err(error) => {
            assert!(!accepted.contains(name), "{name} is a {expected}");
            assert_eq!(
                error.to_string(),
                format!("expected {expected}, got {name}")
            );
            assert_eq!(Error::from(error).kind(), "TypeError");
        }
    }
}

#[test]
fn every_value_is_what_it_is_and_nothing_else() {
    let before = baseline();
    let mut seen = 0;
    for value in &every_value() {
        check::<()>(value, "None", &["None"]);
        check::<bool>(value, "bool", &["bool"]);
        check::<i64>(value, "int", &["int", "bool"]);
        check::<f64>(value, "float", &["float", "int", "bool"]);
        check::<Str>(value, "str", &["str"]);
        check::<Bytes>(value, "bytes", &["bytes"]);
        check::<Array>(value, "tieback.Array", &["tieback.Array"]);
        check::<Function>(value, "tieback.Function", &["tieback.Function"]);
        check::<Error>(value, "tieback.Error", &["tieback.Error"]);
        check::<ObjectArc<Point>>(value, "test.Point", &["test.Point", "test.Point3"]);
        check::<ObjectArc<Point3>>(value, "test.Point3", &["test.Point3"]);
        // A string is a value, however long.
        let number = value.0.type_index();
        let is_text = number == index::STR || number == index::BYTES;
        assert_eq!(
            value.0.get::<ObjectRef>().is_ok(),
            index::is_object(number) && !is_text
        );
        check::<Option<bool>>(value, "bool or None", &["None", "bool"]);
        check::<Option<i64>>(value, "int or None", &["None", "int", "bool"]);
        check::<Option<Str>>(value, "str or None", &["None", "str"]);
        check::<Option<ObjectArc<Point>>>(
            value,
            "test.Point or None",
            &["None", "test.Point", "test.Point3"],
        );
        assert_eq!(
            value.0.get::<Any>().unwrap().type_index(),
            value.0.type_index()
        );
        assert_eq!(TypeName(value.0.type_index()).to_string(), value.1);
        seen += 1;
    }
    assert_eq!((seen, live()), (14, before));
}

#[test]
fn numbers_keep_their_value_and_narrow_ones_their_range() {
    assert_eq!(Any::from(i64::MIN).get::<i64>().unwrap(), i64::MIN);
    assert_eq!(Any::from(u32::MAX).get::<u32>().unwrap(), u32::MAX);
    assert_eq!(Any::from(true).get::<u8>().unwrap(), 1);
    assert_eq!(Any::from(-7i8).get::<f64>().unwrap(), -7.0);
    assert!(Any::from(f64::NAN).get::<f64>().unwrap().is_nan());
    let error = Any::from(128i64).get::<i8>().unwrap_err();
    assert_eq!(error.to_string(), "expected i8, got int");
    assert_eq!(Any::from(0.1f64).get::<f32>().unwrap(), 0.1);
    assert_eq!(
        Any::from(f64::INFINITY).get::<f32>().unwrap(),
        f32::INFINITY
    );
    let error = Any::from(1e300f64).get::<f32>().unwrap_err();
    assert_eq!(error.to_string(), "expected f32, got float");
    let error = Any::from("1").get::<Option<i64>>().unwrap_err();
    assert_eq!(error.to_string(), "expected int or None, got str");
    assert!(Any::from(-1i64).get::<u32>().is_err() && Any::from(65_536i64).get::<u16>().is_err());
    assert!(Any::from(None::<i64>).is_none() && Any::from(()).is_none());
}

#[test]
fn clones_share_objects_and_into_object_hands_them_over() {
    let before = baseline();
    let point = ObjectArc::new(Point::at(1, 2));
    let any = Any::from(point.clone());
    let clone = any.clone();
    assert_eq!(ObjectArc::strong_count(&point), 3);
    let same = clone.into_object::<Point>().unwrap();
    assert!(ObjectArc::ptr_eq(&same, &point));
    assert_eq!(ObjectArc::strong_count(&point), 3);
    let any = any.into_object::<Point3>().unwrap_err();
    let any = any.into_object::<ObjectHeader>().map(Any::from).unwrap();
    assert!(Any::from(1i64).into_object::<Point>().is_err());
    assert!(
        AnyView::object(&point)
            .try_to_owned()
            .unwrap()
            .into_object::<Point>()
            .is_ok()
    );
    drop((any, same));
    assert_eq!(ObjectArc::strong_count(&point), 1);
    drop(point);
    assert_eq!(live(), before);
}

#[test]
fn they_print_as_python_would() {
    let printed: Vec<String> = every_value()
        .iter()
        .map(|(any, _)| format!("{any:?}"))
        .collect();
    let expected = [
        "None",
        "true",
        "-3",
        "2.5",
        "<pointer>",
        "\"short\"",
        "\"longer than seven\"",
        "b\"short\"",
        "b\"longer than seven\"",
        "<test.Point>",
        "<test.Point3>",
        "[1]",
        "<tieback.Function>",
        "<tieback.Error>",
    ];
    assert_eq!(printed, expected);
    assert_eq!(TypeName(999_999).to_string(), "type 999999");
}

#[test]
fn what_only_a_view_may_point_to_is_copied() {
    let before = baseline();
    for text in [c"", c"seven b", c"longer than seven", c"\xff not text"] {
        let mut raw = RawAny {
            type_index: index::RAW_STR,
            ..RawAny::NONE
        };
        raw.value.pointer = text.as_ptr().cast_mut().cast();
        // SAFETY: the literal outlives the view.
        let view = unsafe { AnyView::from_raw(raw) };
        assert_eq!(view.as_bytes(), Some(CStr::to_bytes(text)));
        let owned = view.try_to_owned().unwrap();
        assert_eq!(owned.view().as_str(), text.to_str().ok());
        assert_eq!(owned.view().as_bytes(), Some(text.to_bytes()));
        assert_eq!(Str::try_from(view).is_ok(), text.to_str().is_ok());

        let slice = ByteSlice::new(text.to_bytes());
        let mut raw = RawAny {
            type_index: index::BYTE_SLICE_PTR,
            ..RawAny::NONE
        };
        raw.value.pointer = (&raw const slice).cast_mut().cast();
        // SAFETY: slice and literal outlive the view.
        let view = unsafe { AnyView::from_raw(raw) };
        assert_eq!(&*Bytes::try_from(view).unwrap(), text.to_bytes());
        assert_eq!(
            view.try_to_owned().unwrap().view().as_bytes(),
            Some(text.to_bytes())
        );
        assert!(Str::try_from(view).is_err());
    }
    assert_eq!(live(), before);
}
