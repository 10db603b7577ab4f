//! The derive: every kind of field, got, set, defaulted and refused.

mod derived;

use std::cell::Cell;

use rust_binding::object_core::abi::FieldKind;
use rust_binding::object_core::{Dict, List, Map, read_field, write_field};
use rust_binding::prelude::*;
use rust_binding::type_info;

use derived::made;

/// What a field of objects holds.
#[derive(Object, Debug)]
#[object(key = "derive.Item", constructor)]
#[repr(C)]
struct Item {
    header: ObjectHeader,
    name: Str,
}

/// An heir.
#[derive(Object, Debug)]
#[object(key = "derive.Book", parent = Item, constructor)]
#[repr(C)]
struct Book {
    item: Item,
}

/// What does not fit there.
#[derive(Object, Debug)]
#[object(key = "derive.Stranger")]
#[repr(C)]
struct Stranger {
    header: ObjectHeader,
}

impl Stranger {
    fn new() -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
        })
    }
}

thread_local! {
    /// On this thread: tests run beside one another.
    static DROPS: Cell<i64> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
    }
}

/// One mutable field of every kind, each with a default.
#[derive(Object, Debug)]
#[object(key = "derive.Every", constructor)]
#[repr(C, align(64))]
struct Every {
    header: ObjectHeader,
    #[object(default = -8)]
    i8: MutField<i8>,
    #[object(default = -16)]
    i16: MutField<i16>,
    #[object(default = -32)]
    i32: MutField<i32>,
    #[object(default = -64)]
    i64: MutField<i64>,
    #[object(default = 8)]
    u8: MutField<u8>,
    #[object(default = 16)]
    u16: MutField<u16>,
    #[object(default = 32)]
    u32: MutField<u32>,
    #[object(default = 64)]
    u64: MutField<u64>,
    #[object(default = 0.5)]
    f32: MutField<f32>,
    #[object(default = 0.25)]
    f64: MutField<f64>,
    #[object(default = true, mut)]
    flag: MutField<bool>,
    #[object(default = "a text in an object")]
    text: MutField<Str>,
    #[object(default = Bytes::from(&b"blob"[..]))]
    blob: MutField<Bytes>,
    #[object(default)]
    any: MutField<Any>,
    #[object(default = ObjectArc::upcast(Stranger::new()))]
    object: MutField<ObjectRef>,
    #[object(default)]
    maybe: MutField<Option<ObjectArc<Item>>>,
    #[object(default)]
    weak: MutField<WeakObjectArc<Every>>,
    #[object(default = Array::from_iter([1i64, 2]))]
    array: MutField<Array>,
    #[object(default)]
    maybe_array: MutField<Option<Array>>,
    #[object(default = List::from_iter([1i64, 2]))]
    list: MutField<List>,
    #[object(default = Map::from_iter([("a", 1i64)]))]
    map: MutField<Map>,
    #[object(default = Dict::from_iter([("a", 1i64)]))]
    dict: MutField<Dict>,
    #[object(default)]
    maybe_dict: MutField<Option<Dict>>,
    #[object(default = typed("two", || 2))]
    function: MutField<Function>,
    #[object(default)]
    maybe_function: MutField<Option<Function>>,
    #[object(default = Error::new("KindOf", "message"))]
    error: MutField<Error>,
    #[object(default, frozen)]
    frozen: u16,
    #[object(default = Some(-8))]
    maybe_i8: MutField<Option<i8>>,
    #[object(default)]
    maybe_i16: MutField<Option<i16>>,
    #[object(default)]
    maybe_i32: MutField<Option<i32>>,
    #[object(default)]
    maybe_i64: MutField<Option<i64>>,
    #[object(default)]
    maybe_u8: MutField<Option<u8>>,
    #[object(default)]
    maybe_u16: MutField<Option<u16>>,
    #[object(default)]
    maybe_u32: MutField<Option<u32>>,
    #[object(default = Some(u64::MAX))]
    maybe_u64: MutField<Option<u64>>,
    #[object(default = Some(0.5))]
    maybe_f32: MutField<Option<f32>>,
    #[object(default)]
    maybe_f64: MutField<Option<f64>>,
    #[object(default = Some(true))]
    maybe_flag: MutField<Option<bool>>,
    #[object(default = Some("a text in an object".into()))]
    maybe_text: MutField<Option<Str>>,
    #[object(default)]
    maybe_blob: MutField<Option<Bytes>>,
    #[object(default = 7)]
    optional: Optional<i64>,
    #[object(default = "text")]
    optional_text: Optional<Str>,
    #[object(default)]
    optional_blob: Optional<Bytes>,
    #[object(skip, default = Counted)]
    _counted: Counted,
}

