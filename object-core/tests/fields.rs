//! Fields by reflection: every kind takes what fits it, refuses the rest, and keeps the old value.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::heap::{Heap, live};
use common::{Point, Point3, baseline};
use object_core::abi::{FieldInfo, FieldKind, field_flags};
use object_core::{
    Any, AnyView, Bytes, Error, FieldSpec, Object, ObjectArc, ObjectRef, Str, StrObj, convert_for,
    holds_references, read_field, register_reflected, try_new_reflected, type_index as index,
    type_info, write_field,
};

#[global_allocator]
static HEAP: Heap = Heap;

const NAMES: [&str; FieldKind::ALL.len()] = [
    "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "str", "bytes",
    "object", "weak", "any",
];

/// An object with one mutable field of each kind (objects and weak references: points).
fn object() -> (ObjectRef, Vec<&'static FieldInfo>) {
    let point = Point::type_index().unwrap();
    let spec = |(kind, name): (&FieldKind, &'static str)| FieldSpec {
        name,
        doc: "",
        kind: *kind,
        value_kind: None,
        flags: 0,
        type_index: point,
    };
    let specs: Vec<_> = FieldKind::ALL.iter().zip(NAMES).map(spec).collect();
    let number = register_reflected("fields.All", "", index::OBJECT, &specs).unwrap();
    let info = type_info(number).unwrap();
    let object = try_new_reflected(info, !holds_references(info)).unwrap();
    (object, info.all_fields().collect())
}

fn read(object: &ObjectRef, field: &FieldInfo) -> Any {
    // SAFETY: the field is the object's, initialised by its constructor.
    unsafe { read_field(ObjectArc::as_ptr(object), field) }
}

fn write(object: &ObjectRef, field: &FieldInfo, value: AnyView<'_>) -> Result<(), Error> {
    // SAFETY: as above, and mutable.
    unsafe { write_field(ObjectArc::as_ptr(object), field, value) }
}

/// What lies in a new field, a value that fits, and how it comes back.
fn fitting(kind: FieldKind) -> (&'static str, Any, String) {
    let same = |zero, any: Any| (zero, any.clone(), format!("{any:?}"));
    match kind {
        FieldKind::I8 => same("0", Any::from(i8::MIN)),
        FieldKind::I16 => same("0", Any::from(i16::MIN)),
        FieldKind::I32 => same("0", Any::from(i32::MIN)),
        FieldKind::I64 => same("0", Any::from(i64::MIN)),
        FieldKind::U8 => same("0", Any::from(u8::MAX)),
        FieldKind::U16 => same("0", Any::from(u16::MAX)),
        FieldKind::U32 => same("0", Any::from(u32::MAX)),
        FieldKind::U64 => same("0", Any::from(i64::MAX)),
        FieldKind::F32 => same("0.0", Any::from(0.5)),
        FieldKind::F64 => same("0.0", Any::from(f64::MIN_POSITIVE)),
        FieldKind::Bool => same("false", Any::from(true)),
        FieldKind::Str => same("None", Any::from("longer than seven")),
        FieldKind::Bytes => same("None", Any::from(Bytes::from(&b"longer than seven"[..]))),
        FieldKind::Any => same("None", Any::from(1.5)),
        _ => same("None", Any::from(ObjectArc::new(Point::at(1, 2)))),
    }
}

#[test]
fn every_kind_starts_at_zero_and_keeps_what_fits() {
    drop(object()); // its type stays
    let before = baseline();
    let (object, fields) = object();
    assert_eq!(fields.len(), FieldKind::ALL.len());
    for field in &fields {
        let kind = field.kind().unwrap();
        let (zero, value, back) = fitting(kind);
        assert_eq!(format!("{:?}", read(&object, field)), zero, "{kind:?}");
        write(&object, field, value.view()).unwrap();
        assert_eq!(format!("{:?}", read(&object, field)), back, "{kind:?}");
    }
    // Neighbours were left alone: all is still there, but for the weak one's point, which is gone.
    for field in &fields {
        let (_, _, back) = fitting(field.kind().unwrap());
        let expected = if field.kind() == Some(FieldKind::Weak) {
            "None"
        } else {
            &back
        };
        assert_eq!(format!("{:?}", read(&object, field)), expected);
    }
    drop((object, fields));
    assert_eq!(live(), before);
}

