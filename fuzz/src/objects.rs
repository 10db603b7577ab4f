//! Objects that the targets share.

use std::cell::Cell;
use std::sync::Once;

use alloc_header::{AllocatorEntry, REGISTRY};
use object_core::{
    Extends, Function, Object, ObjectArc, ObjectHeader, ObjectRef, RegisterError, Str, TypeBuilder,
    TypeSlot, field,
};

use crate::arena::frontend;
use crate::quiet;

macro_rules! object {
    ($type:ty, $key:literal $(, $more:expr)?) => {
        // SAFETY: used on repr(C) structs whose first field is a header or a parent.
        unsafe impl Object for $type {
            fn type_index() -> Result<i32, RegisterError> {
                static SLOT: TypeSlot = TypeSlot::new();
                SLOT.get_or_register(|| {
                    let builder = TypeBuilder::<$type>::new($key);
                    $(let builder = ($more)(builder);)?
                    builder.register()
                })
            }
        }
    };
}

/// A leaf: its drop drops nothing.
#[repr(C)]
#[derive(Debug)]
pub struct Point {
    header: ObjectHeader,
    /// Across.
    pub x: i64,
}

object!(Point, "fuzz.Point", |builder: TypeBuilder<
    'static,
    Point,
>| {
    builder.field("x", "", field!(Point, x))
});

impl Point {
    /// At that place.
    #[must_use]
    pub const fn at(x: i64) -> Self {
        Self {
            header: ObjectHeader::new(),
            x,
        }
    }
}

/// An heir of [`Point`], with a string.
#[repr(C)]
#[derive(Debug)]
pub struct Named {
    base: Point,
    /// Its name.
    pub name: Str,
}

object!(Named, "fuzz.Named", |builder: TypeBuilder<
    'static,
    Named,
>| {
    builder
        .parent::<Point>()
        .field("name", "", field!(Named, name))
});

// SAFETY: repr(C), the first field is a Point, which is the registered parent.
unsafe impl Extends<Point> for Named {}

impl Named {
    /// With that name.
    #[must_use]
    pub const fn new(x: i64, name: Str) -> Self {
        Self {
            base: Point::at(x),
            name,
        }
    }
}

thread_local! {
    static DROPS: Cell<u64> = const { Cell::new(0) };
    static WARM: Cell<bool> = const { Cell::new(false) };
}

/// A number that tells of all [`Told`]s dropped on this thread, in whatever order.
#[must_use]
pub fn drops() -> u64 {
    DROPS.get()
}

/// What a drop of the `id`th adds to [`drops`].
#[must_use]
pub const fn told(id: u16) -> u64 {
    (1 << 40) + (id as u64 + 1) * (id as u64 + 1)
}

/// A value that tells when it is dropped, and may panic then.
#[derive(Debug)]
pub struct Told {
    /// Which one.
    pub id: u16,
    /// Panics when dropped.
    pub bomb: bool,
}

impl Drop for Told {
    fn drop(&mut self) {
        DROPS.set(DROPS.get().wrapping_add(told(self.id)));
        if self.bomb {
            quiet::panic();
        }
    }
}

/// An object that tells when it is dropped.
#[repr(C)]
#[derive(Debug)]
pub struct Noisy {
    header: ObjectHeader,
    /// Tells.
    pub told: Told,
}

object!(Noisy, "fuzz.Noisy");

impl Noisy {
    /// Tells of `told`.
    #[must_use]
    pub const fn new(told: Told) -> Self {
        Self {
            header: ObjectHeader::new(),
            told,
        }
    }
}

/// An object that holds another one.
#[repr(C)]
#[derive(Debug)]
pub struct Node {
    base: Noisy,
    /// The next one.
    pub next: Option<ObjectRef>,
}

object!(Node, "fuzz.Node", |builder: TypeBuilder<'static, Node>| {
    builder
        .parent::<Noisy>()
        .field("next", "", field!(Node, next))
});

// SAFETY: repr(C), the first field is a Noisy, which is the registered parent.
unsafe impl Extends<Noisy> for Node {}

impl Node {
    /// In front of `next`.
    #[must_use]
    pub const fn new(told: Told, next: Option<ObjectRef>) -> Self {
        Self {
            base: Noisy::new(told),
            next,
        }
    }
}

/// An object at an alignment that is far.
#[repr(C, align(256))]
#[derive(Debug)]
pub struct Wide {
    base: Noisy,
}

object!(Wide, "fuzz.Wide", TypeBuilder::parent::<Noisy>);

// SAFETY: repr(C), the first field is a Noisy, which is the registered parent.
unsafe impl Extends<Noisy> for Wide {}

impl Wide {
    /// Tells of `told`.
    #[must_use]
    pub const fn new(told: Told) -> Self {
        Self {
            base: Noisy::new(told),
        }
    }
}

/// An object that tells when it is dropped.
pub trait Tells: Object {
    /// One that tells of `told` and holds nothing.
    fn make(told: Told) -> Self;

    /// What tells.
    fn told_mut(&mut self) -> &mut Told;
}

impl Tells for Noisy {
    fn make(told: Told) -> Self {
        Self::new(told)
    }

    fn told_mut(&mut self) -> &mut Told {
        &mut self.told
    }
}

impl Tells for Node {
    fn make(told: Told) -> Self {
        Self::new(told, None)
    }

    fn told_mut(&mut self) -> &mut Told {
        &mut self.base.told
    }
}

impl Tells for Wide {
    fn make(told: Told) -> Self {
        Self::new(told)
    }

    fn told_mut(&mut self) -> &mut Told {
        &mut self.base.told
    }
}

/// Makes what stays for ever: the types above, the fixed ones, the frontend.
pub fn register() {
    static FRONTEND: std::sync::LazyLock<AllocatorEntry> =
        std::sync::LazyLock::new(|| frontend(&REGISTRY));
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        REGISTRY
            .register_frontend(&FRONTEND)
            .expect("the first frontend");
        for number in [
            Point::type_index(),
            Named::type_index(),
            Noisy::type_index(),
            Node::type_index(),
            Wide::type_index(),
        ] {
            number.expect("a type of this file's");
        }
        // The map of functions, and the threads' locals.
        let nothing = Function::from_packed(|_| Ok(().into()));
        nothing
            .register_global("fuzz.nothing", true)
            .expect("memory for a name");
    });
    if !WARM.replace(true) {
        // The thread's list of deletions that were put off, which it keeps.
        let mut chain = None;
        for _ in 0..64 {
            let node = Node::new(Told { id: 0, bomb: false }, chain.take());
            chain = Some(ObjectArc::upcast(ObjectArc::new(node)));
        }
        let _ = quiet::quietly(|| drop(Told { id: 0, bomb: true }));
    }
}
