//! What the tests share: memory that gives nothing for free, an arena over it, a frontend over any
//! backing.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::Mutex;

pub(crate) mod arena;
pub(crate) mod frontend;
pub(crate) mod hostile;

/// Keeps `value` for ever, in sight of leak checkers.
pub(crate) fn keep<T>(value: T) -> &'static T {
    static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let kept: &'static T = Box::leak(Box::new(value));
    KEPT.lock().unwrap().push(std::ptr::from_ref(kept).addr());
    kept
}

/// A small generator (xorshift): the same numbers for the same seed, on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}
