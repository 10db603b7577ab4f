//! Values in and out of JSON.

#![cfg(all(not(loom), feature = "serde", feature = "infallible", feature = "std"))]
#![allow(unsafe_code)]

mod common;

use common::Point;
use object_core::{Any, Array, Bytes, Dict, List, Map, ObjectArc, Str};
use serde_json::{from_str, to_string};

#[test]
fn values_go_out_and_come_back() {
    let text = r#"{"a":[1,-2.5,true,null,"text, long enough for an object"],"b":{"c":[]},"":9223372036854775807}"#;
    let value: Any = from_str(text).unwrap();
    let map: Map = value.get().unwrap();
    assert_eq!(map.len(), 3);
    let array: Array = map.get(Any::from("a").view()).unwrap().get().unwrap();
    assert_eq!(array[1].get::<f64>().unwrap(), -2.5);
    assert!(array[3].is_none());
    assert_eq!(to_string(&value).unwrap(), text);
    assert_eq!(to_string(&map).unwrap(), text);
    assert_eq!(
        to_string(&from_str::<Array>("[1,[2]]").unwrap()).unwrap(),
        "[1,[2]]"
    );
    assert_eq!(from_str::<Str>("\"x\"").unwrap().as_str(), "x");
    assert_eq!(&*from_str::<Bytes>("[1,2,255]").unwrap(), [1, 2, 255]);
    assert_eq!(to_string(&Bytes::from(&b"\x01"[..])).unwrap(), "[1]");
    let list: Any = List::from_iter([1i64, 2]).into();
    assert_eq!(to_string(&list).unwrap(), "[1,2]");
    let dict: Any = Dict::from_iter([("k", 1i64)]).into();
    assert_eq!(to_string(&dict).unwrap(), r#"{"k":1}"#);
}

#[test]
fn what_has_no_written_form_is_refused_by_name() {
    let point: Any = ObjectArc::new(Point::at(1, 2)).into();
    let error = to_string(&Array::from_iter([point]))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "a test.Point has no written form: write its fields one by one"
    );
    let list = List::from_iter([1i64]);
    list.set(0, list.clone()).unwrap();
    let error = to_string(&Any::from(list.clone())).unwrap_err().to_string();
    assert!(error.contains("does one hold itself?"), "{error}");
    list.clear();
    let error = from_str::<Str>("3").unwrap_err().to_string();
    assert!(error.starts_with("expected a string, got int"), "{error}");
    let error = from_str::<Any>("18446744073709551615")
        .unwrap_err()
        .to_string();
    assert!(error.contains("does not fit an int of 64 bits"), "{error}");
    assert!(from_str::<Bytes>("[256]").is_err());
}
