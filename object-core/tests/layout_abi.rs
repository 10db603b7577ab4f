//! Sizes and offsets that libraries built today share with those of tomorrow. It hardly runs:
//! compiling it is the check. When it fails, the major version moves, or the change is wrong.
//!
//! What is private is pinned beside its struct.

#![cfg(all(not(loom), target_pointer_width = "64"))]

use core::mem::offset_of;

use object_core::abi::{
    AnyValue, ByteSlice, FieldInfo, FieldKind, MethodInfo, RawAny, TypeDesc, TypeInfo, field_flags,
    method_flags, type_flags,
};
use object_core::alloc_header::{AllocHeader, TiedHeader};
use object_core::header::{DELETE_BODY, DELETE_SPACE, flags};
use object_core::table::{
    ABI_MAJOR, ABI_MINOR, ANY_VERSION, LIBRARY_INIT_SYMBOL, LibraryReply, RuntimeTable, Sharing,
    container_status, function_status, library_status, register_status,
};
use object_core::{
    Any, AnyView, Array, ArrayObj, Bytes, BytesObj, Dict, DictObj, Error, ErrorObj, Function,
    FunctionObj, List, ListObj, Map, MapObj, ObjectArc, ObjectHeader, OpaqueObj, SMALL_MAX, Str,
    StrObj, WeakObjectArc, type_index,
};

/// Both numbers of each pair.
macro_rules! same {
    ($($found:expr => $frozen:expr),* $(,)?) => {
        $(const _: () = assert!($found as i128 == $frozen as i128, stringify!($found));)*
    };
}

/// A struct: its size, its alignment, its fields' offsets.
macro_rules! layout {
    ($type:ty, $size:literal, $align:literal $(, $field:ident: $offset:literal)*) => {
        same!(size_of::<$type>() => $size, align_of::<$type>() => $align);
        $(same!(offset_of!($type, $field) => $offset);)*
    };
}

layout!(ObjectHeader, 24, 8);
layout!(AnyValue, 8, 8);
layout!(RawAny, 16, 8, type_index: 0, small_len: 4, value: 8);
layout!(ByteSlice, 16, 8, data: 0, len: 8);
layout!(FieldInfo, 48, 8, offset: 32, kind: 36, value_kind: 37, reserved: 38, flags: 40, type_index: 44);
layout!(MethodInfo, 48, 8, function: 32, flags: 40, reserved: 44);
layout!(
    TypeInfo, 96, 8, type_index: 0, depth: 4, key: 8, doc: 24, ancestors: 40, fields: 48,
    methods: 56, num_fields: 64, num_methods: 68, size: 72, align: 76, flags: 80, fingerprint: 88
);
layout!(
    TypeDesc, 72, 8, key: 0, doc: 16, parent: 32, flags: 36, size: 40, align: 44, fields: 48,
    methods: 56, num_fields: 64, num_methods: 68
);
layout!(
    RuntimeTable, 368, 8, major: 0, minor: 2, size: 4, registry: 8, count_slow_inc: 16,
    count_slow_dec: 24, count_slow_upgrade: 32, inc_ref: 40, dec_ref: 48, inc_weak: 56,
    dec_weak: 64, upgrade: 72, slot_load: 80, slot_store: 88, any_slot_load: 96,
    any_slot_swap: 104, type_register: 112, type_info: 120, type_index_of_key: 128,
    function_register: 136, function_get: 144, function_remove: 152, function_names: 160,
    report_unraisable: 168, set_unraisable_hook: 176, list_new: 184, list_len: 192, list_get: 200,
    list_swap: 208, list_read: 216, list_splice: 224, map_new: 232, map_items: 240, map_find: 248,
    dict_new: 256, dict_len: 264, dict_get: 272, dict_set: 280, dict_remove: 288, dict_pop: 296,
    dict_step: 304, dict_read: 312, dict_clear: 320, count_settle: 328,
    set_sharing: 336, container_visit: 344, function_register_documented: 352, function_about: 360
);
layout!(Sharing, 16, 8, settle: 0, upgrade: 8);
layout!(LibraryReply, 24, 8, size: 0, major: 4, minor: 6, error: 8);
layout!(StrObj, 40, 8);
layout!(BytesObj, 40, 8);
layout!(FunctionObj, 40, 8);
layout!(ArrayObj, 56, 8);
layout!(OpaqueObj, 32, 8);
// Opaque: a handle's copy of the code knows the header alone.
layout!(ListObj, 24, 8);
layout!(MapObj, 24, 8);
layout!(DictObj, 24, 8);
layout!(ErrorObj, 120, 8, kind: 24, message: 40);
layout!(AllocHeader, 8, 8, delete_space: 0);
layout!(TiedHeader, 16, 8, word: 0, base: 8);

