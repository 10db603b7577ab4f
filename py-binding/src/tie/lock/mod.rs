//! The word's lock: the GIL where there is one, a bit of the word itself where there is none.
//!
//! Both arms always compile, so that tests, models and the linter reach both; the build of CPython
//! only picks the one that goes by the name of [`ThisBuild`].
//!
//! Two vocabularies, never mixed: `hold`, `state`, `set` mean the lock; `peek` is a look without it.

use core::marker::PhantomData;

use alloc_header::primitive::sync::atomic::{AtomicUsize, Ordering};

use crate::tie::word::{State, Word};

mod gil;
mod free;

pub use free::Free;
pub use gil::Gil;

/// The lock of the CPython this is built for.
#[cfg(not(Py_GIL_DISABLED))]
pub type ThisBuild = Gil;
/// The lock of the CPython this is built for.
#[cfg(Py_GIL_DISABLED)]
pub type ThisBuild = Free;

/// How a word is held.
pub trait Lock {
    /// Whether other threads look at the word at the same time. If so, looking means holding, a
    /// revival takes place outside of the lock ([`State::Reviving`]), and a wrapper whose count is 0
    /// may be in the hands of a thread that is about to settle.
    const SHARED: bool;

    /// Takes the lock; what the word says, without its lock bit.
    fn acquire(word: &AtomicUsize) -> Word;

    /// Gives the lock back; the word said `was` when it was taken and says `now` from here on.
    fn release(word: &AtomicUsize, was: Word, now: Word);
}

/// The word of a live object, for whoever is attached; until dropped.
#[derive(Debug)]
pub struct Held<'a, L: Lock> {
    word: &'a AtomicUsize,
    was: Word,
    now: Word,
    lock: PhantomData<L>,
    #[cfg(debug_assertions)]
    _counted: watch::Counted,
}

impl<'a, L: Lock> Held<'a, L> {
    /// Takes the word's lock.
    #[inline]
    #[must_use]
    pub fn hold(word: &'a AtomicUsize) -> Self {
        let was = L::acquire(word);
        Self {
            word,
            was,
            now: was,
            lock: PhantomData,
            #[cfg(debug_assertions)]
            _counted: watch::Counted::new(),
        }
    }

    /// What the word says.
    #[inline]
    #[must_use]
    pub fn state(&self) -> State {
        self.now.state()
    }

    /// Whether the word says `state`: one compare.
    #[inline]
    #[must_use]
    pub fn says(&self, state: State) -> bool {
        self.now == Word::of(state)
    }

    /// Makes the word say `state`, when the lock is given back.
    #[inline]
    pub fn set(&mut self, state: State) {
        self.now = Word::of(state);
    }
}

impl<L: Lock> Drop for Held<'_, L> {
    #[inline]
    fn drop(&mut self) {
        L::release(self.word, self.was, self.now);
    }
}

/// A look at the word without its lock.
#[inline]
#[must_use]
pub fn peek(word: &AtomicUsize) -> Word {
    // Acquire: pairs with the Release of giving the lock back.
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
