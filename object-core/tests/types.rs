//! The type table: numbers, ancestors, and which descriptions it takes.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::sync::Barrier;

use common::{Point, Point3};
use object_core::abi::{ByteSlice, TypeDesc, type_flags};
use object_core::table::register_status;
use object_core::{
    Any, Error, Function, Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder, TypeSlot,
    is_instance, register_reflected, runtime, type_index as index, type_index_of, type_info,
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
        (index::MAP, "tieback.Map"),
        (index::DICT, "tieback.Dict"),
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