/// A row of the table: what fits the field, what reads back, and what does not fit.
struct Row {
    name: &'static str,
    default: fn(&Any) -> bool,
    good: fn() -> Any,
    kept: fn(&Any) -> bool,
    none: bool,
    bad: fn() -> Any,
    says: &'static str,
}

fn is_int(value: &Any, wanted: i64) -> bool {
    value.get::<i64>().ok() == Some(wanted)
}

fn is_float(value: &Any, wanted: f64) -> bool {
    value.get::<f64>().ok() == Some(wanted)
}

fn is_text(value: &Any, wanted: &str) -> bool {
    value.view().as_str() == Some(wanted)
}

fn is_a(value: &Any, key: &str) -> bool {
    type_info(value.type_index()).is_some_and(|info| info.key() == key)
}

const LARGE: &str = "OverflowError";
const TYPE: &str = "TypeError";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row { name: "i8", default: |v| is_int(v, -8), good: || 127i64.into(), kept: |v| is_int(v, 127), none: false, bad: || 128i64.into(), says: LARGE },
    Row { name: "i16", default: |v| is_int(v, -16), good: || (-32768i64).into(), kept: |v| is_int(v, -32768), none: false, bad: || (-32769i64).into(), says: LARGE },
    Row { name: "i32", default: |v| is_int(v, -32), good: || 7i64.into(), kept: |v| is_int(v, 7), none: false, bad: || (1i64 << 31).into(), says: LARGE },
    Row { name: "i64", default: |v| is_int(v, -64), good: || i64::MIN.into(), kept: |v| is_int(v, i64::MIN), none: false, bad: || 1.5.into(), says: TYPE },
    Row { name: "u8", default: |v| is_int(v, 8), good: || 255i64.into(), kept: |v| is_int(v, 255), none: false, bad: || (-1i64).into(), says: LARGE },
    Row { name: "u16", default: |v| is_int(v, 16), good: || 65535i64.into(), kept: |v| is_int(v, 65535), none: false, bad: || 65536i64.into(), says: LARGE },
    Row { name: "u32", default: |v| is_int(v, 32), good: || 0xffff_ffffi64.into(), kept: |v| is_int(v, 0xffff_ffff), none: false, bad: || "1".into(), says: TYPE },
    Row { name: "u64", default: |v| is_int(v, 64), good: || i64::MAX.into(), kept: |v| is_int(v, i64::MAX), none: false, bad: || (-1i64).into(), says: LARGE },
    Row { name: "f32", default: |v| is_float(v, 0.5), good: || 2i64.into(), kept: |v| is_float(v, 2.0), none: false, bad: || "1".into(), says: TYPE },
    Row { name: "f64", default: |v| is_float(v, 0.25), good: || 1e300.into(), kept: |v| is_float(v, 1e300), none: false, bad: || Bytes::EMPTY.into(), says: TYPE },
    Row { name: "flag", default: |v| v.get::<bool>().ok() == Some(true), good: || false.into(), kept: |v| v.get::<bool>().ok() == Some(false), none: false, bad: || 1i64.into(), says: TYPE },
    Row { name: "text", default: |v| is_text(v, "a text in an object"), good: || "new".into(), kept: |v| is_text(v, "new"), none: false, bad: || Bytes::EMPTY.into(), says: TYPE },
    Row { name: "blob", default: |v| v.view().as_bytes() == Some(b"blob"), good: || Bytes::from(&b"much longer than it was"[..]).into(), kept: |v| v.view().as_bytes() == Some(b"much longer than it was"), none: false, bad: || "text".into(), says: TYPE },
    Row { name: "any", default: Any::is_none, good: || 1.5.into(), kept: |v| is_float(v, 1.5), none: true, bad: || Any::NONE, says: "" },
    Row { name: "object", default: |v| is_a(v, "derive.Stranger"), good: || Array::from_iter([1i64]).into(), kept: |v| is_a(v, "tieback.Array"), none: false, bad: || 1i64.into(), says: TYPE },
    Row { name: "maybe", default: Any::is_none, good: || made::<Book>("derive.Book", &["b".into()]).unwrap().into(), kept: |v| is_a(v, "derive.Book"), none: true, bad: || Stranger::new().into(), says: TYPE },
    Row { name: "array", default: |v| v.get::<Array>().is_ok_and(|a| a.len() == 2), good: || Array::from_iter([1i64]).into(), kept: |v| v.get::<Array>().is_ok_and(|a| a.len() == 1), none: false, bad: || Stranger::new().into(), says: TYPE },
    Row { name: "maybe_array", default: Any::is_none, good: || Array::from_iter([1i64]).into(), kept: |v| is_a(v, "tieback.Array"), none: true, bad: || "ab".into(), says: TYPE },
    Row { name: "list", default: |v| v.get::<List>().is_ok_and(|l| l.len() == 2), good: || List::from_iter([1i64]).into(), kept: |v| v.get::<List>().is_ok_and(|l| l.len() == 1), none: false, bad: || Array::from_iter([1i64]).into(), says: TYPE },
    Row { name: "map", default: |v| v.get::<Map>().is_ok_and(|m| m.len() == 1), good: || Map::from_iter([(1i64, 2i64), (3, 4)]).into(), kept: |v| v.get::<Map>().is_ok_and(|m| m.len() == 2), none: false, bad: || Dict::from_iter([(1i64, 2i64)]).into(), says: TYPE },
    Row { name: "dict", default: |v| v.get::<Dict>().is_ok_and(|d| d.len() == 1), good: || Dict::from_iter([(1i64, 2i64), (3, 4)]).into(), kept: |v| v.get::<Dict>().is_ok_and(|d| d.len() == 2), none: false, bad: || 3i64.into(), says: TYPE },
    Row { name: "maybe_dict", default: Any::is_none, good: || Dict::from_iter([(1i64, 2i64)]).into(), kept: |v| is_a(v, "tieback.Dict"), none: true, bad: || Map::from_iter([(1i64, 2i64)]).into(), says: TYPE },
    Row { name: "function", default: |v| v.get::<Function>().is_ok_and(|f| f.call::<i64>(()).unwrap() == 2), good: || typed("three", || 3).into_object().into(), kept: |v| v.get::<Function>().is_ok_and(|f| f.call::<i64>(()).unwrap() == 3), none: false, bad: || 3i64.into(), says: TYPE },
    Row { name: "maybe_function", default: Any::is_none, good: || typed("three", || 3).into_object().into(), kept: |v| is_a(v, "tieback.Function"), none: true, bad: || 3i64.into(), says: TYPE },
    Row { name: "error", default: |v| v.get::<Error>().is_ok_and(|e| e.kind() == "KindOf"), good: || Error::new("E", "m").into(), kept: |v| v.get::<Error>().is_ok_and(|e| e.kind() == "E"), none: false, bad: || "E".into(), says: TYPE },
    Row { name: "maybe_i8", default: |v| is_int(v, -8), good: || 127i64.into(), kept: |v| is_int(v, 127), none: true, bad: || 128i64.into(), says: LARGE },
    Row { name: "maybe_i16", default: Any::is_none, good: || (-32768i64).into(), kept: |v| is_int(v, -32768), none: true, bad: || (-32769i64).into(), says: LARGE },
    Row { name: "maybe_i32", default: Any::is_none, good: || true.into(), kept: |v| is_int(v, 1), none: true, bad: || (1i64 << 31).into(), says: LARGE },
    Row { name: "maybe_i64", default: Any::is_none, good: || i64::MIN.into(), kept: |v| is_int(v, i64::MIN), none: true, bad: || 1.5.into(), says: TYPE },
    Row { name: "maybe_u8", default: Any::is_none, good: || 255i64.into(), kept: |v| is_int(v, 255), none: true, bad: || (-1i64).into(), says: LARGE },
    Row { name: "maybe_u16", default: Any::is_none, good: || 65535i64.into(), kept: |v| is_int(v, 65535), none: true, bad: || 65536i64.into(), says: LARGE },
    Row { name: "maybe_u32", default: Any::is_none, good: || 0xffff_ffffi64.into(), kept: |v| is_int(v, 0xffff_ffff), none: true, bad: || "1".into(), says: TYPE },
    Row { name: "maybe_u64", default: |v| is_float(v, u64::MAX as f64), good: || i64::MAX.into(), kept: |v| is_int(v, i64::MAX), none: true, bad: || (-1i64).into(), says: LARGE },
    Row { name: "maybe_f32", default: |v| is_float(v, 0.5), good: || 2i64.into(), kept: |v| is_float(v, 2.0), none: true, bad: || 1e300.into(), says: LARGE },
    Row { name: "maybe_f64", default: Any::is_none, good: || 1e300.into(), kept: |v| is_float(v, 1e300), none: true, bad: || Bytes::EMPTY.into(), says: TYPE },
    Row { name: "maybe_flag", default: |v| v.get::<bool>().ok() == Some(true), good: || false.into(), kept: |v| v.get::<bool>().ok() == Some(false), none: true, bad: || 1i64.into(), says: TYPE },
    Row { name: "maybe_text", default: |v| is_text(v, "a text in an object"), good: || "new".into(), kept: |v| is_text(v, "new"), none: true, bad: || Bytes::EMPTY.into(), says: TYPE },
    Row { name: "maybe_blob", default: Any::is_none, good: || Bytes::from(&b"much longer than it was"[..]).into(), kept: |v| v.view().as_bytes() == Some(b"much longer than it was"), none: true, bad: || "text".into(), says: TYPE },
];

