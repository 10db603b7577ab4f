//! Fields of Rust structs that change while others read them.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::{Drops, Noisy, Point, Point3, panics};
use object_core::abi::field_flags;
use object_core::{
    Any, Array, Bytes, Error, Extends, Function, MutField, Object, ObjectArc, ObjectHeader,
    RegisterError, Str, TypeBuilder, TypeSlot, UniqueObject, WeakObjectArc, field, read_field,
    type_info,
};

#[repr(C)]
struct Cell {
    header: ObjectHeader,
    number: MutField<i64>,
    small: MutField<u8>,
    ratio: MutField<f32>,
    yes: MutField<bool>,
    text: MutField<Str>,
    bytes: MutField<Bytes>,
    any: MutField<Any>,
    point: MutField<ObjectArc<Point>>,
    maybe: MutField<Option<ObjectArc<Point>>>,
    parent: MutField<WeakObjectArc<Cell>>,
    array: MutField<Array>,
    error: MutField<Error>,
    call: MutField<Function>,
}

// SAFETY: repr(C), the header first, its own type.
unsafe impl Object for Cell {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("mut_fields.Cell")
                .field("number", "", field!(Cell, number))
                .field("text", "", field!(Cell, text))
                .field("parent", "", field!(Cell, parent))
                .field("maybe", "", field!(Cell, maybe))
                .register()
        })
    }
}

fn cell() -> ObjectArc<Cell> {
    ObjectArc::new(Cell {
        header: ObjectHeader::new(),
        number: MutField::new(1),
        small: MutField::new(2),
        ratio: MutField::new(0.5),
        yes: MutField::new(false),
        text: MutField::new(Str::from("first")),
        bytes: MutField::new(Bytes::EMPTY),
        any: MutField::new(Any::NONE),
        point: MutField::new(ObjectArc::new(Point::at(1, 2))),
        maybe: MutField::new(None),
        parent: MutField::new(WeakObjectArc::null()),
        array: MutField::new(Array::try_from_values([1i64]).unwrap()),
        error: MutField::new(Error::new("E", "m")),
        call: MutField::new(Function::from_packed(|_| Ok(Any::NONE))),
    })
}

#[test]
fn each_type_of_field_is_read_and_replaced() {
    let cell = cell();
    cell.number.set(&cell, -5i64).unwrap();
    cell.small.set(&cell, 255i64).unwrap();
    cell.ratio.set(&cell, 0.25).unwrap();
    cell.yes.set(&cell, true).unwrap();
    cell.text.set(&cell, "longer than seven").unwrap();
    cell.bytes.set(&cell, Bytes::from(&b"b"[..])).unwrap();
    cell.any.set(&cell, 9i64).unwrap();
    cell.point
        .set(&cell, ObjectArc::new(Point3::at(7, 8, 9)))
        .unwrap();
    cell.maybe
        .set(&cell, Some(ObjectArc::new(Point::at(3, 4))))
        .unwrap();
    cell.array
        .set(&cell, Array::try_from_values([1i64, 2]).unwrap())
        .unwrap();
    cell.error.set(&cell, Error::new("E", "other")).unwrap();
    cell.call
        .set(&cell, Function::from_packed(|_| Ok(4i64.into())))
        .unwrap();

    assert_eq!(cell.number.get::<_, i64>(&cell).unwrap(), -5);
    assert_eq!(cell.small.get::<_, u8>(&cell).unwrap(), 255);
    assert_eq!(cell.ratio.get::<_, f64>(&cell).unwrap(), 0.25);
    assert!(cell.yes.get::<_, bool>(&cell).unwrap());
    assert_eq!(
        cell.text.get::<_, Str>(&cell).unwrap().as_str(),
        "longer than seven"
    );
    assert_eq!(&*cell.bytes.get::<_, Bytes>(&cell).unwrap(), b"b");
    assert_eq!(cell.any.get::<_, i64>(&cell).unwrap(), 9);
    assert_eq!(cell.point.get::<_, ObjectArc<Point>>(&cell).unwrap().x, 7);
    assert_eq!(
        cell.maybe
            .get::<_, Option<ObjectArc<Point>>>(&cell)
            .unwrap()
            .unwrap()
            .x,
        3
    );
    assert_eq!(cell.array.get::<_, Array>(&cell).unwrap().len(), 2);
    assert_eq!(
        cell.error.get::<_, Error>(&cell).unwrap().message(),
        "other"
    );
    let call = cell.call.get::<_, Function>(&cell).unwrap();
    assert_eq!(call.call_packed(&[]).unwrap().get::<i64>().unwrap(), 4);
    cell.maybe.set(&cell, Any::NONE).unwrap();
    assert!(
        cell.maybe
            .get::<_, Option<ObjectArc<Point>>>(&cell)
            .unwrap()
            .is_none()
    );
}

