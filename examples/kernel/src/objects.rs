//! The kernel's object types.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use object_core::{
    Extends, MutField, Object, ObjectArc, ObjectHeader, RegisterError, Str, TypeBuilder, TypeSlot,
    WeakObjectArc, field,
};

/// Bodies that were dropped.
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// How many nodes and tasks were dropped so far.
pub(crate) fn dropped() -> usize {
    DROPPED.load(Ordering::Relaxed)
}

macro_rules! object {
    ($type:ty, $key:literal, |$builder:ident| $described:expr) => {
        // SAFETY: used on the repr(C) structs below, whose first field is a header or a parent, with
        // a type of their own.
        unsafe impl Object for $type {
            fn type_index() -> Result<i32, RegisterError> {
                static SLOT: TypeSlot = TypeSlot::new();
                SLOT.get_or_register(|| {
                    let $builder = TypeBuilder::<$type>::new($key);
                    $described.register()
                })
            }
        }
    };
}

/// A task. It knows its parent weakly.
#[repr(C)]
pub(crate) struct Task {
    header: ObjectHeader,
    pub(crate) id: i64,
    pub(crate) priority: MutField<i64>,
    pub(crate) name: Str,
    pub(crate) parent: WeakObjectArc<Task>,
}

object!(Task, "kernel.Task", |task| task
    .field("id", "Its number.", field!(Task, id))
    .field(
        "priority",
        "The higher, the sooner.",
        field!(Task, priority)
    )
    .field("name", "What it is called.", field!(Task, name))
    .field(
        "parent",
        "Who made it, while that lives.",
        field!(Task, parent)
    ));

impl Task {
    pub(crate) const fn new(id: i64, name: Str, parent: WeakObjectArc<Task>) -> Self {
        Self {
            header: ObjectHeader::new(),
            id,
            priority: MutField::from_field(0),
            name,
            parent,
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task with a counter of its own: an heir.
#[repr(C)]
pub(crate) struct Worker {
    base: Task,
    pub(crate) runs: u64,
}

object!(Worker, "kernel.Worker", |worker| worker
    .parent::<Task>()
    .field("runs", "How often it ran.", field!(Worker, runs)));

// SAFETY: repr(C), the first field is a Task, which is the registered parent.
unsafe impl Extends<Task> for Worker {}

impl Worker {
    pub(crate) const fn new(base: Task, runs: u64) -> Self {
        Self { base, runs }
    }
}

/// One of a chain.
#[repr(C)]
pub(crate) struct Node {
    header: ObjectHeader,
    pub(crate) value: u64,
    pub(crate) next: Option<ObjectArc<Node>>,
}

object!(Node, "kernel.Node", |node| node
    .field("value", "What it carries.", field!(Node, value))
    .field("next", "Who follows.", field!(Node, next)));

impl Node {
    pub(crate) const fn new(value: u64, next: Option<ObjectArc<Self>>) -> Self {
        Self {
            header: ObjectHeader::new(),
            value,
            next,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A cache line of its own, so that two cores do not share one by accident.
#[repr(C, align(64))]
pub(crate) struct Line {
    header: ObjectHeader,
    pub(crate) hits: AtomicU64,
}

object!(Line, "kernel.Line", |line| line);

impl Line {
    pub(crate) const fn new() -> Self {
        Self {
            header: ObjectHeader::new(),
            hits: AtomicU64::new(0),
        }
    }
}

/// A whole page, as a device or a page table wants it.
#[repr(C, align(4096))]
pub(crate) struct Sheet {
    header: ObjectHeader,
    pub(crate) bytes: [u8; 4096 - 24],
}

object!(Sheet, "kernel.Sheet", |sheet| sheet);

impl Sheet {
    pub(crate) const fn filled(byte: u8) -> Self {
        Self {
            header: ObjectHeader::new(),
            bytes: [byte; 4096 - 24],
        }
    }
}

/// The head of a ring of items.
#[repr(C)]
pub(crate) struct Ring {
    header: ObjectHeader,
    pub(crate) start: u64,
}

object!(Ring, "kernel.Ring", |ring| ring.field(
    "start",
    "The oldest item.",
    field!(Ring, start)
));

impl Ring {
    pub(crate) const fn new(start: u64) -> Self {
        Self {
            header: ObjectHeader::new(),
            start,
        }
    }
}

/// The registration of each of these types, parents first.
pub(crate) const TYPES: [fn() -> Result<i32, RegisterError>; 6] = [
    Task::type_index,
    Worker::type_index,
    Node::type_index,
    Line::type_index,
    Sheet::type_index,
    Ring::type_index,
];
