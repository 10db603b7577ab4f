//! What asks for memory besides the constructors (`fault_sweep.rs`): conversions, fields, slots, calls,
//! messages, deletions that are put off. Each with its n-th allocation refused.

#![cfg(all(not(loom), feature = "infallible", feature = "std"))]
#![allow(unsafe_code)]

mod common;

use std::ptr::null_mut;

use common::heap::{Heap, failing, live};
use common::sweep::{no_block, refusals, sweep};
use common::{Drops, Point, Told, baseline, object};
use object_core::abi::{ByteSlice, FieldKind, RawAny, field_flags};
use object_core::{
    Any, AnyView, Bytes, Dict, Error, FieldSpec, Function, List, Map, MutField, Object, ObjectArc,
    ObjectHeader, ObjectRef, RegisterError, SpliceError, Str, TypeBuilder, borrowed_outcome, catch,
    convert_for, field, field_value, packed_outcome, read_field, register_reflected,
    return_borrowed, try_new_reflected, type_index as index, type_info, write_field,
};

#[global_allocator]
static HEAP: Heap = Heap;

const LONG: &str = "longer than seven bytes";

fn no_memory(error: Error) {
    assert_eq!(error.kind(), "MemoryError", "{error}");
}

/// Fields that change.
#[repr(C)]
struct Box3 {
    header: ObjectHeader,
    text: MutField<Str>,
    any: MutField<Any>,
    held: MutField<Option<ObjectRef>>,
}

object!(Box3, "sweep.Box3");

#[test]
fn conversions_of_borrowed_text() {
    baseline();
    let slice = ByteSlice::new(LONG.as_bytes());
    let mut raw = RawAny {
        type_index: index::BYTE_SLICE_PTR,
        ..RawAny::NONE
    };
    raw.value.pointer = (&raw const slice).cast_mut().cast();
    // SAFETY: the slice outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    let expects = |error: object_core::CastError| assert_eq!(error.got(), index::BYTE_SLICE_PTR);
    assert_eq!(sweep(|| view.try_to_owned(), no_block), 1);
    assert_eq!(sweep(|| Bytes::try_from(view), expects), 1);
    assert_eq!(sweep(|| Option::<Bytes>::try_from(view), expects), 1);
    assert_eq!(sweep(|| Any::try_from(view), expects), 1);
}

/// A field keeps the old value when there is no memory for the new one.
#[test]
fn fields_keep_what_they_have() {
    baseline();
    let boxed = ObjectArc::new(Box3 {
        header: ObjectHeader::new(),
        text: MutField::new(Str::from("short")),
        any: MutField::new(Any::from(1)),
        held: MutField::new(None),
    });
    let mut raw = RawAny {
        type_index: index::RAW_STR,
        ..RawAny::NONE
    };
    raw.value.pointer = c"longer than seven bytes".as_ptr().cast_mut().cast();
    // SAFETY: the literal outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    let spec = |kind| FieldSpec {
        name: "f",
        doc: "",
        kind,
        value_kind: None,
        flags: field_flags::OPTIONAL,
        type_index: index::OBJECT,
    };
    let specs = [spec(FieldKind::Str), spec(FieldKind::Any)];
    let info = type_info(register_reflected("sweep.fields", "", index::OBJECT, &specs).unwrap());
    let info = info.unwrap();
    let object = try_new_reflected(info, false).unwrap();
    for field in info.all_fields() {
        let at = ObjectArc::as_ptr(&object);
        for nth in 1.. {
            let before = live();
            // SAFETY: a live object of the field's type, which nobody else reads.
            let (written, refused) = failing(nth, || unsafe { write_field(at, field, view) });
            // SAFETY: as above.
            let value = unsafe { read_field(at, field) };
            if !refused {
                written.unwrap();
                assert_eq!(value.view().as_str(), Some(LONG));
                assert_eq!(nth, 2);
                break;
            }
            // A conversion's own message may find memory again.
            assert!(["MemoryError", "TypeError"].contains(&written.unwrap_err().kind()));
            assert!(value.is_none());
            assert_eq!(live(), before);
        }
    }
    // Nothing to ask for: what is stored was made before.
    let text = Str::from(LONG);
    let point: ObjectRef = ObjectArc::upcast(ObjectArc::new(Point::at(1, 2)));
    let before = live();
    let set = || {
        boxed.text.set(&boxed, text.clone())?;
        boxed.any.set(&boxed, point.clone())?;
        boxed
            .held
            .set(&boxed, boxed.any.get::<_, ObjectRef>(&boxed)?)
    };
    assert_eq!(sweep(set, no_memory), 0);
    assert_eq!(live(), before);
}