#[test]
#[allow(unsafe_code)]
fn every_kind_is_got_set_defaulted_and_refused() {
    let drops = DROPS.get();
    let every = made::<Every>("derive.Every", &[]).unwrap();
    assert!(ObjectArc::as_ptr(&every).as_ptr().is_aligned());
    let any: ObjectRef = ObjectArc::upcast(every.clone());
    let info = type_info(Every::type_index().unwrap()).unwrap();
    // SAFETY: the object is of that type; `write_field` is for its mutable fields.
    let get =
        |name: &str| unsafe { read_field(ObjectArc::as_ptr(&any), info.field(name).unwrap()) };
    let set = |name: &str, value: Any| {
        let field = info.field(name).unwrap();
        assert!(!field.is_frozen(), "{name}");
        // SAFETY: as above.
        unsafe { write_field(ObjectArc::as_ptr(&any), field, value.view()) }
    };
    for row in TABLE {
        let name = row.name;
        assert!(
            (row.default)(&get(name)),
            "default of {name}: {:?}",
            get(name)
        );
        set(name, (row.good)()).unwrap();
        assert!((row.kept)(&get(name)), "{name}: {:?}", get(name));
        if !row.says.is_empty() {
            let error = set(name, (row.bad)()).unwrap_err();
            assert_eq!(error.kind(), row.says, "{name}: {error}");
            assert!((row.kept)(&get(name)), "{name} after what was refused");
        }
        match set(name, Any::NONE) {
            Ok(()) => assert!(row.none && get(name).is_none(), "{name} took None"),
            Err(error) => assert!(!row.none && error.kind() == TYPE, "{name}: {error}"),
        }
    }
    // A weak field is its own case: it keeps nothing alive.
    assert!(get("weak").is_none());
    let other = made::<Every>("derive.Every", &[]).unwrap();
    set("weak", other.clone().into()).unwrap();
    assert_eq!(get("weak").get::<ObjectArc<Every>>().unwrap(), other);
    assert_eq!(
        set("weak", Stranger::new().into()).unwrap_err().kind(),
        TYPE
    );
    drop(other);
    assert_eq!(DROPS.get(), drops + 1);
    assert!(get("weak").is_none() && every.weak.load(&every).upgrade().is_none());
    assert_eq!(get("frozen").get::<i64>().unwrap(), 0);
    assert_eq!(get("optional").get::<i64>().unwrap(), 7);
    assert_eq!(get("optional_text").view().as_str(), Some("text"));
    assert!(get("optional_blob").is_none());
    assert_eq!(
        TABLE.len() + 5,
        info.own_fields().len(),
        "a field without a row"
    );
    drop((every, any));
    assert_eq!(DROPS.get(), drops + 2);
}

