//! `Fields` and `FrozenFields`: one field of every kind; `Defaults`: what a constructor puts there.

use rust_binding::object_core::{Dict, List, Map};
use rust_binding::prelude::*;

use crate::points::Point;
use crate::tally::Tally;
use crate::threads::start;

/// What a frozen field is: the value itself.
type Frozen<T> = T;

fn frozen<T>(value: T) -> T {
    value
}

/// Declares a struct of every kind of field, each wrapped in `$wrap` by `$new`.
macro_rules! every_kind {
    ($name:ident, $key:literal, $doc:literal, $wrap:ident, $new:path) => {
        #[doc = $doc]
        #[derive(Object)]
        #[object(key = $key)]
        #[repr(C)]
        struct $name {
            header: ObjectHeader,
            /// 1 byte, signed.
            i8: $wrap<i8>,
            /// 2 bytes, signed.
            i16: $wrap<i16>,
            /// 4 bytes, signed.
            i32: $wrap<i32>,
            /// 8 bytes, signed.
            i64: $wrap<i64>,
            /// 1 byte, unsigned.
            u8: $wrap<u8>,
            /// 2 bytes, unsigned.
            u16: $wrap<u16>,
            /// 4 bytes, unsigned.
            u32: $wrap<u32>,
            /// 8 bytes, unsigned.
            u64: $wrap<u64>,
            /// Single precision.
            f32: $wrap<f32>,
            /// Double precision.
            f64: $wrap<f64>,
            /// True or False.
            flag: $wrap<bool>,
            /// A string.
            text: $wrap<Str>,
            /// Bytes.
            blob: $wrap<Bytes>,
            /// Anything.
            any: $wrap<Any>,
            /// Any object, or None.
            object: $wrap<Option<ObjectRef>>,
            /// A Point, or None.
            point: $wrap<Option<ObjectArc<Point>>>,
            /// A Point, never None.
            required: $wrap<ObjectArc<Point>>,
            /// An array.
            array: $wrap<Array>,
            /// A function, or None.
            function: $wrap<Option<Function>>,
            /// A Point that others keep, or None.
            weak: $wrap<WeakObjectArc<Point>>,
            /// 1 byte, signed, or None.
            maybe_i8: $wrap<Optional<i8>>,
            /// 8 bytes, signed, or None.
            maybe_i64: $wrap<Optional<i64>>,
            /// 8 bytes, unsigned, or None.
            maybe_u64: $wrap<Optional<u64>>,
            /// Single precision, or None.
            maybe_f32: $wrap<Optional<f32>>,
            /// Double precision, or None.
            maybe_f64: $wrap<Optional<f64>>,
            /// True, False or None.
            maybe_flag: $wrap<Optional<bool>>,
            /// A string, or None.
            maybe_text: $wrap<Optional<Str>>,
            /// Bytes, or None.
            maybe_blob: $wrap<Optional<Bytes>>,
            #[object(skip)]
            tally: Tally,
        }

        #[methods]
        impl $name {
            /// The values of four of the fields.
            #[object(constructor)]
            fn make(
                int: i64,
                text: Str,
                any: Any,
                point: Option<ObjectArc<Point>>,
            ) -> ObjectArc<Self> {
                let weak = point
                    .as_ref()
                    .map_or_else(WeakObjectArc::null, ObjectArc::downgrade);
                ObjectArc::new(Self {
                    header: ObjectHeader::new(),
                    i8: $new(-8),
                    i16: $new(-16),
                    i32: $new(-32),
                    i64: $new(int),
                    u8: $new(8),
                    u16: $new(16),
                    u32: $new(32),
                    u64: $new(64),
                    f32: $new(0.5),
                    f64: $new(0.25),
                    flag: $new(true),
                    text: $new(text),
                    blob: $new(Bytes::from(&b"blob"[..])),
                    any: $new(any),
                    object: $new(None),
                    point: $new(point),
                    required: $new(Point::make(1, 2)),
                    array: $new([1, 2, 3].into_iter().collect()),
                    function: $new(None),
                    weak: $new(weak),
                    maybe_i8: $new(Optional::from(-8)),
                    maybe_i64: $new(Optional::NONE),
                    maybe_u64: $new(Optional::from(64)),
                    maybe_f32: $new(Optional::NONE),
                    maybe_f64: $new(Optional::from(0.25)),
                    maybe_flag: $new(Optional::NONE),
                    maybe_text: $new(Optional::from("maybe a text")),
                    maybe_blob: $new(Optional::NONE),
                    tally: Tally::new(),
                })
            }
        }
    };
}

every_kind!(
    Fields,
    "test_library.Fields",
    "One mutable field of every kind.",
    MutField,
    MutField::new
);
every_kind!(
    FrozenFields,
    "test_library.FrozenFields",
    "One frozen field of every kind.",
    Frozen,
    frozen
);

