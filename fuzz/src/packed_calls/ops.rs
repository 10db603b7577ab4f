//! What a program of calls is made of.

use object_core::type_index as index;

use crate::packed_calls::SIGNATURES;
use crate::program::{Op, Reader};
use crate::values::V;

/// An argument.
#[derive(Clone, Debug)]
pub enum Arg {
    /// An honest value.
    Value(V),
    /// The address of one of four variables, which may be moved out of.
    Moved(u8),
    /// A short text or bytes, with a length that may lie.
    Small(bool, u32, [u8; 8]),
    /// A number that is no type, with whatever beside it.
    Junk(i32, u32, u64),
    /// An object, a C string or a run of bytes whose address is null.
    Null(i32),
}

/// An operation.
#[derive(Debug)]
pub enum CallOp {
    /// Calls one of the functions. A count below 0 is none.
    Call(u8, Vec<Arg>, bool),
    /// A new object in a variable.
    Refill(u8, V),
    /// A name for a function, in place of another one or not.
    Register(u8, u8, bool),
    /// Calls by name.
    Named(u8, i64),
    /// A name goes.
    Remove(u8),
}

fn arg(from: &mut Reader<'_>) -> Arg {
    match from.byte() % 16 {
        0..=8 => Arg::Value(V::decode(from, 1)),
        9..=11 => Arg::Moved(from.byte() % 4),
        12 => {
            let len = match from.byte() {
                len @ 0..=199 => u32::from(len % 10),
                _ => from.edge() as u32,
            };
            Arg::Small(from.flag(), len, std::array::from_fn(|_| from.byte()))
        }
        13 | 14 => Arg::Junk(junk(from.edge() as i32), from.byte().into(), from.long()),
        _ => Arg::Null(match from.byte() {
            0..=15 => index::RAW_STR,
            16..=31 => index::BYTE_SLICE_PTR,
            other => index::OBJECT + i32::from(other % 16),
        }),
    }
}

/// A number below 64 that no value has.
fn junk(number: i32) -> i32 {
    match number {
        0..=4 | 8..=12 => number + 20,
        64.. => -number,
        other => other,
    }
}

impl Op for CallOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        match from.byte() % 16 {
            0..=10 => {
                let function = from.byte() % SIGNATURES.len() as u8;
                let right = SIGNATURES[usize::from(function)].len();
                let count = match from.byte() {
                    0..=199 => right,
                    other => usize::from(other % 10),
                };
                let args = (0..count).map(|_| arg(from)).collect();
                Self::Call(function, args, from.byte() == 255)
            }
            11 => Self::Refill(from.byte() % 4, V::decode(from, 1)),
            12 | 13 => Self::Register(from.byte() % 4, from.byte() % 3, from.flag()),
            14 => Self::Named(from.byte() % 4, from.byte().into()),
            _ => Self::Remove(from.byte() % 4),
        }
    }
}