#[test]
fn each_kind_is_found_from_its_type() {
    let info = type_info(Every::type_index().unwrap()).unwrap();
    let kinds: Vec<FieldKind> = info
        .own_fields()
        .iter()
        .map(|field| field.kind().unwrap())
        .collect();
    use FieldKind::{
        Any, Bool, Bytes, F32, F64, I8, I16, I32, I64, Object, Str, U8, U16, U32, U64, Weak,
    };
    let wanted = [
        I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, Bool, Str, Bytes, Any, Object, Object,
        Weak, Object, Object, Object, Object, Object, Object, Object, Object, Object, U16, Any,
        Any, Any, Any, Any, Any, Any, Any, Any, Any, Any, Str, Bytes, Any, Str, Bytes,
    ];
    assert_eq!(kinds, wanted);
    let values = info
        .own_fields()
        .iter()
        .filter_map(|field| field.value_kind());
    let wanted = [I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, Bool, I64];
    assert_eq!(values.collect::<Vec<_>>(), wanted);
}

#[test]
fn optional_values_are_options_in_rust() {
    let every = made::<Every>("derive.Every", &[]).unwrap();
    assert_eq!(every.maybe_u64.load(&every), Some(u64::MAX));
    assert_eq!(every.maybe_u64.swap(&every, Some(5)), Some(u64::MAX));
    assert_eq!(every.maybe_u64.swap(&every, None), Some(5));
    assert_eq!(every.maybe_u64.load(&every), None);
    every.maybe_u64.set(&every, 1u32).unwrap();
    assert_eq!(
        every.maybe_u64.get::<_, Option<u64>>(&every).unwrap(),
        Some(1)
    );
    assert_eq!(every.maybe_i8.load(&every), Some(-8));
    assert_eq!(every.maybe_f32.load(&every), Some(0.5));
    every.maybe_f32.store(&every, Some(f32::INFINITY));
    assert_eq!(every.maybe_f32.load(&every), Some(f32::INFINITY));
    assert_eq!(every.maybe_flag.load(&every), Some(true));
    // A long text is shared, and given back.
    let text = every.maybe_text.load(&every).unwrap();
    every
        .maybe_text
        .store(&every, Some("another long text".into()));
    assert_eq!(&*text, "a text in an object");
    let old = every.maybe_text.swap(&every, None);
    assert_eq!(old.as_deref(), Some("another long text"));
    assert_eq!(every.maybe_text.load(&every), None);
    // Frozen ones are read in place.
    assert_eq!(
        (every.optional.get(), every.optional.is_some()),
        (Some(7), true)
    );
    assert_eq!(every.optional_text.as_deref(), Some("text"));
    assert_eq!(every.optional_text.as_ref(), Some(&Str::from("text")));
    assert_eq!(every.optional_blob.get(), None);
    assert_eq!(
        Optional::<Str>::from("a").clone(),
        Some(Str::from("a")).into()
    );
    assert_ne!(Optional::<i64>::NONE, 0.into());
    let shown = (Optional::from(1u8), Optional::<bool>::default());
    assert_eq!(format!("{shown:?}"), "(Some(1), None)");
}

