//! `load`, `store` and `swap` of fields that can change; values for fields; identity of handles.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::collections::HashSet;

use common::{Drops, Noisy, Point, panics};
use object_core::{
    Any, AnyView, Array, Bytes, Error, FieldType, Function, MutField, Object, ObjectArc,
    ObjectHeader, ObjectRef, Str, WeakObjectArc, field_value,
};

#[repr(C)]
struct Cell {
    header: ObjectHeader,
    // What is to be aligned to 8 comes first: on a 32-bit target nothing else aligns it so.
    large: MutField<u64>,
    exact: MutField<f64>,
    text: MutField<Str>,
    any: MutField<Any>,
    ratio: MutField<f32>,
    middle: MutField<u16>,
    small: MutField<i8>,
    yes: MutField<bool>,
    point: MutField<ObjectArc<Point>>,
    maybe: MutField<Option<ObjectArc<Noisy>>>,
    weak: MutField<WeakObjectArc<Noisy>>,
    array: MutField<Option<Array>>,
}

common::object!(Cell, "typed_fields.Cell");

fn cell() -> ObjectArc<Cell> {
    ObjectArc::new(Cell {
        header: ObjectHeader::new(),
        small: MutField::new(1),
        middle: MutField::new(2),
        large: MutField::new(3),
        ratio: MutField::new(0.5),
        exact: MutField::new(0.25),
        yes: MutField::new(true),
        text: MutField::new(Str::from("the first text")),
        any: MutField::default(),
        point: MutField::new(ObjectArc::new(Point::at(1, 2))),
        maybe: MutField::default(),
        weak: MutField::default(),
        array: MutField::default(),
    })
}

/// Loads, stores and swaps `values` in turn.
fn round<F, K>(cell: &ObjectArc<Cell>, field: &MutField<F>, values: Vec<F>, key: impl Fn(&F) -> K)
where
    F: FieldType + Clone,
    K: PartialEq + std::fmt::Debug,
{
    for value in values {
        let wanted = key(&value);
        let before = key(&field.load(cell));
        assert_eq!(key(&field.swap(cell, value.clone())), before);
        assert_eq!(key(&field.load(cell)), wanted);
        field.store(cell, value);
        assert_eq!(key(&field.load(cell)), wanted);
    }
}

#[test]
fn each_kind_is_loaded_stored_and_swapped() {
    let cell = cell();
    round(&cell, &cell.small, vec![i8::MIN, i8::MAX, 0], |v| *v);
    round(&cell, &cell.middle, vec![u16::MAX, 0], |v| *v);
    // Past what a value of any type can hold as an int.
    round(&cell, &cell.large, vec![u64::MAX, 0], |v| *v);
    round(&cell, &cell.ratio, vec![f32::MIN, f32::NAN], |v| {
        v.to_bits()
    });
    round(&cell, &cell.exact, vec![f64::MAX, -0.0], |v| v.to_bits());
    round(&cell, &cell.yes, vec![false, true], |v| *v);
    round(
        &cell,
        &cell.text,
        vec![
            Str::from("short"),
            Str::from("longer than seven"),
            Str::EMPTY,
        ],
        |v| v.as_str().to_owned(),
    );
    let any = vec![Any::from(3i64), Any::from("a text in an object"), Any::NONE];
    round(&cell, &cell.any, any, |v| format!("{v:?}"));
    let points = vec![
        ObjectArc::new(Point::at(3, 4)),
        ObjectArc::new(Point::at(5, 6)),
    ];
    round(&cell, &cell.point, points, |v| v.clone());
    round(
        &cell,
        &cell.array,
        vec![Some(Array::from_iter([1i64])), None],
        |v| format!("{v:?}"),
    );
}