#[test]
fn what_does_not_fit_is_refused_with_words_and_changes_nothing() {
    let (object, fields) = object();
    let values = [
        ("None", Any::NONE),
        ("bool", Any::from(true)),
        ("int", Any::from(7i64)),
        ("float", Any::from(2.5)),
        ("str", Any::from("text")),
        ("bytes", Any::from(Bytes::from(&b"b"[..]))),
        ("tieback.Error", Any::from(Error::new("E", "m"))),
        ("test.Point", Any::from(ObjectArc::new(Point::at(1, 2)))),
        (
            "test.Point3",
            Any::from(ObjectArc::new(Point3::at(1, 2, 3))),
        ),
    ];
    for field in fields {
        let (_, first, back) = fitting(field.kind().unwrap());
        let (expected, accepted): (_, &[&str]) = match field.kind().unwrap() {
            FieldKind::F32 | FieldKind::F64 => ("float", &["bool", "int", "float"]),
            FieldKind::Bool => ("bool", &["bool"]),
            FieldKind::Str => ("str", &["str"]),
            FieldKind::Bytes => ("bytes", &["bytes"]),
            FieldKind::Object => ("test.Point", &["test.Point", "test.Point3"]),
            FieldKind::Weak => ("test.Point or None", &["None", "test.Point", "test.Point3"]),
            FieldKind::Any => continue,
            _ => ("int", &["bool", "int"]),
        };
        for (name, value) in &values {
            write(&object, field, first.view()).unwrap();
            let outcome = write(&object, field, value.view());
            assert_eq!(
                outcome.is_ok(),
                accepted.contains(name),
                "{} = {name}",
                field.name()
            );
            if let Err(error) = outcome {
                assert_eq!(
                    error.to_string(),
                    format!("TypeError: expected {expected}, got {name}")
                );
                assert_eq!(format!("{:?}", read(&object, field)), back);
            }
        }
    }
}

#[test]
fn integers_outside_a_fields_range_overflow() {
    let (object, fields) = object();
    for field in fields {
        let (low, high) = match field.kind().unwrap() {
            FieldKind::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
            FieldKind::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            FieldKind::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            FieldKind::U8 => (0, i64::from(u8::MAX)),
            FieldKind::U16 => (0, i64::from(u16::MAX)),
            FieldKind::U32 => (0, i64::from(u32::MAX)),
            FieldKind::U64 => (0, i64::MAX),
            _ => continue,
        };
        for wrong in [low.checked_sub(1), high.checked_add(1)]
            .into_iter()
            .flatten()
        {
            let error = write(&object, field, AnyView::int(wrong)).unwrap_err();
            let text = format!("OverflowError: expected an int from {low} to {high}, got {wrong}");
            assert_eq!(error.to_string(), text);
        }
        for fits in [low, high] {
            write(&object, field, AnyView::int(fits)).unwrap();
            assert_eq!(read(&object, field).get::<i64>().unwrap(), fits);
        }
    }
}

#[test]
fn an_unsigned_number_that_no_int_holds_reads_as_a_float() {
    let (object, fields) = object();
    let field = fields
        .iter()
        .find(|field| field.kind() == Some(FieldKind::U64))
        .unwrap();
    // SAFETY: a scalar of 8 bytes in a live object.
    unsafe {
        ObjectArc::as_ptr(&object)
            .byte_add(field.offset as usize)
            .cast()
            .write(u64::MAX)
    };
    assert_eq!(read(&object, field).get::<f64>().unwrap(), u64::MAX as f64);
}