/// Containers as this crate has them.
#[derive(Object, Debug)]
#[object(key = "derive.Shelf", constructor)]
#[repr(C)]
struct Shelf {
    header: ObjectHeader,
    untyped: MutField<rust_binding::List>,
    numbers: MutField<rust_binding::List<i64>>,
    fixed: rust_binding::containers::Array,
    #[object(default)]
    by_name: MutField<Option<rust_binding::Dict<Str, ObjectArc<Shelf>>>>,
    #[object(default)]
    map: Option<rust_binding::Map>,
}

#[test]
fn typed_containers_are_fields() {
    use rust_binding::{Dict as TypedDict, List};

    let list = || Any::from(List::<i64>::from_iter([1, 2]));
    let fixed = || Any::from(Array::from_iter([1i64]));
    let shelf = made::<Shelf>("derive.Shelf", &[list(), list(), fixed()]).unwrap();
    assert_eq!(shelf.numbers.load(&shelf).to_vec().unwrap(), [1, 2]);
    assert_eq!((shelf.fixed.len(), shelf.map.is_none()), (1, true));
    let by_name = TypedDict::try_new().unwrap();
    by_name.insert("self", shelf.clone()).unwrap();
    shelf.by_name.store(&shelf, Some(by_name));
    let found = shelf.by_name.load(&shelf).unwrap().get("self").unwrap();
    assert_eq!(found.as_ref(), Some(&shelf));
    assert!(shelf.by_name.swap(&shelf, None).is_some());
    // Another frontend puts something else in: each look says so.
    shelf
        .numbers
        .set(&shelf, List::<Str>::from_iter(["a"]))
        .unwrap();
    let error = shelf.numbers.load(&shelf).get(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: element 0: expected int, got str"
    );
    let error = made::<Shelf>("derive.Shelf", &[fixed(), list(), fixed()]).unwrap_err();
    let text = "derive.Shelf() argument 1 ('untyped'): expected tieback.List, got tieback.Array";
    assert_eq!(error.message(), text);
}
