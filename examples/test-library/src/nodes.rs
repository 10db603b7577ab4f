//! `Node`: chains, weak parents, a payload of any type.

use rust_binding::prelude::*;

use crate::points::Point;
use crate::tally::Tally;
use crate::threads::start;

/// A link of a chain.
#[repr(C)]
pub(crate) struct Node {
    header: ObjectHeader,
    name: Str,
    next: MutField<Option<ObjectArc<Node>>>,
    parent: MutField<WeakObjectArc<Node>>,
    payload: MutField<Any>,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's; the fields
// that change are MutFields.
unsafe impl Object for Node {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        // `next` and `parent` are methods, not fields: describing a field of type Node asks for this
        // very number while it is being made.
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.Node")
                .doc("A link of a chain.")
                .field("name", "What it is called.", field!(Node, name))
                .field("payload", "Anything.", field!(Node, payload))
                .typed_constructor("A node without neighbours.", Self::make)
                .typed_method("next", "The next one, or None.", Self::next)
                .typed_method(
                    "parent",
                    "The one before, while it lives, or None.",
                    Self::parent,
                )
                .typed_method(
                    "link",
                    "Puts a node behind this one; returns that.",
                    Self::link,
                )
                .typed_method(
                    "unlink",
                    "Takes the next one off and returns it.",
                    Self::unlink,
                )
                .typed_method("length", "Nodes from here to the end.", Self::length)
                .register()
        })
    }
}

impl Node {
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

    fn next(this: ObjectArc<Self>) -> Result<Option<ObjectArc<Self>>, Error> {
        this.next.get(&this)
    }

    fn parent(this: ObjectArc<Self>) -> Result<Option<ObjectArc<Self>>, Error> {
        this.parent.get(&this)
    }

    fn link(this: ObjectArc<Self>, next: ObjectArc<Self>) -> Result<ObjectArc<Self>, Error> {
        next.parent.set(&next, this.clone())?;
        this.next.set(&this, next.clone())?;
        Ok(next)
    }

    fn unlink(this: ObjectArc<Self>) -> Result<Option<ObjectArc<Self>>, Error> {
        let next = Self::next(this.clone())?;
        this.next.set(&this, Any::NONE)?;
        if let Some(next) = &next {
            next.parent.set(next, Any::NONE)?;
        }
        Ok(next)
    }

    fn length(this: ObjectArc<Self>) -> Result<i64, Error> {
        let (mut at, mut length) = (this, 1);
        while let Some(next) = Self::next(at)? {
            (at, length) = (next, length + 1);
        }
        Ok(length)
    }

    fn chain(length: u32) -> Result<ObjectArc<Self>, Error> {
        let mut first = Self::make(Str::from("last"));
        for _ in 1..length {
            let node = Self::make(Str::from("link"));
            Self::link(node.clone(), first)?;
            first = node;
        }
        Ok(first)
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

pub(crate) fn export(exports: &mut Exports) {
    exports.object_type::<Node>();
    exports.function("test_library.chain", Node::chain);
    exports.function("test_library.race_payload", race_payload);
}
