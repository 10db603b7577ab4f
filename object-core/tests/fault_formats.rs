//! Values out of serde's formats, with the n-th allocation refused.

#![cfg(all(not(loom), feature = "serde", feature = "infallible", feature = "std"))]

mod common;

use common::baseline;
use common::heap::Heap;
use common::sweep::sweep;
use object_core::{Any, Array, Bytes, Map, Str};
use serde::Deserialize;
use serde::de::value::{
    BytesDeserializer, Error, MapDeserializer, SeqDeserializer, StrDeserializer,
};

#[global_allocator]
static HEAP: Heap = Heap;

const LONG: &str = "longer than seven bytes";

/// Fails with whatever the format makes of it; what was read until then is dropped.
fn refused(error: Error) {
    let text = error.to_string();
    assert!(
        text.contains("no block") || text.contains("memory"),
        "{text}"
    );
}

#[test]
fn every_value_that_is_read() {
    baseline();
    let text = || StrDeserializer::<Error>::new(LONG);
    let texts = || SeqDeserializer::<_, Error>::new([LONG, LONG].into_iter());
    let pairs = || MapDeserializer::<_, Error>::new([(LONG, 1i64), ("b", 2)].into_iter());
    let bytes = || BytesDeserializer::<Error>::new(LONG.as_bytes());
    let counts = [
        sweep(|| Str::deserialize(text()), refused),
        sweep(|| Bytes::deserialize(bytes()), refused),
        sweep(|| Any::deserialize(text()), refused),
        sweep(|| Any::deserialize(bytes()), refused),
        sweep(|| Any::deserialize(texts()), refused),
        sweep(|| Array::deserialize(texts()), refused),
        sweep(|| Any::deserialize(pairs()), refused),
        sweep(|| Map::deserialize(pairs()), refused),
    ];
    // A text is one object. A sequence: two texts, room for them, the array. A map: a text, room for
    // keys and values, the body, its table and its pairs.
    assert_eq!(counts, [1, 1, 1, 1, 4, 4, 5, 5]);
}
