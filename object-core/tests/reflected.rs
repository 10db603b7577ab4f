//! Types and objects made at run time.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::heap::{Heap, failing, live};
use common::{Drops, Noisy, Point, baseline};
use object_core::abi::{ByteSlice, FieldKind, TypeDesc, TypeInfo, type_flags};
use object_core::header::flags;
use object_core::{
    AnyView, Bytes, FieldSpec, NewError, Object, ObjectArc, ObjectHeader, ObjectRef, RegisterError,
    Str, holds_references, read_field, register_reflected, runtime, try_new_reflected,
    type_index as index, type_info, write_field,
};

#[global_allocator]
static HEAP: Heap = Heap;

fn spec(name: &str, kind: FieldKind) -> FieldSpec<'_> {
    FieldSpec {
        name,
        doc: "",
        kind,
        value_kind: None,
        flags: 0,
        type_index: index::OBJECT,
    }
}

fn register(key: &str, parent: i32, fields: &[FieldSpec<'_>]) -> &'static TypeInfo {
    type_info(register_reflected(key, "", parent, fields).unwrap()).unwrap()
}

fn make(info: &'static TypeInfo) -> ObjectRef {
    try_new_reflected(info, !holds_references(info)).unwrap()
}

fn write(object: &ObjectRef, name: &str, value: AnyView<'_>) {
    let field = type_info(ObjectArc::header(object).type_index())
        .unwrap()
        .field(name)
        .unwrap();
    // SAFETY: the field is the object's, mutable and initialised.
    unsafe { write_field(ObjectArc::as_ptr(object), field, value) }.unwrap();
}

#[test]
fn fields_are_laid_one_behind_the_other_as_they_ask() {
    let info = register(
        "reflected.Layout",
        index::OBJECT,
        &[
            spec("a", FieldKind::U8),
            spec("b", FieldKind::I32),
            spec("c", FieldKind::Bool),
            spec("d", FieldKind::Str),
            spec("e", FieldKind::I16),
        ],
    );
    let offsets: Vec<u32> = info.own_fields().iter().map(|field| field.offset).collect();
    assert_eq!(offsets, [24, 28, 32, 40, 56]);
    assert_eq!(
        (info.size, info.align, info.flags & type_flags::REFLECTED),
        (64, 8, 1)
    );

    let empty = register("reflected.Empty", index::OBJECT, &[]);
    assert_eq!(empty.size, 24);
    assert!(ObjectArc::header(&make(empty)).is_headed());
}

#[test]
fn heirs_have_their_parents_fields_first() {
    let parent = register(
        "reflected.Parent",
        index::OBJECT,
        &[spec("a", FieldKind::I32)],
    );
    let child = register(
        "reflected.Child",
        parent.type_index,
        &[spec("b", FieldKind::I32)],
    );
    let grandchild = register(
        "reflected.Grandchild",
        child.type_index,
        &[spec("c", FieldKind::Any)],
    );
    assert_eq!(
        (
            child.field("a").unwrap().offset,
            child.field("b").unwrap().offset
        ),
        (24, 32)
    );
    let names: Vec<&str> = grandchild.all_fields().map(|field| field.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);

    let object = make(grandchild);
    for (name, value) in [("a", 1i64), ("b", 2), ("c", 3)] {
        write(&object, name, AnyView::int(value));
    }
    for (name, value) in [("a", 1i64), ("b", 2), ("c", 3)] {
        // SAFETY: as in `write`.
        let read =
            unsafe { read_field(ObjectArc::as_ptr(&object), grandchild.field(name).unwrap()) };
        assert_eq!(read.get::<i64>().unwrap(), value);
    }
    assert!(!holds_references(child) && holds_references(grandchild));
}

/// A description of C's may end in the middle of a word.
#[test]
fn a_new_object_is_zero_to_its_last_byte() {
    const HEADER: usize = size_of::<ObjectHeader>();
    for size in HEADER + 1..120 {
        let key = format!("reflected.Ends{size}");
        let desc = TypeDesc {
            key: ByteSlice::new(key.as_bytes()),
            doc: ByteSlice::EMPTY,
            parent: index::OBJECT,
            flags: type_flags::REFLECTED,
            size: size as u32,
            align: 8,
            fields: core::ptr::null(),
            methods: core::ptr::null(),
            num_fields: 0,
            num_methods: 0,
        };
        // SAFETY: what the description points to is alive for the call.
        let info = type_info(unsafe { (runtime().type_register)(&raw const desc) }).unwrap();
        // The next object finds what the last one left behind, if it is given its block.
        for _ in 0..3 {
            let object = make(info);
            let body = ObjectArc::as_ptr(&object).as_ptr().cast::<u8>();
            for at in HEADER..size {
                // SAFETY: a byte of the body, of no field, and nobody else's.
                unsafe {
                    assert_eq!(*body.add(at), 0, "byte {at} of {size}");
                    *body.add(at) = 0xA5;
                }
            }
        }
    }
}

#[test]
fn only_objects_of_reflected_types_are_made_by_reflection() {
    let point = Point::type_index().unwrap();
    for number in [point, index::OBJECT, index::ERROR, index::STR] {
        let refused = try_new_reflected(type_info(number).unwrap(), false).unwrap_err();
        assert_eq!(refused, NewError::Register(RegisterError::BadDescription));
    }
    let heir = register_reflected("reflected.OfPoint", "", point, &[]);
    assert_eq!(heir, Err(RegisterError::UnknownParent));
}

#[test]
fn a_reflected_object_drops_everything_it_owns() {
    let info = register(
        "reflected.Owner",
        index::OBJECT,
        &[
            spec("str", FieldKind::Str),
            spec("bytes", FieldKind::Bytes),
            spec("object", FieldKind::Object),
            spec("weak", FieldKind::Weak),
            spec("any", FieldKind::Any),
            spec("int", FieldKind::I64),
        ],
    );
    let heir = register(
        "reflected.OwnerHeir",
        info.type_index,
        &[spec("more", FieldKind::Object)],
    );
    let (drops, before) = (Drops::new(), baseline());
    let watched = Noisy::place(&drops);

    let object = make(heir);
    write(
        &object,
        "str",
        object_core::Any::from(Str::from("longer than seven")).view(),
    );
    write(
        &object,
        "bytes",
        object_core::Any::from(Bytes::from(&[0u8; 9][..])).view(),
    );
    write(&object, "object", AnyView::object(&Noisy::place(&drops)));
    write(&object, "any", AnyView::object(&Noisy::place(&drops)));
    write(&object, "more", AnyView::object(&Noisy::place(&drops)));
    write(&object, "weak", AnyView::object(&watched));
    write(&object, "int", AnyView::int(64));
    assert_eq!((drops.count(), ObjectArc::weak_count(&watched)), (0, 1));

    let weak = ObjectArc::downgrade(&object);
    drop(object);
    assert_eq!((drops.count(), ObjectArc::weak_count(&watched)), (3, 0));
    assert!(weak.upgrade().is_none());
    drop((weak, watched));
    assert_eq!((drops.count(), live()), (4, before));
    // Untouched ones own nothing.
    drop(make(heir));
    assert_eq!(live(), before);
}

#[test]
fn objects_without_references_are_leaves() {
    let plain = register(
        "reflected.Plain",
        index::OBJECT,
        &[spec("x", FieldKind::F64)],
    );
    let owner = register(
        "reflected.Some",
        index::OBJECT,
        &[spec("x", FieldKind::Weak)],
    );
    for (info, leaf) in [(plain, true), (owner, false)] {
        assert_eq!(holds_references(info), !leaf);
        assert_eq!(
            ObjectArc::header(&make(info)).flags() & flags::LEAF != 0,
            leaf
        );
    }
}

#[test]
fn no_memory_is_an_error() {
    let info = register(
        "reflected.NoMemory",
        index::OBJECT,
        &[spec("x", FieldKind::Any)],
    );
    let before = baseline();
    let (made, _) = failing(1, || try_new_reflected(info, false));
    assert!(matches!(made.unwrap_err(), NewError::Alloc(_)));
    assert_eq!(live(), before);
}

#[test]
fn they_are_cast_by_their_type_and_are_not_unique() {
    let info = register("reflected.Cast", index::OBJECT, &[]);
    let object = make(info);
    let error = ObjectArc::check::<Point>(&object).unwrap_err();
    assert_eq!(error.to_string(), "expected test.Point, got reflected.Cast");
    let object = ObjectArc::try_unique(object).map(|_| ()).unwrap_err();
    assert!(ObjectArc::downcast::<ObjectHeader>(object).is_ok());
}
