//! The type table: numbers, ancestors, and which descriptions it takes.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::sync::Barrier;

use common::{Point, Point3, object};
use object_core::abi::{ByteSlice, FieldKind, TypeDesc, field_flags, type_flags};
use object_core::table::register_status;
use object_core::{
    Any, ArrayObj, Error, FieldSpec, FieldType, Function, Object, ObjectArc, ObjectHeader,
    RegisterError, TypeBuilder, TypeSlot, WeakObjectArc, field, is_instance, register_reflected,
    runtime, type_index as index, type_index_of, type_info,
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
fn the_fixed_types_are_there_before_anything_is_registered() {
    for (number, key) in [
        (index::OBJECT, "tieback.Object"),
        (index::STR, "tieback.Str"),
        (index::BYTES, "tieback.Bytes"),
        (index::ERROR, "tieback.Error"),
        (index::FUNCTION, "tieback.Function"),
        (index::ARRAY, "tieback.Array"),
        (index::OPAQUE, "tieback.Opaque"),
        (index::LIST, "tieback.List"),
    ] {
        let info = type_info(number).unwrap();
        assert_eq!(
            (info.key(), info.type_index, type_index_of(key)),
            (key, number, Some(number))
        );
        assert_eq!(info.depth, i32::from(number != index::OBJECT));
        assert!(register(&desc(info.key())) == register_status::CONFLICT);
    }
    for nobody in [
        -1,
        0,
        index::INT,
        100,
        index::DYNAMIC_BEGIN + 50_000,
        index::LIMIT,
        i32::MAX,
    ] {
        assert!(type_info(nobody).is_none(), "{nobody}");
    }
    assert!(type_index_of("types.nobody").is_none());
}

#[test]
fn a_type_knows_its_parents_fields_and_texts() {
    let (point, heir) = (Point::type_index().unwrap(), Point3::type_index().unwrap());
    assert!(point >= index::DYNAMIC_BEGIN && heir > point);
    let info = type_info(heir).unwrap();
    assert_eq!(
        (info.key(), info.depth, info.size as usize),
        ("test.Point3", 2, size_of::<Point3>())
    );
    let keys: Vec<&str> = info.ancestors().iter().map(|info| info.key()).collect();
    assert_eq!(keys, ["tieback.Object", "test.Point"]);
    assert!(std::ptr::eq(
        info.parent().unwrap(),
        type_info(point).unwrap()
    ));
    let names: Vec<&str> = info.all_fields().map(|field| field.name()).collect();
    assert_eq!(names, ["x", "y", "z"]);
    assert_eq!(
        (info.own_fields().len(), info.field("y").unwrap().doc()),
        (1, "Up.")
    );
    assert!(info.field("w").is_none());
    assert_eq!(
        info.field("z").unwrap().offset as usize,
        std::mem::offset_of!(Point3, z)
    );
    assert!(info.field("z").unwrap().is_frozen() && !info.field("z").unwrap().is_optional());
}

#[test]
fn instances_are_told_at_every_depth() {
    let mut row = vec![index::OBJECT];
    for i in 0..20 {
        let key = format!("types.depth{i}");
        row.push(register_reflected(&key, "", row[i], &[]).unwrap());
    }
    let side = register_reflected("types.side", "", row[10], &[]).unwrap();
    for (i, &one) in row.iter().enumerate() {
        for (j, &other) in row.iter().enumerate() {
            assert_eq!(is_instance(one, other), i >= j, "{i} and {j}");
        }
        assert_eq!(
            (is_instance(side, one), is_instance(one, side)),
            (i <= 10, false)
        );
    }
    assert!(!is_instance(index::INT, index::OBJECT) && is_instance(index::INT, index::INT));
}

#[test]
fn the_same_layout_has_the_same_number_and_another_one_conflicts() {
    let spec = |name, kind, flags, type_index| FieldSpec {
        name,
        doc: "",
        kind,
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
    assert!(type_index_of("types.Hen").is_none() && type_index_of("types.Egg").is_none());
    let made = ObjectArc::try_new(Hen {
        header: ObjectHeader::new(),
        egg: None,
    });
    assert!(made.err().unwrap().to_string().contains("ObjectRef"));
}

#[test]
fn threads_that_register_at_once_agree() {
    const THREADS: usize = 8;
    let barrier = Barrier::new(THREADS);
    let numbers = std::thread::scope(|scope| {
        let work = || {
            barrier.wait();
            (0..300)
                .map(|i| {
                    let key = format!("types.race{i}");
                    let number = register_reflected(&key, "raced", index::OBJECT, &[]).unwrap();
                    assert_eq!(type_info(number).unwrap().key(), key);
                    assert_eq!(type_index_of(&key), Some(number));
                    number
                })
                .collect::<Vec<i32>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(numbers.iter().all(|row| *row == numbers[0]));
    let distinct: std::collections::HashSet<_> = numbers[0].iter().collect();
    assert_eq!(distinct.len(), 300, "each key has its own number");
}

#[test]
fn methods_are_found_and_their_functions_kept() {
    #[repr(C)]
    struct Doer {
        header: ObjectHeader,
    }
    let double = Function::from_packed(|args| -> Result<Any, Error> {
        Ok((i64::try_from(args[1])? * 2).into())
    });
    // SAFETY: repr(C), the header first; the type is registered below, by this struct's layout.
    unsafe impl Object for Doer {
        fn type_index() -> Result<i32, RegisterError> {
            static SLOT: TypeSlot = TypeSlot::new();
            SLOT.get_or_register(|| type_index_of("types.Doer").ok_or(RegisterError::UnknownParent))
        }
    }
    let number = TypeBuilder::<Doer>::new("types.Doer")
        .doc("Does things.")
        .method("double", "Twice.", double.clone())
        .static_method("__new__", "", double.clone())
        .register()
        .unwrap();
    assert_eq!(Doer::type_index(), Ok(number));
    let info = type_info(number).unwrap();
    let methods: Vec<_> = info
        .own_methods()
        .iter()
        .map(|m| (m.name(), m.doc(), m.is_static()))
        .collect();
    assert_eq!(
        methods,
        [("double", "Twice.", false), ("__new__", "", true)]
    );
    assert_eq!(
        (info.doc(), info.flags & type_flags::REFLECTED),
        ("Does things.", 0)
    );
    assert_eq!(
        ObjectArc::strong_count(double.as_object()),
        3,
        "ours and the table's two"
    );
}
