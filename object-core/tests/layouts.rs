//! When two descriptions of one key are the same type, and when they conflict: a cast relies on it.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::{Point, object};
use object_core::abi::{ByteSlice, FieldKind, TypeDesc, field_flags};
use object_core::table::register_status;
use object_core::{
    ArrayObj, FieldSpec, FieldType, Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder,
    WeakObjectArc, field, register_reflected, runtime, type_index as index, type_info,
};

/// A description without fields.
fn desc(key: &'static str) -> TypeDesc {
    TypeDesc {
        key: ByteSlice::new(key.as_bytes()),
        doc: ByteSlice::EMPTY,
        parent: index::OBJECT,
        flags: 0,
        size: 32,
        align: 8,
        fields: std::ptr::null(),
        methods: std::ptr::null(),
        num_fields: 0,
        num_methods: 0,
    }
}

fn register(desc: &TypeDesc) -> i32 {
    // SAFETY: everything a description of this file borrows is alive.
    unsafe { (runtime().type_register)(desc) }
}

#[test]
fn the_same_layout_has_the_same_number_and_another_one_conflicts() {
    let spec = |name, kind, flags, type_index| FieldSpec {
        name,
        doc: "",
        kind,
        value_kind: None,
        flags,
        type_index,
    };
    let int = spec("a", FieldKind::I64, 0, 0);
    let make = |doc, parent, fields: &[FieldSpec<'_>]| {
        register_reflected("types.same", doc, parent, fields)
    };
    let number = make("first", index::OBJECT, &[int]).unwrap();
    assert_eq!(
        make("better", index::OBJECT, &[int]),
        Ok(number),
        "texts may improve"
    );
    assert_eq!(type_info(number).unwrap().doc(), "first");

    let parent = register_reflected("types.other parent", "", index::OBJECT, &[]).unwrap();
    for (what, parent, field) in [
        ("name", index::OBJECT, spec("b", FieldKind::I64, 0, 0)),
        ("kind", index::OBJECT, spec("a", FieldKind::U64, 0, 0)),
        (
            "flags",
            index::OBJECT,
            spec("a", FieldKind::I64, field_flags::FROZEN, 0),
        ),
        ("parent", parent, int),
    ] {
        assert_eq!(
            make("first", parent, &[field]),
            Err(RegisterError::Conflict),
            "{what}"
        );
    }
    assert_eq!(
        make("first", index::OBJECT, &[]),
        Err(RegisterError::Conflict)
    );
    assert_eq!(
        make("first", index::OBJECT, &[int, int]),
        Err(RegisterError::Conflict)
    );
    let (mut wider, mut stricter) = (desc("types.layout"), desc("types.layout"));
    assert!(register(&wider) >= index::DYNAMIC_BEGIN);
    wider.size = 40;
    stricter.align = 16;
    assert_eq!(
        (register(&wider), register(&stricter)),
        (register_status::CONFLICT, register_status::CONFLICT)
    );
}

#[repr(C)]
struct HoldsPoint {
    header: ObjectHeader,
    held: ObjectArc<Point>,
}
object!(HoldsPoint, "types.Holds", |b: TypeBuilder<
    'static,
    Self,
>| b.field(
    "held",
    "",
    field!(HoldsPoint, held)
));

#[repr(C)]
struct HoldsArray {
    header: ObjectHeader,
    held: ObjectArc<ArrayObj>,
}
object!(HoldsArray, "types.Holds", |b: TypeBuilder<
    'static,
    Self,
>| b.field(
    "held",
    "",
    field!(HoldsArray, held)
));

/// A cast from one to the other would read a point as an array.
#[test]
fn a_field_of_another_object_type_is_another_layout() {
    HoldsPoint::type_index().unwrap();
    assert_eq!(HoldsArray::type_index(), Err(RegisterError::Conflict));
}

#[repr(C)]
struct NeverNull {
    header: ObjectHeader,
    held: ObjectArc<Point>,
}
object!(NeverNull, "types.NeverNull", |b: TypeBuilder<
    'static,
    Self,
>| b.field(
    "held",
    "",
    field!(NeverNull, held)
));

/// Reflection makes objects of zeros, which are no values of a Rust struct.
#[test]
fn a_reflected_type_is_never_taken_for_a_struct_of_the_same_fields() {
    let held = FieldSpec {
        name: "held",
        doc: "",
        kind: FieldKind::Object,
        value_kind: None,
        flags: <ObjectArc<Point> as FieldType>::FLAGS,
        type_index: Point::type_index().unwrap(),
    };
    register_reflected("types.NeverNull", "", index::OBJECT, &[held]).unwrap();
    assert_eq!(NeverNull::type_index(), Err(RegisterError::Conflict));
}

#[repr(C)]
struct Tree {
    header: ObjectHeader,
    parent: WeakObjectArc<Tree>,
    left: Option<ObjectArc<Tree>>,
}
object!(Tree, "types.Tree", |b: TypeBuilder<'static, Self>| b
    .field("parent", "", field!(Tree, parent))
    .field("left", "", field!(Tree, left)));

#[test]
fn a_type_may_have_fields_of_its_own_type() {
    let number = Tree::type_index().unwrap();
    let info = type_info(number).unwrap();
    for name in ["parent", "left"] {
        assert_eq!(info.field(name).unwrap().type_index, number, "{name}");
    }
    assert_eq!(
        TypeBuilder::<Tree>::new("types.Tree").register(),
        Err(RegisterError::Conflict)
    );
    let this = FieldSpec {
        name: "next",
        doc: "",
        kind: FieldKind::Object,
        value_kind: None,
        flags: field_flags::OPTIONAL,
        type_index: index::THIS,
    };
    let number = register_reflected("types.Link", "", index::OBJECT, &[this]).unwrap();
    assert_eq!(
        type_info(number).unwrap().field("next").unwrap().type_index,
        number
    );
    assert_eq!(
        register_reflected("types.Link", "", index::OBJECT, &[this]),
        Ok(number)
    );
    let by_number = FieldSpec {
        type_index: number,
        ..this
    };
    assert_eq!(
        register_reflected("types.Link", "", index::OBJECT, &[by_number]),
        Ok(number)
    );
}

#[cfg(feature = "std")]
#[test]
fn types_that_have_fields_of_each_others_type_are_an_error() {
    #[repr(C)]
    struct Hen {
        header: ObjectHeader,
        egg: Option<ObjectArc<Egg>>,
    }
    #[repr(C)]
    struct Egg {
        header: ObjectHeader,
        hen: WeakObjectArc<Hen>,
    }
    object!(Hen, "types.Hen", |b: TypeBuilder<'static, Self>| b.field(
        "egg",
        "",
        field!(Hen, egg)
    ));
    object!(Egg, "types.Egg", |b: TypeBuilder<'static, Self>| b.field(
        "hen",
        "",
        field!(Egg, hen)
    ));
    assert_eq!(Hen::type_index(), Err(RegisterError::Circular));
    assert_eq!(Egg::type_index(), Err(RegisterError::Circular));
    assert!(
        object_core::type_index_of("types.Hen").is_none()
            && object_core::type_index_of("types.Egg").is_none()
    );
    let made = ObjectArc::try_new(Hen {
        header: ObjectHeader::new(),
        egg: None,
    });
    assert!(made.err().unwrap().to_string().contains("ObjectRef"));
}