// Handles are what C sees: an address, or a value.
layout!(ObjectArc<ObjectHeader>, 8, 8);
layout!(Option<ObjectArc<ObjectHeader>>, 8, 8);
layout!(WeakObjectArc<ObjectHeader>, 8, 8);
layout!(Array, 8, 8);
layout!(List, 8, 8);
layout!(Map, 8, 8);
layout!(Dict, 8, 8);
layout!(Function, 8, 8);
layout!(Error, 8, 8);
layout!(Any, 16, 8);
layout!(AnyView<'static>, 16, 8);
layout!(Str, 16, 8);
layout!(Bytes, 16, 8);

same!(
    ABI_MAJOR => 1, ABI_MINOR => 3, LIBRARY_INIT_SYMBOL.len() => 21, SMALL_MAX => 7,
    DELETE_BODY => 1, DELETE_SPACE => 2,
    flags::HEADED => 1, flags::SLOT_LOCK => 2, flags::LEAF => 4, flags::ITEMS => 8, flags::PLAIN => 16,
    flags::RELEASES_INTERPRETER => 256, flags::FRONTEND_SHIFT => 16,
    field_flags::FROZEN => 1, field_flags::OPTIONAL => 2, method_flags::STATIC => 1,
    type_flags::REFLECTED => 1,
    register_status::CONFLICT => -1, register_status::UNKNOWN_PARENT => -2,
    register_status::BAD_DESCRIPTION => -3, register_status::OUT_OF_MEMORY => -4,
    register_status::TOO_MANY => -5,
    function_status::OK => 0, function_status::TAKEN => -1, function_status::NOT_A_FUNCTION => -3, function_status::OUT_OF_MEMORY => -4,
    library_status::OK => 0, library_status::FAILED => 1, library_status::REFUSED => 2,
    library_status::OWN_RUNTIME => 3,
    container_status::DONE => 0, container_status::ABSENT => 0, container_status::FOUND => 1,
    container_status::CHANGED => -1, container_status::OUT_OF_MEMORY => -4,
    ANY_VERSION => u64::MAX,
);

same!(
    type_index::NONE => 0, type_index::INT => 1, type_index::BOOL => 2, type_index::FLOAT => 3,
    type_index::OPAQUE_PTR => 4, type_index::RAW_STR => 8, type_index::BYTE_SLICE_PTR => 9,
    type_index::RVALUE_REF => 10, type_index::SMALL_STR => 11, type_index::SMALL_BYTES => 12,
    type_index::STATIC_OBJECT_BEGIN => 64, type_index::OBJECT => 64, type_index::STR => 65,
    type_index::BYTES => 66, type_index::ERROR => 67, type_index::FUNCTION => 68,
    type_index::ARRAY => 71, type_index::MAP => 72, type_index::OPAQUE => 74,
    type_index::LIST => 75, type_index::DICT => 76, type_index::DYNAMIC_BEGIN => 128,
    type_index::THIS => -1,
);

same!(
    FieldKind::I8 => 1, FieldKind::I16 => 2, FieldKind::I32 => 3, FieldKind::I64 => 4,
    FieldKind::U8 => 5, FieldKind::U16 => 6, FieldKind::U32 => 7, FieldKind::U64 => 8,
    FieldKind::F32 => 9, FieldKind::F64 => 10, FieldKind::Bool => 11, FieldKind::Str => 12,
    FieldKind::Bytes => 13, FieldKind::Object => 14, FieldKind::Weak => 15, FieldKind::Any => 16,
);

/// The private parts of bodies, by what C reads at their places.
#[cfg(all(feature = "infallible", feature = "default-backing"))]
#[test]
fn bodies_hold_what_c_reads_at_their_offsets() {
    #![allow(unsafe_code)]
    let at = |object: *const u8, offset: usize| {
        // SAFETY: inside the body, aligned to 8.
        unsafe { object.add(offset).cast::<usize>().read() }
    };
    let text = Any::from("longer than seven");
    let object = text.get::<ObjectArc<StrObj>>().unwrap();
    let body = ObjectArc::as_ptr(&object).as_ptr().cast::<u8>();
    assert_eq!(at(body, 24), object.bytes().as_ptr().addr(), "data");
    assert_eq!(at(body, 32), 17, "size");

    let array = Array::try_from_values([1i64, 2, 3]).unwrap();
    let body = ObjectArc::as_ptr(array.as_object()).as_ptr().cast::<u8>();
    assert_eq!(at(body, 24), core::ptr::from_ref(&array[0]).addr(), "data");
    assert_eq!(
        (at(body, 32), at(body, 40), at(body, 48)),
        (3, 3, 0),
        "size, capacity, deleter"
    );

    let call = Function::from_packed(|_| Ok(Any::NONE));
    let body = ObjectArc::as_ptr(call.as_object()).as_ptr().cast::<u8>();
    assert_eq!(
        at(body, 24),
        call.as_object().safe_call() as usize,
        "safe_call"
    );
    assert_eq!(at(body, 32), 0, "lend_call");

    let carrier = ObjectArc::new(OpaqueObj::new(64 as *mut _));
    assert_eq!(
        at(ObjectArc::as_ptr(&carrier).as_ptr().cast(), 24),
        64,
        "carried"
    );

    let error = Error::try_with("E", "m", Some(Error::out_of_memory()), None).unwrap();
    let body = ObjectArc::as_ptr(error.as_object()).as_ptr().cast::<u8>();
    let cause = ObjectArc::as_ptr(error.cause().unwrap().as_object())
        .addr()
        .get();
    assert_eq!((at(body, 56), at(body, 64)), (cause, 0), "cause, context");
    let header = (
        at(body, 0) as u64,
        at(body, 8) as u64 & 0xFFFF_FFFF,
        at(body, 16),
    );
    let deleter = ObjectArc::header(error.as_object()).deleter() as usize;
    assert_eq!(
        header,
        ((1 << 32) + 1, 67, deleter),
        "counts, type, deleter"
    );
}
