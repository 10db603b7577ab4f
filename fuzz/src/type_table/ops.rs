//! What can be asked of the type table.

use crate::program::{Op, Reader};
use crate::values::V;

/// A type, by what is known of it.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    /// The type itself.
    This,
    /// The root.
    Root,
    /// Another fixed type.
    Array,
    /// A Rust type.
    Point,
    /// One that a program registered.
    Known(u8),
    /// Any number.
    Number(i32),
}

/// A field that may be impossible.
#[derive(Clone, Debug)]
pub struct Field {
    pub(super) name: Vec<u8>,
    pub(super) kind: u8,
    pub(super) offset: u32,
    pub(super) flags: u32,
    pub(super) of: Pick,
}

/// A description that may be impossible.
#[derive(Clone, Debug)]
pub struct Description {
    pub(super) key: u8,
    pub(super) parent: Pick,
    pub(super) reflected: bool,
    pub(super) size: u32,
    pub(super) align: u32,
    pub(super) fields: Vec<Field>,
    pub(super) methods: Vec<(Vec<u8>, u8)>,
    /// The fields' or the methods' address is null.
    pub(super) null: u8,
}

/// An operation.
#[derive(Debug)]
pub enum TypeOp {
    /// Registers by description; the heap's n-th allocation fails.
    Describe(Description, usize),
    /// Registers a type again that is there, with one thing changed, or none: what, which field, to what.
    Again(u8, u8, u8, u64),
    /// Registers by reflection.
    Reflect(u8, Pick, Vec<Field>, usize),
    /// An object of a reflected type.
    Make(u8, usize),
    /// An object goes.
    Drop(u8),
    /// A value into a field; the heap's n-th allocation fails.
    Write(u8, u8, V, usize),
    /// Asks for a type that may not be there.
    Look(i32),
}

fn pick(from: &mut Reader<'_>) -> Pick {
    match from.byte() % 16 {
        0..=2 => Pick::This,
        3..=8 => Pick::Root,
        9 => Pick::Array,
        10 => Pick::Point,
        11..=14 => Pick::Known(from.byte()),
        _ => Pick::Number(from.edge() as i32),
    }
}

fn field(from: &mut Reader<'_>) -> Field {
    Field {
        name: from.bytes(5),
        kind: from.byte() % 18,
        offset: match from.byte() {
            small @ 0..=199 => u32::from(small) * 4,
            _ => from.edge() as u32,
        },
        flags: from.byte().into(),
        of: pick(from),
    }
}

impl Op for TypeOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        let fail = |from: &mut Reader<'_>| from.byte().saturating_sub(240).into();
        match from.byte() % 14 {
            12 | 13 => Self::Again(from.byte(), from.byte(), from.byte(), from.edge()),
            0..=3 => {
                let description = Description {
                    key: from.byte(),
                    parent: pick(from),
                    reflected: from.flag(),
                    size: match from.byte() {
                        small @ 0..=199 => u32::from(small) * 8,
                        _ => from.edge() as u32,
                    },
                    align: match from.byte() {
                        power @ 0..=199 => 1 << (power % 8),
                        _ => from.edge() as u32,
                    },
                    fields: (0..from.below(6)).map(|_| field(from)).collect(),
                    methods: (0..from.below(3))
                        .map(|_| (from.bytes(4), from.byte()))
                        .collect(),
                    null: from.byte() % 32,
                };
                Self::Describe(description, fail(from))
            }
            4 | 5 => {
                let (key, parent) = (from.byte(), pick(from));
                let fields = (0..from.below(6)).map(|_| field(from)).collect();
                Self::Reflect(key, parent, fields, fail(from))
            }
            6 => Self::Make(from.byte(), fail(from)),
            7 => Self::Drop(from.byte()),
            8..=10 => Self::Write(from.byte(), from.byte(), V::decode(from, 1), fail(from)),
            _ => Self::Look(from.edge() as i32),
        }
    }
}
