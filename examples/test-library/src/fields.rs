//! `Fields` and `FrozenFields`: one field of every kind.

use rust_binding::{FunctionObj, prelude::*};

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
        #[repr(C)]
        struct $name {
            header: ObjectHeader,
            i8: $wrap<i8>,
            i16: $wrap<i16>,
            i32: $wrap<i32>,
            i64: $wrap<i64>,
            u8: $wrap<u8>,
            u16: $wrap<u16>,
            u32: $wrap<u32>,
            u64: $wrap<u64>,
            f32: $wrap<f32>,
            f64: $wrap<f64>,
            flag: $wrap<bool>,
            text: $wrap<Str>,
            blob: $wrap<Bytes>,
            any: $wrap<Any>,
            object: $wrap<Option<ObjectRef>>,
            point: $wrap<Option<ObjectArc<Point>>>,
            required: $wrap<ObjectArc<Point>>,
            array: $wrap<Array>,
            function: $wrap<Option<ObjectArc<FunctionObj>>>,
            weak: $wrap<WeakObjectArc<Point>>,
            tally: Tally,
        }

        // SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
        unsafe impl Object for $name {
            fn type_index() -> Result<i32, RegisterError> {
                static SLOT: TypeSlot = TypeSlot::new();
                SLOT.get_or_register(|| {
                    TypeBuilder::<Self>::new($key)
                        .doc($doc)
                        .field("i8", "1 byte, signed.", field!($name, i8))
                        .field("i16", "2 bytes, signed.", field!($name, i16))
                        .field("i32", "4 bytes, signed.", field!($name, i32))
                        .field("i64", "8 bytes, signed.", field!($name, i64))
                        .field("u8", "1 byte, unsigned.", field!($name, u8))
                        .field("u16", "2 bytes, unsigned.", field!($name, u16))
                        .field("u32", "4 bytes, unsigned.", field!($name, u32))
                        .field("u64", "8 bytes, unsigned.", field!($name, u64))
                        .field("f32", "Single precision.", field!($name, f32))
                        .field("f64", "Double precision.", field!($name, f64))
                        .field("flag", "True or False.", field!($name, flag))
                        .field("text", "A string.", field!($name, text))
                        .field("blob", "Bytes.", field!($name, blob))
                        .field("any", "Anything.", field!($name, any))
                        .field("object", "Any object, or None.", field!($name, object))
                        .field("point", "A Point, or None.", field!($name, point))
                        .field("required", "A Point, never None.", field!($name, required))
                        .field("array", "An array.", field!($name, array))
                        .field("function", "A function, or None.", field!($name, function))
                        .field(
                            "weak",
                            "A Point that others keep, or None.",
                            field!($name, weak),
                        )
                        .typed_constructor("The values of four of the fields.", Self::make)
                        .register()
                })
            }
        }

        impl $name {
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

pub(crate) fn export(exports: &mut Exports) {
    exports
        .object_type::<Fields>()
        .object_type::<FrozenFields>()
        .function("test_library.fields", Fields::make)
        .function(
            "test_library.race_fields",
            |fields: ObjectArc<Fields>, rounds: u32| {
                start(move || assert!(race(&fields, rounds).unwrap_or(false), "a torn field"));
            },
        )
        .function("test_library.frozen_fields", FrozenFields::make);
}