#[test]
fn references_are_counted() {
    let (cell, drops) = (cell(), Drops::new());
    let noisy = Noisy::place(&drops);
    cell.maybe.store(&cell, Some(noisy.clone()));
    assert_eq!(ObjectArc::strong_count(&noisy), 2);
    let loaded = cell.maybe.load(&cell);
    assert_eq!(ObjectArc::strong_count(&noisy), 3);
    drop(loaded);
    drop(cell.maybe.swap(&cell, None));
    assert_eq!(ObjectArc::strong_count(&noisy), 1);

    cell.weak.store(&cell, ObjectArc::downgrade(&noisy));
    let weak = cell.weak.load(&cell);
    // The field's and the copy.
    assert_eq!(
        (
            ObjectArc::strong_count(&noisy),
            ObjectArc::weak_count(&noisy)
        ),
        (1, 2)
    );
    assert_eq!(weak.upgrade().unwrap(), noisy);
    drop(noisy);
    assert_eq!(drops.count(), 1);
    assert!(weak.upgrade().is_none() && cell.weak.load(&cell).upgrade().is_none());

    cell.maybe.store(&cell, Some(Noisy::place(&drops)));
    drop(cell);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_field_is_refused_with_another_object() {
    let (one, two) = (cell(), cell());
    assert!(panics(|| assert_eq!(one.large.load(&two), 3)).contains("not one of this object's"));
    assert!(panics(|| one.text.store(&two, Str::EMPTY)).contains("not one of this object's"));
}

#[test]
fn values_become_what_a_field_stores() {
    let (drops, point) = (Drops::new(), ObjectArc::new(Point::at(1, 2)));
    assert_eq!(field_value::<u8>(AnyView::int(255)).unwrap(), 255);
    assert_eq!(
        field_value::<u8>(AnyView::int(256)).unwrap_err().kind(),
        "OverflowError"
    );
    assert_eq!(field_value::<i16>(AnyView::int(-3)).unwrap(), -3);
    assert_eq!(field_value::<f32>(Any::from(0.5).view()).unwrap(), 0.5);
    assert!(field_value::<bool>(Any::from(true).view()).unwrap());
    assert_eq!(
        field_value::<Str>(Any::from("text").view())
            .unwrap()
            .as_str(),
        "text"
    );
    assert!(field_value::<Bytes>(Any::from("text").view()).is_err());
    assert_eq!(
        field_value::<ObjectArc<Point>>(AnyView::object(&point)).unwrap(),
        point
    );
    assert!(field_value::<ObjectArc<Noisy>>(AnyView::object(&point)).is_err());
    assert!(field_value::<ObjectArc<Point>>(AnyView::NONE).is_err());
    assert!(
        field_value::<Option<ObjectArc<Point>>>(AnyView::NONE)
            .unwrap()
            .is_none()
    );
    let changing = field_value::<MutField<Option<Function>>>(AnyView::NONE).unwrap();
    drop(changing);
    let noisy = Noisy::place(&drops);
    let weak = field_value::<WeakObjectArc<Noisy>>(AnyView::object(&noisy)).unwrap();
    assert_eq!(ObjectArc::strong_count(&noisy), 1);
    drop(noisy);
    assert!(weak.upgrade().is_none() && drops.count() == 1);
    assert_eq!(ObjectArc::strong_count(&point), 1);
}

#[test]
fn handles_are_equal_by_identity() {
    let (one, same_fields) = (
        ObjectArc::new(Point::at(1, 2)),
        ObjectArc::new(Point::at(1, 2)),
    );
    assert_eq!(one, one.clone());
    assert_ne!(one, same_fields);
    let all: HashSet<ObjectArc<Point>> = [one.clone(), one.clone(), same_fields].into();
    assert_eq!(all.len(), 2);
    let any: ObjectRef = ObjectArc::upcast(one);
    let back = ObjectArc::downcast::<Point>(any.clone()).unwrap();
    assert!(all.contains(&back));
    // A cast that fails gives the very reference back.
    let count = ObjectArc::strong_count(&any);
    let given = ObjectArc::downcast::<Noisy>(any.clone()).unwrap_err();
    assert_eq!(given, any);
    drop(given);
    assert_eq!(ObjectArc::strong_count(&any), count);
    assert!(Noisy::type_index().is_ok());
}

#[test]
fn an_error_has_its_cause_as_source() {
    use std::error::Error as _;

    let root = Error::new("OSError", "disk");
    let middle = Error::try_with("ValueError", "bad", Some(root), None).unwrap();
    let top = Error::try_with("RuntimeError", "stop", Some(middle), None).unwrap();
    let mut texts = vec![top.to_string()];
    let mut next = top.source();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    assert_eq!(
        texts,
        ["RuntimeError: stop", "ValueError: bad", "OSError: disk"]
    );
    let middle = top.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(middle.kind(), "ValueError");
}
