//! What fuzzing found: values and descriptions that lie, which were believed.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

use object_core::abi::{AnyValue, ByteSlice, FieldKind, RawAny, TypeDesc, type_flags};
use object_core::table::function_status;
use object_core::table::register_status::BAD_DESCRIPTION;
use object_core::{
    Any, AnyView, Bytes, FieldSpec, Function, ObjectHeader, ObjectRef, Str, register_reflected,
    runtime, type_index as index, type_index_of, type_info,
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
        says_what_it_lacks(view);
        assert_eq!(Bytes::try_from(view).unwrap_err().got(), number);
        drop(view.try_to_owned().unwrap());
        assert!(!format!("{view:?}").is_empty());
    }
}

#[test]
fn a_short_text_without_room_is_no_text() {
    for (len, is_text) in [(7, true), (8, false), (9, false), (u32::MAX, false)] {
        let raw = RawAny {
            type_index: index::SMALL_STR,
            small_len: len,
            value: AnyValue {
                bytes: *b"12345678",
            },
        };
        // SAFETY: nothing is borrowed but the value itself.
        let view = unsafe { AnyView::from_raw(raw) };
        assert_eq!(view.as_str().is_some(), is_text, "{len}");
        if !is_text {
            says_what_it_lacks(view);
        }
        // SAFETY: as above.
        let view = unsafe {
            AnyView::from_raw(RawAny {
                type_index: index::SMALL_BYTES,
                ..raw
            })
        };
        assert_eq!(view.as_bytes().is_some(), is_text, "{len}");
        if !is_text {
            says_what_it_lacks(view);
        }
    }
}

/// Not "expected bytes, got bytes".
fn says_what_it_lacks(view: AnyView<'_>) {
    let errors = [
        Str::try_from(view).map(|_| ()),
        Bytes::try_from(view).map(|_| ()),
    ];
    for said in errors.map(|error| error.unwrap_err().to_string()) {
        let (expected, got) = said.split_once(", got ").unwrap();
        assert_ne!(expected.trim_start_matches("expected "), got);
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
        value_kind: None,
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

/// A library that counts wrongly, or registers what cannot be called.
#[test]
fn what_is_no_function_is_not_registered() {
    let table = runtime();
    let text = Any::from("a text that is an object");
    let object = text.view().raw().as_object().unwrap().as_ptr();
    let name = ByteSlice::new(b"hostile.text");
    for lie in [object, std::ptr::null_mut()] {
        // SAFETY: a live object, or null.
        let status = unsafe { (table.function_register)(name, lie, 0) };
        assert_eq!(status, function_status::NOT_A_FUNCTION);
        assert!(Function::get_global("hostile.text").is_none());
        let method = MethodInfoBytes {
            name: ByteSlice::new(b"call"),
            doc: ByteSlice::EMPTY,
            function: lie,
            flags: [0; 2],
        };
        let mut desc = described("hostile.Method");
        desc.methods = (&raw const method).cast();
        desc.num_methods = 1;
        // SAFETY: what it borrows is alive for the call.
        let status = unsafe { (table.type_register)(&raw const desc) };
        assert_eq!(status, BAD_DESCRIPTION);
    }
    let mut desc = described("hostile.Many");
    desc.fields = std::ptr::dangling();
    desc.num_fields = u32::MAX;
    // SAFETY: more fields than a type can have, so none is read.
    let status = unsafe { (table.type_register)(&raw const desc) };
    assert_eq!(status, BAD_DESCRIPTION);
    assert_eq!(type_index_of("hostile.Method"), None);
    drop(text);
}

/// A `MethodInfo`, whose name only C can write.
#[repr(C)]
struct MethodInfoBytes {
    name: ByteSlice,
    doc: ByteSlice,
    function: *mut ObjectHeader,
    flags: [u32; 2],
}

fn described(key: &str) -> TypeDesc {
    TypeDesc {
        key: ByteSlice::new(key.as_bytes()),
        doc: ByteSlice::EMPTY,
        parent: index::OBJECT,
        flags: 0,
        size: 24,
        align: 8,
        fields: std::ptr::null(),
        methods: std::ptr::null(),
        num_fields: 0,
        num_methods: 0,
    }
}
