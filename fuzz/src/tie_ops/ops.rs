//! What can be done to the tie, and what can happen around it.

use crate::program::{Op, Reader};

/// An operation. Bytes pick from the lists of references that the program owns.
#[derive(Clone, Debug)]
pub enum TieOp {
    /// A native object, tied or not.
    New(bool),
    /// Another strong reference.
    Clone(u8),
    /// A strong reference goes.
    Drop(u8),
    /// A weak reference.
    Weak(u8),
    /// A weak reference goes.
    DropWeak(u8),
    /// The object is shown; the reference is kept, or goes along.
    Wrap(u8, bool),
    /// The fast path.
    Hit(u8),
    /// A class call binds a new wrapper to the object.
    Adopt(u8),
    /// Another Python reference.
    IncPy(u8),
    /// A Python reference goes.
    DecPy(u8),
    /// A Python reference goes; if it was the last, the interpreter parks the wrapper.
    Park(u8),
    /// A parked wrapper's turn has come.
    Unpark(u8),
    /// A move.
    Release(u8),
    /// The wrapper's class gets state, or loses it.
    Stateless(u8, bool),
    /// The next wrapper cannot be made.
    FailFresh,
    /// What Python code does at the next callback.
    Nest(Vec<TieOp>),
    /// Whether the thread is attached when objects die.
    Attached(bool),
    /// The list of what was put off is freed.
    Drain,
    /// A hold is put off.
    Hold,
    /// The gate is entered, left, closed, or opened in a forked child.
    Gate(u8),
    /// Any word at all.
    Bits(u64),
}

impl TieOp {
    fn plain(from: &mut Reader<'_>) -> Self {
        match from.byte() % 32 {
            0 | 1 => Self::New(from.byte() % 8 != 0),
            2 => Self::Clone(from.byte()),
            3..=5 => Self::Drop(from.byte()),
            6 => Self::Weak(from.byte()),
            7 => Self::DropWeak(from.byte()),
            8..=11 => Self::Wrap(from.byte(), from.flag()),
            12 => Self::Hit(from.byte()),
            13 | 14 => Self::Adopt(from.byte()),
            15 => Self::IncPy(from.byte()),
            16..=19 => Self::DecPy(from.byte()),
            20 => Self::Park(from.byte()),
            21 => Self::Unpark(from.byte()),
            22 => Self::Release(from.byte()),
            23 => Self::Stateless(from.byte(), from.flag()),
            24 => Self::FailFresh,
            25 => Self::Attached(from.flag()),
            26 => Self::Drain,
            27 => Self::Hold,
            28 | 29 => Self::Gate(from.byte()),
            _ => Self::Bits(from.edge()),
        }
    }
}

impl Op for TieOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        if from.byte() % 8 == 0 {
            let count = 1 + from.below(4);
            return Self::Nest((0..count).map(|_| Self::plain(from)).collect());
        }
        Self::plain(from)
    }
}
