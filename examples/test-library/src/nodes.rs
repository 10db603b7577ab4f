//! `Node`: chains, weak parents, a payload of any type.

use rust_binding::object_core;
use rust_binding::prelude::*;

use crate::points::Point;
use crate::tally::Tally;
use crate::threads::start;

/// A link of a chain.
#[derive(Object)]
#[object(key = "test_library.Node")]
#[repr(C)]
pub(crate) struct Node {
    header: ObjectHeader,
    /// What it is called.
    name: Str,
    #[object(skip)]
    next: MutField<Option<ObjectArc<Node>>>,
    #[object(skip)]
    parent: MutField<WeakObjectArc<Node>>,
    /// Anything.
    payload: MutField<Any>,
    #[object(skip)]
    tally: Tally,
}

#[methods]
impl Node {
    /// A node without neighbours.
    #[object(constructor)]
    pub(crate) fn make(name: Str) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            name,
            next: MutField::new(None),
            parent: MutField::new(WeakObjectArc::null()),
            payload: MutField::new(Any::NONE),
            tally: Tally::new(),
        })
    }

    /// The next one, or None.
    fn next(this: &ObjectArc<Self>) -> Option<ObjectArc<Self>> {
        this.next.load(this)
    }

    /// The one before, while it lives, or None.
    fn parent(this: &ObjectArc<Self>) -> Option<ObjectArc<Self>> {
        this.parent.load(this).upgrade()
    }

    /// Puts a node behind this one; returns that.
    fn link(this: &ObjectArc<Self>, next: ObjectArc<Self>) -> ObjectArc<Self> {
        next.parent.store(&next, ObjectArc::downgrade(this));
        this.next.store(this, Some(next.clone()));
        next
    }

    /// Takes the next one off and returns it.
    fn unlink(this: &ObjectArc<Self>) -> Option<ObjectArc<Self>> {
        let next = this.next.swap(this, None);
        if let Some(next) = &next {
            next.parent.store(next, WeakObjectArc::null());
        }
        next
    }

    /// Nodes from here to the end.
    fn length(this: ObjectArc<Self>) -> i64 {
        let (mut at, mut length) = (this, 1);
        while let Some(next) = Self::next(&at) {
            (at, length) = (next, length + 1);
        }
        length
    }

    #[object(skip)]
    fn chain(length: u32) -> ObjectArc<Self> {
        let mut first = Self::make(Str::from("last"));
        for _ in 1..length {
            let node = Self::make(Str::from("link"));
            Self::link(&node, first);
            first = node;
        }
        first
    }
}

/// On a thread: replaces a node's payload with new points, again and again.
fn race_payload(node: ObjectArc<Node>, rounds: u32) {
    start(move || {
        for round in 0..i64::from(rounds) {
            // Any value fits an Any field.
            let _ = node.payload.set(&node, Point::make(round, -round));
        }
    });
}

/// As [`race_payload`], with lists of lists, which hold something.
fn race_lists(node: ObjectArc<Node>, rounds: u32) {
    start(move || {
        for round in 0..i64::from(rounds) {
            let inner = |n| -> object_core::List { (0..3).map(|m| round + n + m).collect() };
            let lists: object_core::List = (0..20).map(inner).collect();
            let _ = node.payload.set(&node, Any::from(lists));
        }
    });
}

pub(crate) fn export(exports: &mut Exports) {
    exports.object_type::<Node>();
    exports.function("test_library.race_lists", race_lists);
    exports.function("test_library.chain", Node::chain);
    exports.function("test_library.race_payload", race_payload);
}
