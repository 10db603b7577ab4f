//! How many of this library's objects are alive.

use std::sync::atomic::{AtomicI64, Ordering};

static LIVE: AtomicI64 = AtomicI64::new(0);

/// A part of every object here: counts it from its making to its drop.
#[derive(Debug)]
pub(crate) struct Tally(());

impl Tally {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Objects alive now.
pub(crate) fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}
