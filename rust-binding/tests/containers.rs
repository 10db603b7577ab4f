//! Containers of one type: what goes in comes out, what does not fit says where and comes back.

#![allow(unsafe_code)]

use std::collections::HashSet;

use rust_binding::containers::{Array, Dict, List, Map};
use rust_binding::{Any, AnyView, CallTyped, Error, Function, IntoAny, Str, typed};

fn message<T: std::fmt::Debug>(result: Result<T, impl std::fmt::Display>) -> String {
    result.expect_err("it should have failed").to_string()
}

#[test]
fn an_array_is_checked_once() {
    let array = Array::<i64>::from_iter([3, 1, 2]);
    assert_eq!(
        (array.len(), array.get(1), array.get(3)),
        (3, Some(1), None)
    );
    assert_eq!(array.iter().rev().collect::<Vec<_>>(), [2, 1, 3]);
    assert_eq!((&array).into_iter().sum::<i64>(), 6);
    assert_eq!(format!("{array:?}"), "[3, 1, 2]");
    // Floats widen as they do for an argument; what is no number does not.
    let floats = Array::<f64>::try_cast(array.clone()).unwrap();
    assert_eq!(floats.get(0), Some(3.0));
    let texts = Array::<Str>::try_cast(array.clone());
    let (back, error) = texts.unwrap_err();
    assert_eq!(error.to_string(), "element 0: expected str, got int");
    assert_eq!(Array::<i64>::try_cast(back).unwrap(), array, "it came back");
    let nothing = Array::<i64>::try_cast(Any::from(1)).unwrap_err().1;
    assert_eq!(nothing.to_string(), "expected tieback.Array, got int");
    assert_eq!(
        message(Array::<Str>::try_from_values([1])),
        "TypeError: element 0: expected str, got int"
    );
    assert!(message(Array::<i64>::try_from_values([1, u64::MAX])).starts_with("OverflowError"));
    let any = Array::<Any>::from_iter(["a", "b"]);
    assert_eq!(any[1].view().as_str(), Some("b"));
    // By value.
    let alike: HashSet<Array<i64>> = [[1, 2], [1, 2], [2, 1]].map(Array::from_iter).into();
    assert_eq!(alike.len(), 2);
    assert_ne!(
        Array::<i64>::from_iter([1]),
        Array::<i64>::from_iter([1, 2])
    );
    let nested = Array::<Array<i64>>::from_iter([array.clone(), array]);
    assert_eq!(nested.get(1).unwrap().get(0), Some(3));
}