#[test]
fn what_does_not_fit_leaves_the_old_value() {
    let cell = cell();
    let error = cell.point.set(&cell, Any::NONE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: expected test.Point, got None"
    );
    let error = cell
        .point
        .set(&cell, Noisy::place(&Drops::new()))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: expected test.Point, got test.Noisy"
    );
    assert_eq!(
        cell.small.set(&cell, 256i64).unwrap_err().kind(),
        "OverflowError"
    );
    assert_eq!(cell.point.get::<_, ObjectArc<Point>>(&cell).unwrap().x, 1);
    assert_eq!(cell.small.get::<_, i64>(&cell).unwrap(), 2);
    assert_eq!(
        cell.text.get::<_, i64>(&cell).unwrap_err().to_string(),
        "TypeError: expected int, got str"
    );
}

#[test]
fn a_parent_is_held_weakly() {
    let (parent, child) = (cell(), cell());
    child.parent.set(&child, parent.clone()).unwrap();
    assert_eq!(
        (
            ObjectArc::strong_count(&parent),
            ObjectArc::weak_count(&parent)
        ),
        (1, 1)
    );
    let found = child
        .parent
        .get::<_, Option<ObjectArc<Cell>>>(&child)
        .unwrap()
        .unwrap();
    assert!(ObjectArc::ptr_eq(&found, &parent));
    drop((found, parent));
    assert!(
        child
            .parent
            .get::<_, Option<ObjectArc<Cell>>>(&child)
            .unwrap()
            .is_none()
    );
}

#[test]
fn reflection_sees_the_same_field_and_that_it_is_no_longer_frozen() {
    let cell = cell();
    let info = type_info(Cell::type_index().unwrap()).unwrap();
    let flags = |name| info.field(name).unwrap().flags;
    assert_eq!(
        (flags("number"), flags("maybe")),
        (0, field_flags::OPTIONAL)
    );
    cell.text.set(&cell, "changed").unwrap();
    let object = ObjectArc::as_ptr(&cell).cast();
    // SAFETY: the object's own field.
    let seen = unsafe { read_field(object, info.field("text").unwrap()) };
    assert_eq!(seen.view().as_str(), Some("changed"));
}

#[repr(C)]
struct Heir {
    base: Cell,
    more: MutField<i64>,
}
common::object!(Heir, "mut_fields.Heir", |b: TypeBuilder<'static, Self>| {
    b.parent::<Cell>()
});
// SAFETY: repr(C), the first field is a Cell, the registered parent.
unsafe impl Extends<Cell> for Heir {}

#[test]
fn a_field_is_refused_with_another_object() {
    let (one, two) = (cell(), cell());
    let text = panics(|| one.number.set(&two, 5i64).unwrap());
    assert!(text.contains("not one of this object's"), "{text}");
    assert!(panics(|| drop(one.number.get::<_, i64>(&two))).contains("not one of this object's"));
    let point = ObjectArc::new(Point::at(1, 2));
    assert!(panics(|| one.number.set(&point, 5i64).unwrap()).contains("not one"));
    assert_eq!(two.number.get::<_, i64>(&two).unwrap(), 1);

    let base = UniqueObject::into_value(ObjectArc::try_unique(cell()).ok().unwrap());
    let heir = ObjectArc::new(Heir {
        base,
        more: MutField::new(3),
    });
    let parent: ObjectArc<Cell> = ObjectArc::upcast(heir.clone());
    parent.number.set(&heir, 6i64).unwrap();
    assert_eq!(heir.base.number.get::<_, i64>(&parent).unwrap(), 6);
    // By the parent's handle, the heir's own part is out of reach.
    assert!(panics(|| heir.more.set(&parent, 4i64).unwrap()).contains("not one"));
    assert_eq!(heir.more.get::<_, i64>(&heir).unwrap(), 3);
}

#[test]
fn readers_see_the_old_value_or_the_new_one_whole() {
    let cell = cell();
    let texts: Vec<String> = (0..4).map(|i| i.to_string().repeat(5 + 4 * i)).collect();
    cell.text.set(&cell, &*texts[0]).unwrap();
    std::thread::scope(|scope| {
        let (cell, texts) = (&cell, &texts);
        for offset in 0..2 {
            scope.spawn(move || {
                for i in 0..2_000 {
                    let text = &*texts[(i + offset) % texts.len()];
                    cell.text.set(cell, text).unwrap();
                    cell.number
                        .set(cell, if i % 2 == 0 { -1i64 } else { 1 })
                        .unwrap();
                    cell.point
                        .set(cell, ObjectArc::new(Point::at(i as i64, i as i64)))
                        .unwrap();
                }
            });
        }
        for _ in 0..2_000 {
            let text = cell.text.get::<_, Str>(cell).unwrap();
            assert!(texts.iter().any(|one| **one == *text), "{text}");
            assert!(cell.number.get::<_, i64>(cell).unwrap().abs() == 1);
            let point = cell.point.get::<_, ObjectArc<Point>>(cell).unwrap();
            assert!(point.x == point.y || (point.x, point.y) == (1, 2));
        }
    });
}