/// Messages fail to be made, errors never.
#[test]
fn calls_answer_an_error_whatever_happens() {
    baseline();
    let strict = Function::from_packed(|args| Ok(i64::try_from(args[0])?.into()));
    let (text, name) = (Any::from(LONG), "sweep.a function of that name");
    for nth in 1.. {
        let before = live();
        let (answer, refused) = failing(nth, || strict.call_packed(&[text.view()]));
        let error = answer.unwrap_err();
        assert_eq!(
            error.kind(),
            if refused { "MemoryError" } else { "TypeError" }
        );
        drop(error);
        assert_eq!(live(), before, "after the refusal of number {nth}");
        if !refused {
            break;
        }
    }
    strict.register_global(name, false).unwrap();
    for nth in 1.. {
        let before = live();
        let (again, refused) = failing(nth, || strict.register_global(name, false));
        assert_eq!(
            again.unwrap_err().kind(),
            if refused { "MemoryError" } else { "ValueError" }
        );
        assert!(Function::get_global(name).is_some());
        assert_eq!(live(), before, "after the refusal of number {nth}");
        if !refused {
            break;
        }
    }
    assert!(Function::remove_global(name));
    assert_eq!(ObjectArc::strong_count(strict.as_object()), 1);
    for nth in 1.. {
        let (error, refused) = failing(nth, || Any::from(3).into_error());
        assert_eq!(
            error.kind(),
            if refused {
                "MemoryError"
            } else {
                "RuntimeError"
            }
        );
        if !refused {
            break;
        }
    }
}

/// A name and what is known of it: registered whole or not at all, and copied whole.
#[test]
fn what_is_known_of_a_function() {
    baseline();
    let function = Function::from_packed(|_| Ok(Any::NONE));
    let name = "sweep.a documented function";
    let register = || function.register_documented(name, true, LONG, LONG);
    let refused = |error: Error| {
        no_memory(error);
        assert!(Function::get_global(name).is_none());
        assert_eq!(function.about().unwrap(), None);
    };
    let (times, ()) = refusals(register, refused);
    assert!(times >= 3, "{times}: a copy of each text");
    assert_eq!(sweep(|| function.about(), no_block), 3);
    let about = function.about().unwrap().unwrap();
    assert_eq!(
        (&*about.name, &*about.doc, &*about.signature),
        (name, LONG, LONG)
    );
    assert!(Function::remove_global(name));
    assert_eq!(ObjectArc::strong_count(function.as_object()), 1);
}

#[test]
fn a_string_out_of_a_value() {
    baseline();
    let value = Any::from(LONG);
    let refused = |error: object_core::CastError| {
        let text = error.to_string();
        assert!(text.contains("a value there is memory for"), "{text}");
    };
    assert_eq!(sweep(|| String::try_from(value.view()), refused), 1);
}

/// How often an allocation was refused on the way to the error, which is then `MemoryError`.
fn sweep_error(kind: &str, make: impl Fn() -> Error) -> usize {
    for nth in 1.. {
        let before = live();
        let (error, refused) = failing(nth, &make);
        assert_eq!(error.kind(), if refused { "MemoryError" } else { kind });
        drop(error);
        assert_eq!(live(), before, "after the refusal of number {nth}");
        if !refused {
            return nth - 1;
        }
    }
    0
}

