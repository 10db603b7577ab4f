//! The word's lock. With a GIL, the GIL is the lock and this compiles to loads and stores.
//!
//! Two vocabularies, never mixed: `hold`, `state`, `set` mean the lock; `peek` is a look without it.

use alloc_header::primitive::sync::atomic::{AtomicUsize, Ordering};

use crate::tie::word::{State, Word};

/// The word of a live object, for whoever is attached.
#[derive(Debug)]
pub struct Held<'a> {
    word: &'a AtomicUsize,
}

impl<'a> Held<'a> {
    /// Takes the word's lock.
    #[inline]
    #[must_use]
    pub fn hold(word: &'a AtomicUsize) -> Self {
        Self { word }
    }

    /// What the word says, under the lock.
    #[inline]
    #[must_use]
    pub fn state(&self) -> State {
        peek(self.word).state()
    }

    /// Makes the word say `state`.
    #[inline]
    pub fn set(&self, state: State) {
        // Release: what was done to the wrapper happens before anybody finds it through the word,
        // also the unattached thread that frees the object last.
        self.word.store(Word::of(state).bits(), Ordering::Release);
    }
}

/// A look at the word without its lock.
#[inline]
#[must_use]
pub fn peek(word: &AtomicUsize) -> Word {
    // Acquire: pairs with the Release of `set`.
    Word::from_bits(word.load(Ordering::Acquire))
}