#[test]
fn optional_fields_take_none_and_others_do_not() {
    for (flags, taken) in [(0, false), (field_flags::OPTIONAL, true)] {
        let spec = |name, kind| FieldSpec {
            name,
            doc: "",
            kind,
            value_kind: None,
            flags,
            type_index: index::OBJECT,
        };
        let specs = [
            spec("str", FieldKind::Str),
            spec("bytes", FieldKind::Bytes),
            spec("object", FieldKind::Object),
        ];
        let key = format!("fields.optional{flags}");
        let number = register_reflected(&key, "", index::OBJECT, &specs).unwrap();
        for field in type_info(number).unwrap().all_fields() {
            assert_eq!(field.is_optional(), taken);
            let outcome = convert_for(field, AnyView::NONE);
            assert_eq!(
                outcome.is_ok_and(|value| value.is_none()),
                taken,
                "{}",
                field.name()
            );
        }
    }
}

#[test]
fn replaced_values_are_dropped_and_read_ones_shared() {
    let (object, fields) = object();
    let field = |kind| {
        fields
            .iter()
            .find(|field| field.kind() == Some(kind))
            .unwrap()
    };
    for kind in [FieldKind::Object, FieldKind::Any] {
        let point = ObjectArc::new(Point::at(1, 2));
        write(&object, field(kind), AnyView::object(&point)).unwrap();
        assert_eq!(ObjectArc::strong_count(&point), 2);
        let shared = read(&object, field(kind));
        assert_eq!(ObjectArc::strong_count(&point), 3);
        let other = ObjectArc::new(Point::at(3, 4));
        write(&object, field(kind), AnyView::object(&other)).unwrap();
        drop(shared);
        assert_eq!(ObjectArc::strong_count(&point), 1);
    }
    let text = Str::from("longer than seven");
    let any = Any::from(text.clone());
    write(&object, field(FieldKind::Str), any.view()).unwrap();
    write(&object, field(FieldKind::Str), Any::from("x").view()).unwrap();
    let shared = any.get::<ObjectArc<StrObj>>().unwrap();
    assert_eq!(ObjectArc::strong_count(&shared), 3, "text, any, and this");

    let point = ObjectArc::new(Point::at(1, 2));
    let weak = field(FieldKind::Weak);
    write(&object, weak, AnyView::object(&point)).unwrap();
    assert_eq!(
        (
            ObjectArc::strong_count(&point),
            ObjectArc::weak_count(&point)
        ),
        (1, 1)
    );
    assert_eq!(read(&object, weak).get::<ObjectArc<Point>>().unwrap().x, 1);
    write(&object, weak, AnyView::NONE).unwrap();
    assert_eq!(
        (
            ObjectArc::strong_count(&point),
            ObjectArc::weak_count(&point)
        ),
        (1, 0)
    );
}

#[test]
fn a_float_too_large_for_its_field_overflows() {
    let (object, fields) = object();
    let field = fields
        .iter()
        .find(|field| field.kind() == Some(FieldKind::F32))
        .unwrap();
    write(&object, field, Any::from(0.5).view()).unwrap();
    // Half a step above the largest is rounded up, and so is more.
    for wrong in [
        340_282_356_779_733_661_637_539_395_458_142_568_448.0,
        -1e39,
        1e300,
    ] {
        let error = write(&object, field, Any::from(wrong).view()).unwrap_err();
        let text = format!("OverflowError: expected a float of 32 bits (f32), got {wrong:e}");
        assert_eq!(error.to_string(), text);
        assert_eq!(read(&object, field).get::<f64>().unwrap(), 0.5);
    }
    for fits in [f64::from(f32::MAX), f64::NEG_INFINITY] {
        write(&object, field, Any::from(fits).view()).unwrap();
        assert_eq!(read(&object, field).get::<f64>().unwrap(), fits);
    }
}
