//! Objects that the test files share, a heap that counts, and panics that keep quiet.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unsafe_code)]

pub(crate) mod heap;
pub(crate) mod public;
pub(crate) mod sweep;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use object_core::{
    Extends, Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder, TypeSlot, field,
};

/// Makes a struct an object: `object!(Point, "test.Point")`, or with what the builder is told
/// besides.
macro_rules! object {
    ($type:ty, $key:expr $(, $more:expr)?) => {
        // SAFETY: used on repr(C) structs whose first field is a header or a parent.
        unsafe impl object_core::Object for $type {
            fn type_index() -> Result<i32, object_core::RegisterError> {
                static SLOT: object_core::TypeSlot = object_core::TypeSlot::new();
                SLOT.get_or_register(|| {
                    let builder = object_core::TypeBuilder::<$type>::new($key);
                    $(let builder = ($more)(builder);)?
                    builder.register()
                })
            }
        }
    };
}
#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use object;

/// A plain object.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) header: ObjectHeader,
    pub(crate) x: i64,
    pub(crate) y: i64,
}

// SAFETY: repr(C), the header first, its own type.
unsafe impl Object for Point {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test.Point")
                .field("x", "Across.", field!(Point, x))
                .field("y", "Up.", field!(Point, y))
                .register()
        })
    }
}

impl Point {
    pub(crate) const fn at(x: i64, y: i64) -> Self {
        Self {
            header: ObjectHeader::new(),
            x,
            y,
        }
    }
}

/// An heir of [`Point`].
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Point3 {
    pub(crate) base: Point,
    pub(crate) z: i64,
}

object!(Point3, "test.Point3", |builder: TypeBuilder<
    'static,
    Point3,
>| {
    builder
        .parent::<Point>()
        .field("z", "Away.", field!(Point3, z))
});

// SAFETY: repr(C), the first field is a Point, which is the registered parent.
unsafe impl Extends<Point> for Point3 {}

impl Point3 {
    pub(crate) const fn at(x: i64, y: i64, z: i64) -> Self {
        Self {
            base: Point::at(x, y),
            z,
        }
    }
}

/// This thread's live blocks, now that what stays for ever is there: the types above and the hook.
pub(crate) fn baseline() -> isize {
    install_hook();
    for number in [
        Point::type_index(),
        Point3::type_index(),
        Noisy::type_index(),
    ] {
        number.unwrap();
    }
    heap::live()
}

/// How often something was dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A value that tells when it is dropped.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) Drops);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// An object that tells when it is dropped.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Noisy {
    header: ObjectHeader,
    told: Told,
}

object!(Noisy, "test.Noisy");

impl Noisy {
    pub(crate) fn new(drops: &Drops) -> Self {
        Self {
            header: ObjectHeader::new(),
            told: Told(drops.clone()),
        }
    }

    /// How many were dropped; reads the body.
    pub(crate) fn count(&self) -> usize {
        self.told.0.count()
    }

    pub(crate) fn place(drops: &Drops) -> ObjectArc<Self> {
        ObjectArc::try_new(Self::new(drops)).unwrap()
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
}

/// Runs `f`, whose panics on this thread print nothing and so allocate nothing that stays.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) -> R {
    install_hook();
    QUIET.set(true);
    let result = f();
    QUIET.set(false);
    result
}

/// Runs `f`, which panics, and returns the panic's text.
pub(crate) fn panics(f: impl FnOnce()) -> String {
    let caught = quietly(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)));
    let payload = caught.expect_err("it should have panicked");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_string(),
    }
}
