//! What can be done to objects.

use crate::arena::Backing;
use crate::program::{Op, Reader};

/// What kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Noisy`].
    Noisy,
    /// [`Node`].
    Node,
    /// [`Wide`].
    Wide,
    /// [`Noisy`] with [`Told`] items behind it.
    Items,
}

/// What making an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// It is made.
    Goes,
    /// It fails.
    Fails,
    /// It panics.
    Panics,
}

/// What is done to an object while it is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// Shared again.
    Share,
    /// Dropped.
    Drop,
    /// The value is moved out and dropped.
    MoveOut,
    /// The value is moved out and placed again.
    MoveOn,
    /// The whole value is exchanged with another one, header and all.
    Exchange,
}

/// An operation.
#[derive(Debug)]
pub enum ObjectOp {
    /// A new object.
    New {
        /// Of this kind.
        kind: Kind,
        /// Its drop panics.
        bomb: bool,
        /// For nodes: holds this one.
        next: u8,
        /// The heap's n-th allocation fails.
        fail: usize,
    },
    /// A new object with items.
    Items {
        /// How many.
        len: usize,
        /// What making the one at `stop` does.
        making: Making,
        /// See above.
        stop: usize,
        /// The one whose drop panics.
        bomb: usize,
        /// The heap's n-th allocation fails.
        fail: usize,
    },
    /// Nodes, each holding the one before; then only the last is held.
    Chain(u8),
    /// Another strong reference.
    Clone(u8),
    /// A strong reference goes.
    Drop(u8),
    /// A weak reference of a strong one.
    Downgrade(u8),
    /// Another weak reference.
    CloneWeak(u8),
    /// A weak reference goes.
    DropWeak(u8),
    /// A strong reference of a weak one.
    Upgrade(u8),
    /// A handle becomes an address and back.
    Raw(u8),
    /// The runtime's table counts up and down.
    Table(u8),
    /// Casts to every type.
    Cast(u8),
    /// What a unique handle can do.
    Alone(u8, Alone),
    /// The runtime counts from here on.
    Slow(u8),
    /// Another backing; with the frontend's word, or without.
    Backing(Backing, bool),
}

fn fail(from: &mut Reader<'_>) -> usize {
    from.byte().saturating_sub(240).into()
}

impl Op for ObjectOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        match from.byte() % 24 {
            0..=3 => Self::New {
                kind: [Kind::Noisy, Kind::Node, Kind::Wide][from.below(3)],
                bomb: from.byte() % 16 == 1,
                next: from.byte(),
                fail: fail(from),
            },
            4 | 5 => {
                let len = from.below(9);
                let (making, stop) = match from.byte() {
                    stop @ 0..=31 => (Making::Fails, stop),
                    stop @ 32..=39 => (Making::Panics, stop - 32),
                    _ => (Making::Goes, 0),
                };
                let bomb = usize::from(from.byte());
                Self::Items {
                    len,
                    making,
                    stop: stop.into(),
                    bomb,
                    fail: fail(from),
                }
            }
            6 => Self::Chain(from.byte() % 80),
            7 | 8 => Self::Clone(from.byte()),
            9..=11 => Self::Drop(from.byte()),
            12 => Self::Downgrade(from.byte()),
            13 => Self::CloneWeak(from.byte()),
            14 => Self::DropWeak(from.byte()),
            15 | 16 => Self::Upgrade(from.byte()),
            17 => Self::Raw(from.byte()),
            18 => Self::Table(from.byte()),
            19 => Self::Cast(from.byte()),
            20 | 21 => Self::Alone(
                from.byte(),
                [
                    Alone::Share,
                    Alone::Drop,
                    Alone::MoveOut,
                    Alone::MoveOn,
                    Alone::Exchange,
                ][from.below(5)],
            ),
            22 => Self::Slow(from.byte()),
            _ => Self::Backing(Backing::from_byte(from.byte()), from.flag()),
        }
    }
}
