//! The word's lock. With a GIL, the GIL is the lock and this compiles to loads and stores.
//!
//! Two vocabularies, never mixed: `hold`, `state`, `set` mean the lock; `peek` is a look without it.

use alloc_header::primitive::sync::atomic::{AtomicUsize, Ordering};

use crate::tie::word::{State, Word};

/// The word of a live object, for whoever is attached; until dropped.
#[derive(Debug)]
pub struct Held<'a> {
    word: &'a AtomicUsize,
    #[cfg(debug_assertions)]
    _counted: watch::Counted,
}

impl<'a> Held<'a> {
    /// Takes the word's lock.
    #[inline]
    #[must_use]
    pub fn hold(word: &'a AtomicUsize) -> Self {
        Self {
            word,
            #[cfg(debug_assertions)]
            _counted: watch::Counted::new(),
        }
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

/// Asserts, in debug builds, that this thread holds no word: whatever is not quiet begins with it (I6).
#[inline]
pub fn assert_none_held() {
    #[cfg(debug_assertions)]
    assert_eq!(watch::held(), 0, "I6: a word is held");
}

/// How many words this thread holds.
#[cfg(debug_assertions)]
mod watch {
    use std::cell::Cell;

    std::thread_local! {
        static HELD: Cell<u32> = const { Cell::new(0) };
    }

    #[derive(Debug)]
    pub(super) struct Counted;

    impl Counted {
        pub(super) fn new() -> Self {
            HELD.set(HELD.get() + 1);
            Self
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            HELD.set(HELD.get() - 1);
        }
    }

    pub(super) fn held() -> u32 {
        HELD.get()
    }
}
