//! `Point` and `Point3`: frozen fields, methods, statics, an heir.

use rust_binding::Extends;
use rust_binding::prelude::*;

use crate::tally::Tally;

/// Two numbers.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Point {
    header: ObjectHeader,
    pub(crate) x: i64,
    pub(crate) y: i64,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Point {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.Point")
                .doc("Two numbers.")
                .field("x", "To the right.", field!(Point, x))
                .field("y", "Up.", field!(Point, y))
                .typed_constructor("The point at x, y.", Self::make)
                .typed_static("origin", "The point at 0, 0.", || Self::make(0, 0))
                .typed_method("norm1", "Distance from the origin, by streets.", |this| {
                    let this: ObjectArc<Self> = this;
                    this.x.abs().saturating_add(this.y.abs())
                })
                .typed_method("add", "The sum of two points.", Self::add)
                .typed_method("me", "The very same point.", |this: ObjectArc<Self>| this)
                .register()
        })
    }
}

impl Point {
    fn value(x: i64, y: i64) -> Self {
        Self {
            header: ObjectHeader::new(),
            x,
            y,
            tally: Tally::new(),
        }
    }

    pub(crate) fn make(x: i64, y: i64) -> ObjectArc<Self> {
        ObjectArc::new(Self::value(x, y))
    }

    fn add(this: ObjectArc<Self>, other: ObjectArc<Self>) -> Result<ObjectArc<Self>, Error> {
        match (this.x.checked_add(other.x), this.y.checked_add(other.y)) {
            (Some(x), Some(y)) => Ok(Self::make(x, y)),
            _ => Err(Error::new("OverflowError", "the sum does not fit 64 bits")),
        }
    }
}

/// A point with a third number.
#[repr(C)]
#[derive(Debug)]
struct Point3 {
    point: Point,
    z: i64,
}

// SAFETY: repr(C), begins with a Point, which begins with a header; the type is this one's.
unsafe impl Object for Point3 {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.Point3")
                .doc("A point with a third number.")
                .parent::<Point>()
                .field("z", "To you.", field!(Point3, z))
                .typed_constructor("The point at x, y, z.", Self::make)
                .typed_method("depth", "The third number.", |this: ObjectArc<Self>| this.z)
                .register()
        })
    }
}

impl Point3 {
    fn make(x: i64, y: i64, z: i64) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            point: Point::value(x, y),
            z,
        })
    }
}

// SAFETY: repr(C), a Point first, registered with Point as its parent.
unsafe impl Extends<Point> for Point3 {}

pub(crate) fn export(exports: &mut Exports) {
    exports.object_type::<Point>().object_type::<Point3>();
    exports.function("test_library.point", Point::make);
    exports.function("test_library.point3", Point3::make);
    exports.function(
        "test_library.points",
        |count: u32| -> Vec<ObjectArc<Point>> {
            (0..i64::from(count)).map(|x| Point::make(x, -x)).collect()
        },
    );
    exports.function("test_library.sum_x", |points: Array| {
        points.iter().try_fold(0, |sum: i64, point| {
            Ok::<_, Error>(sum + point.get::<ObjectArc<Point>>()?.x)
        })
    });
}
