//! Typed containers in and out of serde's formats.

#![cfg(feature = "serde")]

use rust_binding::containers::{Array, Dict, List, Map};
use rust_binding::{Any, Str};

fn there_and_back<T: serde::Serialize + for<'a> serde::Deserialize<'a>>(
    value: &T,
    text: &str,
) -> T {
    assert_eq!(serde_json::to_string(value).unwrap(), text);
    serde_json::from_str(text).unwrap()
}

#[test]
fn typed_containers_are_what_they_were() {
    let array = there_and_back(&Array::<i64>::from_iter([1, 2]), "[1,2]");
    assert_eq!(array.iter().sum::<i64>(), 3);
    let list = there_and_back(&List::<Str>::from_iter(["a", "b"]), r#"["a","b"]"#);
    assert_eq!(list.to_vec().unwrap(), [Str::from("a"), Str::from("b")]);
    let map = there_and_back(
        &Map::<Str, f64>::from_iter([("b", 1.5), ("a", 2.5)]),
        r#"{"b":1.5,"a":2.5}"#,
    );
    assert_eq!(map.get("a"), Some(2.5));
    let dict = there_and_back(
        &Dict::<Str, Any>::from_iter([("a", Any::from(1)), ("b", Any::NONE)]),
        r#"{"a":1,"b":null}"#,
    );
    assert_eq!(dict.get("a").unwrap().unwrap().get::<i64>().unwrap(), 1);
    // A sequence inside of another value is an Array: formats do not tell lists apart.
    let nested = Dict::<Str, Array<i64>>::from_iter([("a", Array::<i64>::from_iter([1]))]);
    let nested = there_and_back(&nested, r#"{"a":[1]}"#);
    assert_eq!(nested.len(), 1);
}

#[test]
fn what_is_of_another_type_is_named_by_its_place() {
    let error = |text: &str| {
        serde_json::from_str::<List<i64>>(text)
            .unwrap_err()
            .to_string()
    };
    assert!(error(r#"[1,"two"]"#).contains("element 1: expected int, got str"));
    assert!(error(r#"{"a":1}"#).contains("expected a sequence, got tieback.Map"));
    let error = serde_json::from_str::<Dict<Str, i64>>(r#"{"a":1.5}"#).unwrap_err();
    assert!(
        error.to_string().contains("expected int, got float"),
        "{error}"
    );
}
