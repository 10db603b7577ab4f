//! How many objects of a type are alive, and were ever made.

use std::sync::atomic::{AtomicI64, Ordering};

/// The counts of one type.
#[derive(Debug)]
pub(crate) struct Counts {
    alive: AtomicI64,
    made: AtomicI64,
}

/// Packages.
pub(crate) static PACKAGES: Counts = Counts::new();
/// Graphs.
pub(crate) static GRAPHS: Counts = Counts::new();

impl Counts {
    const fn new() -> Self {
        Self {
            alive: AtomicI64::new(0),
            made: AtomicI64::new(0),
        }
    }

    /// Objects alive now.
    pub(crate) fn alive(&self) -> i64 {
        self.alive.load(Ordering::Relaxed)
    }

    /// Objects ever made.
    pub(crate) fn made(&self) -> i64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Counts an object, until it is dropped.
    pub(crate) fn tally(&'static self) -> Tally {
        self.alive.fetch_add(1, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
        Tally(self)
    }
}

/// A part of every object that is counted.
#[derive(Debug)]
pub(crate) struct Tally(&'static Counts);

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}
