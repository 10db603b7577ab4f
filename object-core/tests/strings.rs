//! Strings and bytes: in the value up to seven bytes, in an object beyond.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::hash::{BuildHasher, RandomState};

use common::baseline;
use common::heap::{Heap, live};
use object_core::{Any, Bytes, BytesObj, ObjectArc, SMALL_MAX, Str, StrObj, type_index};

#[global_allocator]
static HEAP: Heap = Heap;

#[test]
fn texts_of_every_short_length_come_back() {
    let before = baseline();
    for len in 0..10 {
        let text = &"abcdefghij"[..len];
        let made = Str::from(text);
        assert_eq!((made.as_str(), made.as_bytes()), (text, text.as_bytes()));
        assert_eq!(live() - before, isize::from(len > SMALL_MAX), "{len} bytes");
        let bytes = Bytes::from(text.as_bytes());
        assert_eq!(&*bytes, text.as_bytes());
        assert_eq!(
            live() - before,
            2 * isize::from(len > SMALL_MAX),
            "{len} bytes"
        );

        let (text_type, bytes_type) = if len <= SMALL_MAX {
            (type_index::SMALL_STR, type_index::SMALL_BYTES)
        } else {
            (type_index::STR, type_index::BYTES)
        };
        assert_eq!(Any::from(made).type_index(), text_type);
        assert_eq!(Any::from(bytes).type_index(), bytes_type);
    }
    assert_eq!(live(), before);
}

#[test]
fn long_texts_are_shared_and_short_ones_copied() {
    let before = baseline();
    let long = Str::from("longer than seven");
    let clone = long.clone();
    assert_eq!(long.as_bytes().as_ptr(), clone.as_bytes().as_ptr());
    assert_eq!(live(), before + 1);
    let short = Str::from("short");
    assert_ne!(short.as_bytes().as_ptr(), short.clone().as_bytes().as_ptr());
    drop((long, clone, short));
    assert_eq!(live(), before);
}

#[test]
fn a_nul_stands_behind_and_may_stand_inside() {
    for text in ["\0", "a\0b", "longer\0than seven\0"] {
        assert_eq!(Str::from(text).as_str(), text);
        assert_eq!(&*Bytes::from(text.as_bytes()), text.as_bytes());
    }
    let long = Any::from("longer than seven");
    let object = long.get::<ObjectArc<StrObj>>().unwrap();
    let behind = object.bytes().as_ptr().wrapping_add(object.bytes().len());
    assert_eq!(ObjectArc::items(&object), object.bytes());
    // SAFETY: one byte more than the length is laid.
    assert_eq!(unsafe { behind.read() }, 0);
    let bytes = Any::from(Bytes::from(&[1u8; 20][..]));
    assert_eq!(bytes.get::<ObjectArc<BytesObj>>().unwrap().bytes(), [1; 20]);
}

#[test]
fn values_hand_strings_on_without_copying() {
    let before = baseline();
    for text in [
        "",
        "seven b",
        "eight by",
        "what is longer is shared",
        "höher ☃",
    ] {
        let any = Any::from(text);
        assert_eq!(any.get::<Str>().unwrap().as_str(), text);
        assert_eq!(any.view().as_str(), Some(text));
        assert!(any.get::<Bytes>().is_err(), "text is no bytes");
        let owned = any.view().try_to_owned().unwrap();
        let (one, two) = (any.view().as_bytes().unwrap().as_ptr(), owned.view());
        assert_eq!(
            one == two.as_bytes().unwrap().as_ptr(),
            text.len() > SMALL_MAX
        );

        let bytes = Any::from(Bytes::from(text.as_bytes()));
        assert_eq!(&*bytes.get::<Bytes>().unwrap(), text.as_bytes());
        assert!(bytes.get::<Str>().is_err() && bytes.view().as_str().is_none());
    }
    assert_eq!(live(), before);
}

#[test]
fn raw_values_carry_ownership_there_and_back() {
    let before = baseline();
    for text in ["short", "longer than seven"] {
        let raw = Str::into_raw(Str::from(text));
        // SAFETY: what `into_raw` gave away.
        assert_eq!(unsafe { Str::from_raw(raw) }.as_str(), text);
        let raw = Bytes::into_raw(Bytes::from(text.as_bytes()));
        // SAFETY: as above.
        assert_eq!(&*unsafe { Bytes::from_raw(raw) }, text.as_bytes());
    }
    assert_eq!(live(), before);
}

#[test]
fn they_compare_hash_and_print_as_what_they_hold() {
    let texts = ["", "a", "ab", "abcdefg", "abcdefgh", "b", "zzzzzzzzzzz"];
    let hasher = RandomState::new();
    for (i, one) in texts.iter().enumerate() {
        let made = Str::from(*one);
        assert_eq!(
            (format!("{made}"), format!("{made:?}")),
            (one.to_string(), format!("{one:?}"))
        );
        assert_eq!(hasher.hash_one(&made), hasher.hash_one(*one));
        assert_eq!(
            format!("{:?}", Bytes::from(one.as_bytes())),
            format!("{:?}", one.as_bytes())
        );
        for (j, two) in texts.iter().enumerate() {
            let other = Str::from(*two);
            assert_eq!((made == other, made.cmp(&other)), (i == j, i.cmp(&j)));
            assert_eq!(made.partial_cmp(&other), Some(i.cmp(&j)));
        }
    }
    assert_eq!(
        (Str::default(), Bytes::default()),
        (Str::EMPTY, Bytes::EMPTY)
    );
}

#[test]
fn what_foreign_code_wrote_is_checked_and_not_trusted() {
    use object_core::abi::{AnyValue, ByteSlice, RawAny};

    let value = AnyValue {
        bytes: *b"\xff\xfe\xfdxxxxx",
    };
    let small = |small_len| RawAny {
        type_index: type_index::SMALL_STR,
        small_len,
        value,
    };
    // SAFETY: no objects; that the bytes are no UTF-8, and the length a lie, is what is tried.
    unsafe {
        assert_eq!(Str::from_raw(small(3)).as_str(), "<not UTF-8>");
        assert_eq!(Str::from_raw(small(9)).as_bytes(), b"");
        assert!(Any::from_raw(small(3)).get::<Str>().is_err());
        assert!(Any::from_raw(small(9)).get::<Str>().is_err());
        assert_eq!(ByteSlice::EMPTY.as_bytes(), b"");
        assert_eq!(ByteSlice::new(b"\xff").as_str(), "<not UTF-8>");
    }
}
