//! Every public constructor with its n-th allocation refused, for every n: an error, what was handed
//! in comes back or is dropped, and nothing stays behind.

#![cfg(all(not(loom), feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::heap::{Heap, failing, live};
use common::sweep::refusals;
use common::{Drops, Noisy, Point, Told, baseline};
use object_core::abi::{ByteSlice, FieldKind, RawAny};
use object_core::{
    Any, AnyView, Array, Bytes, Error, FieldSpec, Function, NewError, ObjectArc, ObjectHeader,
    RegisterError, Str, TypeBuilder, UniqueObject, WithItems, field, register_reflected,
    try_new_reflected, type_index as index, type_index_of, type_info,
};

#[global_allocator]
static HEAP: Heap = Heap;

const LONG: &str = "longer than seven bytes";

/// How often `make` failed before it succeeded; what it made may stay in a table.
fn every_failure<T, E>(make: impl Fn() -> Result<T, E>, failed: impl Fn(E)) -> usize {
    baseline();
    refusals(make, failed).0
}

fn no_block(error: NewError) {
    assert!(matches!(error, NewError::Alloc(_)), "{error}");
    assert_eq!(Error::from(error).kind(), "MemoryError");
}

#[test]
fn objects_give_their_value_back() {
    let drops = Drops::new();
    let refused = every_failure(
        || ObjectArc::try_new(Noisy::new(&drops)),
        |error| {
            no_block(error.cause);
            assert_eq!(drops.count(), 0, "it comes back, not dropped");
            drop(error.value);
            assert_eq!(drops.count(), 1);
        },
    );
    assert_eq!((refused, drops.count()), (1, 2));
    let point = || UniqueObject::try_new(Point::at(3, 4));
    assert_eq!(
        every_failure(point, |error| assert_eq!(
            (error.value.x, error.value.y),
            (3, 4)
        )),
        1
    );
}

#[test]
fn arrays_give_their_head_back_or_drop_their_items() {
    let refused = every_failure(
        || ObjectArc::try_with_items(WithItems::new(Point::at(5, 6)), 9, |i| i),
        |error| {
            no_block(error.cause);
            assert_eq!(error.value.x, 5);
        },
    );
    assert_eq!(refused, 1);
    let copy = || ObjectArc::try_copy_items(WithItems::new(ObjectHeader::new()), &[1u8, 2, 3]);
    assert_eq!(every_failure(copy, |error| no_block(error.cause)), 1);

    let drops = Drops::new();
    let told = |_| -> Result<Any, NewError> {
        let told = Told(drops.clone());
        Function::try_from_packed(move |_| {
            let _captured = &told;
            Ok(Any::NONE)
        })
        .map(Any::from)
    };
    let refused = every_failure(|| Array::try_from_fn(3, told)?, no_block);
    assert_eq!(refused, 4, "the array and its three functions");
    assert_eq!(
        drops.count(),
        1 + 2 + 3 + 3,
        "as many as were made, each time"
    );
    assert_eq!(
        every_failure(|| Array::try_from_values([1i64, 2]), no_block),
        1
    );
}

#[test]
fn strings_and_bytes_fail_only_beyond_seven() {
    assert_eq!(every_failure(|| Str::try_new("seven b"), no_block), 0);
    assert_eq!(every_failure(|| Str::try_new(LONG), no_block), 1);
    assert_eq!(every_failure(|| Bytes::try_new(b"seven b"), no_block), 0);
    assert_eq!(
        every_failure(|| Bytes::try_new(LONG.as_bytes()), no_block),
        1
    );

    let mut raw = RawAny {
        type_index: index::RAW_STR,
        ..RawAny::NONE
    };
    raw.value.pointer = c"longer than seven bytes".as_ptr().cast_mut().cast();
    // SAFETY: the literal outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    assert_eq!(every_failure(|| view.try_to_owned(), no_block), 1);
    let expects = |error: object_core::CastError| {
        assert_eq!(
            error.to_string(),
            "expected a value there is memory for, got str"
        );
    };
    assert_eq!(every_failure(|| Str::try_from(view), expects), 1);
    assert_eq!(every_failure(|| Any::try_from(view), expects), 1);
}