/// Replaces and reads `Fields`, as many times as said; false as soon as a value comes out that nobody
/// can have put in. Scalars are written as one byte repeated, so that a torn one shows; points as
/// `(n, -n)`; text as one letter repeated.
fn race(this: &ObjectArc<Fields>, rounds: u32) -> Result<bool, Error> {
    const LETTERS: [&str; 4] = ["", "a", "bbbbbbb", "cccccccccccccccccccccccccccc"];
    for round in 0..i64::from(rounds) {
        let byte = round.rem_euclid(3) + 0x41; // 0x41..0x43, as Python's side does
        let point = || Point::make(round, -round);
        this.i64.set(this, byte * 0x0101_0101_0101_0101)?;
        this.i32.set(this, byte * 0x0101_0101)?;
        this.u16.set(this, byte * 0x0101)?;
        this.f64
            .set(this, f64::from_bits((byte * 0x0101_0101_0101_0101) as u64))?;
        this.text.set(this, LETTERS[(round % 4) as usize])?;
        this.maybe_i64
            .store(this, (round % 3 > 0).then_some(byte).into());
        this.maybe_text
            .set(this, (round % 3 > 0).then_some(LETTERS[2]))?;
        this.point.set(this, (round % 5 > 0).then(point))?;
        this.required.set(this, point())?;
        if round % 2 == 0 {
            this.any.set(this, point())?;
            this.object.set(this, point())?;
        } else {
            this.any.set(this, LETTERS[3])?;
            this.object.set(this, Any::NONE)?;
        }
        let repeated = |value: i64, size: u32| {
            let low = value & 0xff;
            (0..size).all(|at| value >> (8 * at) & 0xff == low)
                && (low == 0x41 || low == 0x42 || low == 0x43)
        };
        let whole = |point: &ObjectArc<Point>| point.x == -point.y;
        let text: Str = this.text.get(this)?;
        let float: f64 = this.f64.get(this)?;
        let fine = repeated(this.i64.get(this)?, 8)
            && repeated(this.i32.get(this)?, 4)
            && repeated(this.u16.get(this)?, 2)
            && repeated(float.to_bits() as i64, 8)
            && LETTERS.contains(&&*text)
            && (this.maybe_i64.load(this).get()).is_none_or(|value| repeated(value, 1))
            && (this.maybe_text.load(this).as_deref()).is_none_or(|text| LETTERS.contains(&text))
            && this
                .point
                .get::<_, Option<ObjectArc<Point>>>(this)?
                .is_none_or(|p| whole(&p))
            && whole(&this.required.get::<_, ObjectArc<Point>>(this)?)
            && this
                .any
                .get::<_, ObjectArc<Point>>(this)
                .map_or(true, |p| whole(&p))
            && this
                .object
                .get::<_, Option<ObjectArc<Point>>>(this)?
                .is_none_or(|p| whole(&p));
        if !fine {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A default for every kind that has one to write; a field of its own type.
#[derive(Object)]
#[object(key = "test_library.Defaults", constructor)]
#[repr(C)]
struct Defaults {
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
    #[object(default = true)]
    flag: MutField<bool>,
    #[object(default = "a text in an object")]
    text: MutField<Str>,
    #[object(default = Bytes::from(&b"blob"[..]))]
    blob: MutField<Bytes>,
    #[object(default)]
    any: MutField<Any>,
    #[object(default)]
    object: MutField<Option<ObjectRef>>,
    #[object(default = Point::make(1, 2))]
    required: MutField<ObjectArc<Point>>,
    #[object(default)]
    own: MutField<Option<ObjectArc<Defaults>>>,
    #[object(default)]
    weak: MutField<WeakObjectArc<Defaults>>,
    #[object(default = [1, 2, 3].into_iter().collect())]
    array: MutField<Array>,
    #[object(default = [1, 2].into_iter().collect())]
    list: MutField<List>,
    #[object(default = [("a", 1)].into_iter().collect())]
    map: MutField<Map>,
    #[object(default)]
    dict: MutField<Option<Dict>>,
    #[object(default)]
    function: MutField<Option<Function>>,
    #[object(default = Some(-8))]
    maybe_i32: MutField<Option<i32>>,
    #[object(default)]
    maybe_u64: MutField<Option<u64>>,
    #[object(default = Some(0.5))]
    maybe_f32: MutField<Option<f32>>,
    #[object(default = Some(true))]
    maybe_flag: MutField<Option<bool>>,
    #[object(default = Some("maybe".into()))]
    maybe_text: MutField<Option<Str>>,
    #[object(default)]
    maybe_blob: MutField<Option<Bytes>>,
    /// Called otherwise in Rust.
    #[object(rename = "renamed", default = 7)]
    named: i64,
    #[object(skip, default = Tally::new())]
    _tally: Tally,
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .object_type::<Fields>()
        .object_type::<FrozenFields>()
        .object_type::<Defaults>()
        .function("test_library.fields", Fields::make)
        .function(
            "test_library.race_fields",
            |fields: ObjectArc<Fields>, rounds: u32| {
                start(move || assert!(race(&fields, rounds).unwrap_or(false), "a torn field"));
            },
        )
        .function("test_library.frozen_fields", FrozenFields::make)
        .function(
            "test_library.set_field",
            |object: ObjectRef, name: Str, value: Any| object.set_field(&name, value),
        )
        .function("test_library.field", |object: ObjectRef, name: Str| {
            object.field::<Any>(&name)
        });
}