/// What else says `Error`: values for fields, what foreign calls answer, casts.
#[test]
fn values_for_fields_and_foreign_outcomes() {
    baseline();
    let spec = FieldSpec {
        name: "text",
        doc: "",
        kind: FieldKind::Str,
        value_kind: None,
        flags: 0,
        type_index: index::OBJECT,
    };
    let info = register_reflected("sweep.text", "", index::OBJECT, &[spec]).unwrap();
    let field = type_info(info).unwrap().field("text").unwrap();
    let mut raw = RawAny {
        type_index: index::RAW_STR,
        ..RawAny::NONE
    };
    raw.value.pointer = c"longer than seven bytes".as_ptr().cast_mut().cast();
    // SAFETY: the literal outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    let kinds = |error: Error| assert!(["MemoryError", "TypeError"].contains(&error.kind()));
    assert_eq!(sweep(|| convert_for(field, view), kinds), 1);
    assert_eq!(sweep(|| field_value::<Str>(view), kinds), 1);
    let number = AnyView::int(3);
    let refused = || convert_for(field, number).unwrap_err();
    assert!(sweep_error("TypeError", refused) >= 1);
    let refused = || field_value::<Str>(number).unwrap_err();
    assert!(sweep_error("TypeError", refused) >= 1);

    // SAFETY: values that own nothing, or no values at all, which `packed_outcome` is to notice.
    let outcome = |status, raw| unsafe { packed_outcome(status, raw) };
    let failed = || outcome(1, RawAny::int(3)).unwrap_err();
    assert!(sweep_error("RuntimeError", failed) >= 1);
    let lied = || outcome(0, RawAny::object(1 << 20, null_mut())).unwrap_err();
    assert!(sweep_error("RuntimeError", lied) >= 1);
    assert_eq!(sweep(|| outcome(0, RawAny::int(3)), no_memory), 0);
    // A borrowed text is copied; where that fails nothing is written.
    let given_back = || {
        let mut result = RawAny::NONE;
        // SAFETY: room for a value; the literal lives for ever.
        let status = unsafe { return_borrowed(view, &raw mut result) }
            .inspect_err(|_| assert_eq!(result.type_index, index::NONE))?;
        outcome(status, result)
    };
    assert_eq!(sweep(given_back, no_memory), 1);
    // SAFETY: no value, which is to be noticed.
    let lent = || unsafe { borrowed_outcome(RawAny::object(1 << 20, null_mut())) }.unwrap_err();
    assert!(sweep_error("RuntimeError", lent) >= 1);
    let caught = || catch(|| Err::<(), _>(Error::new("OSError", LONG))).unwrap_err();
    assert!(sweep_error("OSError", caught) >= 1);

    // Casts ask for nothing, whether they succeed or not, once their types are registered.
    let _: i32 = Box3::type_index().unwrap();
    let (text, point) = (Any::from(LONG), ObjectArc::new(Point::at(1, 2)));
    assert_eq!(sweep(|| text.get::<Str>(), drop), 0);
    assert_eq!(sweep(|| ObjectArc::check::<Point>(&point), drop), 0);
    let ((), refused) = failing(1, || {
        assert!(text.get::<i64>().is_err() && ObjectArc::check::<Box3>(&point).is_err());
    });
    assert!(!refused);
}

/// A type with a parent and heirs of its own as fields: refused, it is not there, nor half of it.
#[test]
fn types_of_every_shape() {
    #[repr(C)]
    struct Holder {
        base: Point,
        held: Option<ObjectArc<Holder>>,
        other: ObjectRef,
    }
    // SAFETY: repr(C), begins with a Point, which begins with a header; never made.
    unsafe impl Object for Holder {
        fn type_index() -> Result<i32, RegisterError> {
            TypeBuilder::<Self>::new("sweep.Holder")
                .doc("Holds.")
                .parent::<Point>()
                .field("held", "Another.", field!(Holder, held))
                .field("other", "Any.", field!(Holder, other))
                .register()
        }
    }
    // SAFETY: repr(C), the first field is a Point, which is the registered parent.
    unsafe impl object_core::Extends<Point> for Holder {}

    baseline();
    let mut refusals = 0;
    for nth in 1.. {
        let before = live();
        let (number, refused) = failing(nth, Holder::type_index);
        if !refused {
            assert_eq!(type_info(number.unwrap()).unwrap().all_fields().count(), 4);
            break;
        }
        refusals += 1;
        assert_eq!(number, Err(RegisterError::OutOfMemory));
        assert!(object_core::type_index_of("sweep.Holder").is_none());
        assert!(live() <= before + 1, "more than room for names");
    }
    assert!(refusals >= 5, "{refusals}");
    // Again it is there already, and asks for its description's memory alone.
    assert!(
        sweep(Holder::type_index, |error| assert_eq!(
            error,
            RegisterError::OutOfMemory
        )) <= 3
    );
}

