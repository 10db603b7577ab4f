//! Programs: bytes read as operations. Every run of bytes is one, so that a fuzzer never has to
//! guess a format; where bytes are missing they are 0.

use std::fmt::Debug;

/// The longest program that is played.
pub const MAX_OPS: usize = 200;

/// Bytes, read from the front.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// From the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        first
    }

    /// One byte as a number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u8) -> usize {
        usize::from(self.byte() % bound)
    }

    /// One byte's lowest bit.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// Two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Eight bytes.
    pub fn long(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number such as bugs like: small, a power of two and its neighbours, a limit, or anything.
    pub fn edge(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=127 => u64::from(small),
            near @ 128..=191 => {
                let power = 1u64 << (near - 128);
                match self.byte() % 3 {
                    0 => power,
                    1 => power - 1,
                    _ => power + 1,
                }
            }
            192..=207 => u64::MAX - u64::from(self.byte()),
            208..=223 => i64::MAX as u64 - u64::from(self.byte()),
            224..=239 => u64::from(self.short()),
            _ => self.long(),
        }
    }

    /// Up to `longest` bytes: a length, then as many.
    pub fn bytes(&mut self, longest: u8) -> Vec<u8> {
        let len = self
            .below(longest.saturating_add(1).max(1))
            .min(self.rest.len());
        let (here, rest) = self.rest.split_at(len);
        self.rest = rest;
        here.to_vec()
    }

    /// Up to `longest` bytes' worth of text.
    pub fn text(&mut self, longest: u8) -> String {
        String::from_utf8_lossy(&self.bytes(longest)).into_owned()
    }
}

/// One operation.
pub trait Op: Sized + Debug {
    /// The operation that the next bytes name; every run of bytes names one.
    fn decode(from: &mut Reader<'_>) -> Self;
}

/// Project and model, side by side.
pub trait Play: Sized {
    /// What can be done.
    type Op: Op;

    /// The world leaves no memory behind: that is checked after its end.
    const LEAVES_NOTHING: bool = true;

    /// A fresh world.
    fn begin() -> Self;

    /// Does the same to both, and compares.
    fn apply(&mut self, op: &Self::Op);

    /// Drops what is left, and compares once more.
    fn end(self);
}

/// The program in `bytes`.
#[must_use]
pub fn decode<O: Op>(bytes: &[u8]) -> Vec<O> {
    let mut from = Reader::new(bytes);
    let mut program = Vec::new();
    while !from.is_empty() && program.len() < MAX_OPS {
        program.push(O::decode(&mut from));
    }
    program
}

/// The entry of `list` that `pick` names; `None` if the list is empty.
#[must_use]
pub fn at<T>(list: &[T], pick: u8) -> Option<usize> {
    (!list.is_empty()).then(|| usize::from(pick) % list.len())
}