#[test]
fn functions_drop_what_they_captured() {
    let drops = Drops::new();
    let make = || {
        let told = Told(drops.clone());
        Function::try_from_packed(move |_| {
            let _captured = &told;
            Ok(Any::NONE)
        })
    };
    assert_eq!(every_failure(make, no_block), 1);
    assert_eq!(drops.count(), 2);
}

#[test]
fn errors_always_are() {
    let cause = Error::new("OSError", LONG);
    let with = || Error::try_with(LONG, LONG, Some(cause.clone()), None);
    assert_eq!(every_failure(with, no_block), 3, "two texts and the error");
    assert_eq!(ObjectArc::strong_count(cause.as_object()), 1);

    for nth in 1..5 {
        let before = live();
        let (error, refused) = failing(nth, || Error::new(LONG, LONG));
        assert_eq!(error.kind(), if refused { "MemoryError" } else { LONG });
        drop(error);
        assert_eq!(live(), before);
    }
    // A frame that there is no memory for is left out.
    let error = Error::new("E", "m");
    let (mut nth, before) = (1, live());
    while failing(nth, || error.push_traceback(LONG)).1 {
        assert!(error.traceback().is_empty());
        assert_eq!(live(), before);
        nth += 1;
    }
    assert_eq!((nth - 1, error.traceback().len()), (2, LONG.len() + 1));
}

#[test]
fn global_names_are_taken_whole_or_not_at_all() {
    let function = Function::try_from_packed(|_| Ok(Any::NONE)).ok().unwrap();
    let count = || ObjectArc::strong_count(function.as_object());
    let register = || function.register_global("faults.a function of that name", true);
    every_failure(register, |error| {
        assert_eq!(error.kind(), "MemoryError");
        assert!(Function::get_global("faults.a function of that name").is_none());
        assert_eq!(count(), 1);
    });
    assert!(Function::remove_global("faults.a function of that name"));
    assert_eq!(count(), 1);
}

/// The first registration of this process makes the fixed types as well.
#[test]
fn types_are_registered_whole_or_not_at_all() {
    let method = Function::try_from_packed(|_| Ok(Any::NONE)).ok().unwrap();
    for nth in 1.. {
        let (number, refused) = failing(nth, || {
            TypeBuilder::<Point>::new("faults.Point")
                .doc("A type with all there is to be copied.")
                .field("x", "Across.", field!(Point, x))
                .field("y", "Up.", field!(Point, y))
                .method("m", "Does nothing.", method.clone())
                .register()
        });
        if !refused {
            let info = type_info(number.unwrap()).unwrap();
            assert_eq!(
                (info.key(), info.field("y").unwrap().doc()),
                ("faults.Point", "Up.")
            );
            assert_eq!(
                ObjectArc::strong_count(method.as_object()),
                2,
                "ours and the table's"
            );
            assert!(nth > 6);
            break;
        }
        assert_eq!(number, Err(RegisterError::OutOfMemory), "number {nth}");
        assert!(type_index_of("faults.Point").is_none());
        assert_eq!(ObjectArc::strong_count(method.as_object()), 1);
    }
}

#[test]
fn a_refused_registration_leaves_nothing_behind() {
    baseline();
    let key = |n: usize| format!("faults.reflected {n}");
    let spec = FieldSpec {
        name: "a field with a long name",
        doc: "And a text.",
        kind: FieldKind::Any,
        value_kind: None,
        flags: 0,
        type_index: index::OBJECT,
    };
    let (mut refusals, mut left) = (0, 0);
    for n in 0..40 {
        let key = key(n);
        let mut nth = 1;
        loop {
            let before = live();
            let (made, refused) = failing(nth, || {
                register_reflected(&key, "A text.", index::OBJECT, &[spec])
            });
            if !refused {
                let info = type_info(made.unwrap()).unwrap();
                assert_eq!(
                    every_failure(|| try_new_reflected(info, false), no_block),
                    1
                );
                break;
            }
            assert_eq!(made, Err(RegisterError::OutOfMemory));
            left += live() - before;
            refusals += 1;
            nth += 1;
        }
    }
    assert!(refusals >= 40 * 5);
    assert!(
        left <= 2,
        "more than the names' map and a chunk, which are in use: {left}"
    );
    // SAFETY: readable for the call.
    let nobody =
        unsafe { (object_core::runtime().type_index_of_key)(ByteSlice::new(key(40).as_bytes())) };
    assert_eq!(nobody, -1);
}