#[test]
fn a_list_is_checked_at_each_look() {
    let mut list = List::<i64>::from_iter([1, 2]);
    let shared = list.clone();
    list.extend([3, 4]);
    shared.push(5).unwrap();
    shared.insert(0, 0).unwrap();
    shared.set(1, 10).unwrap();
    assert_eq!(list.to_vec().unwrap(), [0, 10, 2, 3, 4, 5]);
    assert_eq!(list.remove(1).unwrap(), Some(10));
    assert_eq!(
        (list.pop().unwrap(), list.remove(9).unwrap()),
        (Some(5), None)
    );
    assert_eq!(
        message(list.set(9, 1)),
        "IndexError: index 9 is out of range for a List of 4 items"
    );
    // Another frontend puts something else in.
    list.as_untyped()
        .try_push(Str::try_new("text").unwrap())
        .unwrap();
    let wrong = "TypeError: element 4: expected int, got str";
    assert_eq!(message(list.get(4)), wrong);
    assert_eq!(message(list.to_vec()), wrong);
    assert_eq!(list.iter().filter(Result::is_err).count(), 1);
    assert_eq!(list.get(3).unwrap(), Some(4), "the others are there");
    assert!(List::<i64>::try_cast(list.clone()).is_err());
    assert_eq!(format!("{list:?}"), r#"[0, 2, 3, 4, "text"]"#);
    // An iteration sees what was there when it began.
    let numbers = List::<i64>::from_iter(0..3);
    for number in &numbers {
        numbers.push(number.unwrap()).unwrap();
    }
    assert_eq!(numbers.to_vec().unwrap(), [0, 1, 2, 0, 1, 2]);
    numbers.clear();
    assert!(numbers.is_empty() && numbers.pop().unwrap().is_none());
}

#[test]
fn a_map_keeps_order_and_finds_pythons_keys() {
    let map = Map::<Str, i64>::from_iter([("b", 1), ("a", 2), ("b", 3)]);
    assert_eq!(
        (map.len(), map.get("b"), map.get("c"), map.get(1)),
        (2, Some(3), None, None)
    );
    assert_eq!(
        map.keys().map(|key| key.to_string()).collect::<Vec<_>>(),
        ["b", "a"]
    );
    assert_eq!(map.values().collect::<Vec<_>>(), [3, 2]);
    assert_eq!(
        map,
        Map::from_iter([("a", 2), ("b", 3)]),
        "whatever the order"
    );
    assert_ne!(map, Map::from_iter([("a", 2), ("b", 4)]));
    assert!(map.contains_key("a") && !map.contains_key(u64::MAX));
    let numbers = Map::<i64, Any>::from_iter([(1, "one")]);
    assert_eq!(numbers[1.0].view().as_str(), Some("one"));
    assert_eq!(numbers[true].view().as_str(), Some("one"));
    let (back, error) = Map::<i64, i64>::try_cast(numbers).unwrap_err();
    assert_eq!(error.to_string(), "value 0: expected int, got str");
    assert!(Map::<i64, Str>::try_cast(back).is_ok());
    assert_eq!(
        message(Map::<i64, i64>::try_from_pairs([("a", 1)])),
        "TypeError: key 0: expected int, got str"
    );
    assert_eq!((&map).into_iter().map(|(_, value)| value).sum::<i64>(), 5);
}

#[test]
fn a_dict_is_checked_at_each_look() {
    let mut dict = Dict::<Str, i64>::try_new().unwrap();
    assert!(!dict.insert("a", 1).unwrap());
    assert!(dict.insert("a", 2).unwrap());
    dict.extend([("b", 3), ("c", 4)]);
    assert_eq!(
        (dict.get("a").unwrap(), dict.get("z").unwrap()),
        (Some(2), None)
    );
    assert_eq!(dict.remove("b").unwrap(), Some(3));
    assert_eq!(dict.len(), 2);
    dict.as_untyped().try_insert(1, 1.5).unwrap();
    assert_eq!(
        message(dict.to_vec()),
        "TypeError: key 2: expected str, got int"
    );
    assert_eq!(message(dict.get(1)), "TypeError: expected int, got float");
    assert_eq!(dict.iter().filter(Result::is_ok).count(), 2);
    assert_eq!(format!("{dict:?}"), r#"{"a": 2, "c": 4, 1: 1.5}"#);
    assert!(dict.contains_key(true).unwrap());
    let overflow = message(dict.insert("big", u64::MAX));
    assert!(overflow.starts_with("OverflowError"), "{overflow}");
    dict.clear();
    assert!(dict.is_empty());
}

/// As arguments and results of functions that any frontend calls.
#[test]
fn they_cross() -> Result<(), Error> {
    let sum = typed(
        "sum",
        |list: List<i64>, weights: Map<i64, f64>| -> Result<f64, Error> {
            let weigh = |at: i64| at as f64 * weights.get(at).unwrap_or(1.0);
            Ok(list.to_vec()?.into_iter().map(weigh).sum())
        },
    );
    let list = List::<i64>::from_iter([1, 2, 3]);
    let weights = Map::<i64, f64>::from_iter([(2, 0.5)]);
    assert_eq!(sum.call::<f64>((list.clone(), weights.clone()))?, 5.0);
    list.as_untyped().try_push(Any::NONE).unwrap();
    assert_eq!(
        message(sum.call::<f64>((list, weights))),
        "TypeError: sum() argument 1: element 3: expected int, got None"
    );
    let made: Dict<Str, List<i64>> = Function::from_packed(|_: &[AnyView<'_>]| {
        Dict::<Str, List<i64>>::try_from_pairs([("a", List::<i64>::from_iter([1]))])?.into_any()
    })
    .call(())?;
    assert_eq!(made.get("a")?.unwrap().to_vec()?, [1]);
    Ok(())
}

/// Fields of containers, as every frontend sees them.
#[derive(rust_binding::Object)]
#[object(key = "containers.Shop")]
#[repr(C)]
struct Shop {
    header: rust_binding::ObjectHeader,
    names: rust_binding::object_core::List,
    fixed: Option<rust_binding::object_core::Map>,
    stock: rust_binding::MutField<rust_binding::object_core::Dict>,
}

#[test]
fn they_are_fields() -> Result<(), Error> {
    use rust_binding::object_core::{self, read_field, write_field};
    use rust_binding::{MutField, Object, ObjectArc, ObjectHeader, type_info};

    let shop = ObjectArc::new(Shop {
        header: ObjectHeader::new(),
        names: List::<Str>::from_iter(["a"]).into_untyped(),
        fixed: None,
        stock: MutField::new(Dict::<Str, i64>::from_iter([("a", 1)]).into_untyped()),
    });
    let info = type_info(Shop::type_index()?).unwrap();
    let field = |name: &str| info.field(name).unwrap();
    let object = ObjectArc::as_ptr(&shop).cast();
    // SAFETY: a live object of that type, and its fields.
    let read = |name: &str| unsafe { read_field(object, field(name)) };
    assert!(read("fixed").is_none());
    let names = List::<Str>::try_cast(read("names")).unwrap();
    names.push("b")?;
    assert_eq!(shop.names.len(), 2, "every holder sees it change");
    let other = Any::from(Dict::<Str, i64>::from_iter([("b", 2)]));
    // SAFETY: as above, and the field is mutable.
    unsafe { write_field(object, field("stock"), other.view()) }?;
    let stock: object_core::Dict = shop.stock.get(&shop)?;
    assert_eq!(stock.len(), 1);
    // SAFETY: as above.
    let wrong = unsafe { write_field(object, field("stock"), read("names").view()) };
    assert_eq!(
        message(wrong),
        "TypeError: expected tieback.Dict, got tieback.List"
    );
    Ok(())
}