/// A chain too long to nest, without memory for the list: it nests, and all of it goes.
#[test]
fn deletions_that_cannot_be_put_off() {
    #[repr(C)]
    struct Link {
        header: ObjectHeader,
        told: Told,
        next: Option<ObjectArc<Link>>,
    }
    object!(Link, "sweep.Link");
    let drops = Drops::new();
    for nth in 0..6 {
        let mut chain = None;
        for _ in 0..200 {
            let (header, told) = (ObjectHeader::new(), Told(drops.clone()));
            chain = Some(ObjectArc::new(Link {
                header,
                told,
                next: chain.take(),
            }));
        }
        let before = drops.count();
        failing(nth, || drop(chain));
        assert_eq!(drops.count(), before + 200);
    }
}

/// A list or dict that cannot grow keeps what it has, and hands back what was to come.
#[test]
fn containers_keep_what_they_have() {
    baseline();
    let long = || Any::from(Str::from(LONG));
    let list = List::from_iter([long(), long()]);
    let dict = Dict::from_iter([(1i64, long()), (2, long())]);
    for nth in 1..3 {
        let values = vec![long()];
        let (made, refused) = failing(nth, || List::try_from_vec(values));
        assert!(refused);
        assert_eq!(made.unwrap_err().value.len(), 1, "handed back");
        let flat = vec![long(), long()];
        let (made, _) = failing(nth, || Map::try_from_flat(flat));
        assert_eq!(made.unwrap_err().value.len(), 2, "handed back");
        let flat = vec![long(), long()];
        let (made, _) = failing(nth, || Dict::try_from_flat(flat));
        assert_eq!(made.unwrap_err().value.len(), 2, "handed back");
    }
    let (mut grown, mut copied) = (0, 0);
    for i in 0..40i64 {
        let (text, key) = (long(), Str::from("a key that is longer than seven bytes"));
        let before = live();
        let (pushed, refused) = failing(1, || list.try_push(text.clone()));
        match pushed {
            Err(error) => {
                assert!(refused);
                assert_eq!(error.value.view().as_str(), Some(LONG));
                drop(error);
                assert_eq!(live(), before);
                grown += 1;
                list.try_push(i).unwrap();
            }
            Ok(()) => assert!(!refused),
        }
        let (set, refused) = failing(1, || dict.try_insert(i + 10, text.clone()));
        if let Err(error) = set {
            assert!(refused);
            assert_eq!(error.value.0.get::<i64>(), Ok(i + 10));
            assert!(!dict.contains_key(AnyView::int(i + 10)));
            drop(error);
            grown += 1;
            dict.try_insert(i + 10, text.clone()).unwrap();
        }
        assert_eq!(dict.len(), i as usize + 3, "one more");
        let (there, refused) = failing(1, || dict.try_get_or_insert(i + 10, text.clone()));
        assert!(there.is_ok() && !refused, "it is there");
        let (front, refused) = failing(1, || list.try_insert(0, text.clone()));
        assert_eq!(front.is_err(), refused);
        let (copy, refused) = failing(1, || list.try_to_vec());
        copied += usize::from(refused);
        assert_eq!(copy.is_err(), refused);
        let values = vec![Any::from(key)];
        let (spliced, refused) = failing(1, || list.try_splice(0, 1, values, None));
        assert_eq!(spliced.is_err(), refused);
        if let Err(SpliceError::NoMemory(error)) = spliced {
            assert_eq!(error.value.len(), 1, "handed back");
        }
        let (dropped, refused) = failing(1, || list.try_splice(0, 1, Vec::new(), None));
        assert_eq!(dropped.is_err(), refused, "room to carry what goes out");
    }
    assert!(grown >= 6, "{grown}");
    assert_eq!(copied, 40);
    // These ask for nothing.
    let ((), refused) = failing(1, || (list.clear(), dict.clear()).0);
    assert!(!refused);
    assert_eq!((list.len(), dict.len()), (0, 0));
}
