//! `Point` and `Point3`: frozen fields, methods, statics, an heir.

use rust_binding::prelude::*;

use crate::tally::Tally;

/// Two numbers.
#[derive(Object, Debug)]
#[object(key = "test_library.Point")]
#[repr(C)]
pub(crate) struct Point {
    header: ObjectHeader,
    /// To the right.
    pub(crate) x: i64,
    /// Up.
    pub(crate) y: i64,
    #[object(skip)]
    tally: Tally,
}

#[methods]
impl Point {
    #[object(skip)]
    fn value(x: i64, y: i64) -> Self {
        Self {
            header: ObjectHeader::new(),
            x,
            y,
            tally: Tally::new(),
        }
    }

    /// The point at x, y.
    #[object(constructor)]
    pub(crate) fn make(x: i64, y: i64) -> ObjectArc<Self> {
        ObjectArc::new(Self::value(x, y))
    }

    /// The point at 0, 0.
    fn origin() -> ObjectArc<Self> {
        Self::make(0, 0)
    }

    /// Distance from the origin, by streets.
    fn norm1(&self) -> i64 {
        self.x.abs().saturating_add(self.y.abs())
    }

    /// The very same point.
    fn me(this: ObjectArc<Self>) -> ObjectArc<Self> {
        this
    }

    /// The sum of two points.
    fn add(this: ObjectArc<Self>, other: ObjectArc<Self>) -> Result<ObjectArc<Self>, Error> {
        match (this.x.checked_add(other.x), this.y.checked_add(other.y)) {
            (Some(x), Some(y)) => Ok(Self::make(x, y)),
            _ => Err(Error::new("OverflowError", "the sum does not fit 64 bits")),
        }
    }
}

/// A point with a third number.
#[derive(Object, Debug)]
#[object(key = "test_library.Point3", parent = Point)]
#[repr(C)]
struct Point3 {
    point: Point,
    /// To you.
    z: i64,
}

#[methods]
impl Point3 {
    /// The third number.
    fn depth(&self) -> i64 {
        self.z
    }

    /// The point at x, y, z.
    #[object(constructor)]
    fn make(x: i64, y: i64, z: i64) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            point: Point::value(x, y),
            z,
        })
    }
}

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
