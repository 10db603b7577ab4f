//! What a key of Map and Dict is, and which two are one.

#![cfg(all(not(loom), feature = "infallible", feature = "std"))]
#![allow(unsafe_code)]

mod common;

use common::heap::{Heap, live};
use common::{Point, baseline};
use object_core::{Any, AnyView, Array, Bytes, Dict, Map, ObjectArc, ObjectRef, OpaqueObj, Str};

#[global_allocator]
static HEAP: Heap = Heap;

const LONG: &str = "longer than seven bytes";
const TWO53: i64 = 1 << 53;

fn point(x: i64) -> ObjectRef {
    ObjectArc::upcast(ObjectArc::new(Point::at(x, 0)))
}

fn array<const N: usize>(items: [Any; N]) -> Any {
    Array::from_iter(items).into()
}

/// An array in an array, so many times.
fn nested(depth: usize) -> Any {
    (0..depth).fold(7i64.into(), |inner, _| array([inner]))
}

/// Values in groups: within a group all are one key, across groups none is.
fn groups() -> Vec<Vec<Any>> {
    let (one, other, inside) = (point(1), point(1), point(1));
    let short_object = {
        // A short string as an object of its own, as foreign code may make it.
        let long = Str::from(LONG);
        let raw = Str::into_raw(long.clone());
        drop(long);
        // SAFETY: an owned string.
        unsafe { Any::from_raw(raw) }
    };
    let carried = |address: usize| {
        let carrier = OpaqueObj::new(core::ptr::without_provenance_mut(address));
        Any::from(ObjectArc::new(carrier))
    };
    vec![
        vec![Any::NONE],
        vec![0i64.into(), false.into(), 0.0.into(), (-0.0).into()],
        vec![1i64.into(), true.into(), 1.0.into()],
        vec![(-1i64).into(), (-1.0).into()],
        vec![1.5.into()],
        vec![TWO53.into(), (TWO53 as f64).into()],
        vec![(TWO53 + 1).into()],
        vec![(TWO53 + 2).into(), ((TWO53 + 2) as f64).into()],
        vec![i64::MAX.into()],
        vec![i64::MIN.into(), (i64::MIN as f64).into()],
        vec![9_223_372_036_854_775_808.0.into()],
        vec![1e300.into()],
        vec![f64::INFINITY.into()],
        vec![f64::NEG_INFINITY.into()],
        vec![
            f64::NAN.into(),
            (-f64::NAN).into(),
            f64::from_bits(f64::NAN.to_bits() | 7).into(),
        ],
        vec![5e-324.into()],
        vec![Str::from("").into()],
        vec![Str::from("1").into(), Str::from("1").into()],
        vec![Str::from(LONG).into(), short_object],
        vec![Bytes::from(&b""[..]).into()],
        vec![Bytes::from(&b"1"[..]).into()],
        vec![
            Bytes::from(LONG.as_bytes()).into(),
            Bytes::from(LONG.as_bytes()).into(),
        ],
        vec![one.clone().into(), one.into()],
        vec![other.into()],
        vec![array([]), array([])],
        vec![
            array([1i64.into()]),
            array([1.0.into()]),
            array([true.into()]),
        ],
        vec![
            array([1i64.into(), f64::NAN.into()]),
            array([true.into(), (-f64::NAN).into()]),
        ],
        vec![array([array([LONG.into()])]), array([array([LONG.into()])])],
        vec![array([LONG.into()])],
        vec![array([inside.clone().into()]), array([inside.into()])],
        vec![array([point(1).into()])],
        vec![nested(16), nested(16)],
        // Too deep to look at: each is itself.
        vec![nested(17)],
        vec![nested(17)],
        vec![carried(0x1000), carried(0x1000)],
        vec![carried(0x2000)],
    ]
}

#[test]
fn a_key_is_what_python_says() {
    let before = baseline();
    {
        let groups = groups();
        for (mine, group) in groups.iter().enumerate() {
            for key in group {
                let dict = Dict::from_iter([(key.clone(), 7i64)]);
                let map = Map::from_iter([(key.clone(), 7i64)]);
                for (theirs, others) in groups.iter().enumerate() {
                    for other in others {
                        let same = mine == theirs;
                        assert_eq!(dict.contains_key(other.view()), same, "{key:?} {other:?}");
                        assert_eq!(map.contains_key(other.view()), same, "{key:?} {other:?}");
                    }
                }
            }
            // All of a group in one table: the first key stays, with the last value.
            let pairs = || group.iter().cloned().zip(0i64..);
            let (dict, map) = (Dict::from_iter(pairs()), Map::from_iter(pairs()));
            assert_eq!((dict.len(), map.len()), (1, 1), "{group:?}");
            let (key, value) = dict.iter().next().unwrap();
            assert_eq!(key.type_index(), group[0].type_index());
            assert_eq!(value.get::<i64>().unwrap(), group.len() as i64 - 1);
            assert_eq!(map.pairs()[0][0].type_index(), group[0].type_index());
        }
        let all = Dict::from_iter(groups.iter().flatten().cloned().zip(0i64..));
        assert_eq!(all.len(), groups.len());
    }
    assert_eq!(live(), before);
}

/// A key that is only a view is found by its content, without a copy.
#[test]
fn borrowed_text_is_a_key() {
    use object_core::abi::{ByteSlice, RawAny};
    let dict = Dict::from_iter([
        (Any::from(Str::from(LONG)), 1i64),
        (Bytes::from(&b"\xff"[..]).into(), 2),
    ]);
    let raw = |number, pointer: *const core::ffi::c_void| {
        let mut raw = RawAny {
            type_index: number,
            ..RawAny::NONE
        };
        raw.value.pointer = pointer.cast_mut();
        raw
    };
    let get = |raw| {
        let before = live();
        // SAFETY: the texts below outlive the view.
        let found = dict.get(unsafe { AnyView::from_raw(raw) });
        assert_eq!(live(), before);
        found.map(|value| value.get::<i64>().unwrap())
    };
    use object_core::type_index as index;
    assert_eq!(
        get(raw(
            index::RAW_STR,
            c"longer than seven bytes".as_ptr().cast()
        )),
        Some(1)
    );
    assert_eq!(
        get(raw(index::RAW_STR, c"\xff".as_ptr().cast())),
        Some(2),
        "no text, so bytes"
    );
    let slice = ByteSlice::new(b"\xff");
    assert_eq!(
        get(raw(index::BYTE_SLICE_PTR, (&raw const slice).cast())),
        Some(2)
    );
    let slice = ByteSlice::new(LONG.as_bytes());
    assert_eq!(
        get(raw(index::BYTE_SLICE_PTR, (&raw const slice).cast())),
        None
    );
    assert_eq!(
        get(raw(index::RVALUE_REF, core::ptr::null())),
        None,
        "no key at all"
    );
}
