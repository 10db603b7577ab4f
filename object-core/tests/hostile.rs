//! What fuzzing found: values and descriptions that lie, which were believed.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

use object_core::abi::{AnyValue, ByteSlice, FieldKind, RawAny, TypeDesc, type_flags};
use object_core::table::register_status::BAD_DESCRIPTION;
use object_core::{
    Any, AnyView, Bytes, FieldSpec, ObjectHeader, ObjectRef, Str, register_reflected, runtime,
    type_index as index, type_index_of, type_info,
};

#[test]
fn text_at_null_is_no_text() {
    for number in [
        index::STR,
        index::BYTES,
        index::RAW_STR,
        index::BYTE_SLICE_PTR,
    ] {
        let mut raw = RawAny {
            type_index: number,
            ..RawAny::NONE
        };
        raw.value = AnyValue {
            pointer: std::ptr::null_mut(),
        };
        // SAFETY: null: there is nothing to outlive the view.
        let view = unsafe { AnyView::from_raw(raw) };
        assert!(view.as_bytes().is_none() && view.as_str().is_none());
        assert_eq!(Str::try_from(view).unwrap_err().got(), number);
        assert_eq!(Bytes::try_from(view).unwrap_err().got(), number);
        drop(view.try_to_owned().unwrap());
        assert!(!format!("{view:?}").is_empty());
    }
}

/// Short or long, by view, moved or taken out.
#[test]
fn a_string_is_no_object_whichever_way_it_comes() {
    for text in ["short", "longer than seven bytes"] {
        let any = Any::from(text);
        assert!(any.get::<ObjectRef>().is_err());
        let any = any.into_object::<ObjectHeader>().unwrap_err();
        assert_eq!(any.view().as_str(), Some(text));
        let Some(object) = any.view().raw().as_object() else {
            continue;
        };
        let mut variable = object.as_ptr();
        let mut raw = RawAny {
            type_index: index::RVALUE_REF,
            ..RawAny::NONE
        };
        raw.value = AnyValue {
            pointer: (&raw mut variable).cast(),
        };
        // SAFETY: the variable outlives the view, which takes nothing out of it, or all.
        let view = unsafe { AnyView::from_raw(raw) };
        assert_eq!(ObjectRef::try_from(view).unwrap_err().got(), index::STR);
        assert!(
            Str::try_from(view).is_err(),
            "a string is not moved as one either"
        );
        std::mem::forget(any); // the variable's reference, which an Any takes over
        assert_eq!(view.try_to_owned().unwrap().view().as_str(), Some(text));
    }
}

/// The fields of `model`, a type registered by reflection, as one of another type's.
fn describe(key: &str, parent: i32, model: i32) -> i32 {
    let info = type_info(model).unwrap();
    let desc = TypeDesc {
        key: ByteSlice::new(key.as_bytes()),
        doc: ByteSlice::EMPTY,
        parent,
        flags: type_flags::REFLECTED,
        size: 64,
        align: 8,
        fields: info.fields,
        methods: std::ptr::null(),
        num_fields: info.num_fields,
        num_methods: 0,
    };
    // SAFETY: the key is alive for the call, the fields for ever.
    unsafe { (runtime().type_register)(&raw const desc) }
}

fn spec(name: &str, kind: FieldKind) -> FieldSpec<'_> {
    FieldSpec {
        name,
        doc: "",
        kind,
        flags: 0,
        type_index: index::OBJECT,
    }
}

#[test]
fn fields_of_reflected_types_do_not_overlap() {
    let number = register_reflected(
        "hostile.number",
        "",
        index::OBJECT,
        &[spec("number", FieldKind::I64)],
    )
    .unwrap();
    // An heir's field in its parent's place: the int would be read as an object's address.
    let held = register_reflected(
        "hostile.held",
        "",
        index::OBJECT,
        &[spec("held", FieldKind::Object)],
    )
    .unwrap();
    assert_eq!(describe("hostile.heir", number, held), BAD_DESCRIPTION);
    assert!(type_index_of("hostile.heir").is_none());
    assert!(describe("hostile.twin", index::OBJECT, held) >= index::DYNAMIC_BEGIN);

    // Two of its own in one place, of whatever kinds. A field may be named twice, of a type that is
    // dropped by code of its own.
    let info = type_info(number).unwrap();
    let twice = [info.own_fields()[0], info.own_fields()[0]];
    let mut desc = TypeDesc {
        key: ByteSlice::new(b"hostile.twice"),
        doc: ByteSlice::EMPTY,
        parent: index::OBJECT,
        flags: type_flags::REFLECTED,
        size: 64,
        align: 8,
        fields: twice.as_ptr(),
        methods: std::ptr::null(),
        num_fields: 2,
        num_methods: 0,
    };
    // SAFETY: key and fields are alive for the call.
    let register = |desc: &TypeDesc| unsafe { (runtime().type_register)(desc) };
    assert_eq!(register(&desc), BAD_DESCRIPTION);
    desc.flags = 0;
    assert!(register(&desc) >= index::DYNAMIC_BEGIN);
}
