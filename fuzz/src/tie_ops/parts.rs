//! Wrappers and native objects as structs, and words.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use py_binding::tie::{Object, State, Word, Wrapper, kept_storage};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    Alive,
    Dying,
    Kept,
    PutOff,
    Freed,
}

/// A wrapper's storage. It stays readable to the end, so that each use of it can be judged.
#[repr(align(16))]
pub(super) struct Wrapped {
    pub(super) count: Cell<u32>,
    pub(super) handle: Cell<Option<Object>>,
    pub(super) stateless: Cell<bool>,
    pub(super) life: Cell<Life>,
    pub(super) link: Cell<usize>,
}

impl Wrapped {
    /// Alive, of a class without state, and nobody's.
    pub(super) fn empty() -> Self {
        Self {
            count: Cell::new(1),
            handle: Cell::new(None),
            stateless: Cell::new(true),
            life: Cell::new(Life::Alive),
            link: Cell::new(0),
        }
    }
}

/// What the word of an object should say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Canon {
    Nobody,
    Active(Wrapper),
    Kept(Wrapper),
}

#[repr(align(16))]
pub(super) struct Native {
    pub(super) word: AtomicUsize,
    pub(super) tied: bool,
    pub(super) strong: Cell<u32>,
    pub(super) weak: Cell<u32>,
    pub(super) canon: Cell<Canon>,
}

/// What a word says.
pub(super) fn peek(word: &AtomicUsize) -> Word {
    Word::from_bits(word.load(Ordering::Relaxed))
}

pub(super) fn native<'a>(object: Object) -> &'a Native {
    // SAFETY: natives are boxed and stay until the world's end.
    unsafe { object.cast::<Native>().as_ref() }
}

pub(super) fn wrapped<'a>(wrapper: Wrapper) -> &'a Wrapped {
    // SAFETY: storage is boxed and stays until the world's end.
    let wrapped: &Wrapped = unsafe { wrapper.cast().as_ref() };
    assert_ne!(wrapped.life.get(), Life::Freed, "freed storage was touched");
    wrapped
}

/// Whatever the bits, a word can be read, and says the same when it is written again.
pub(super) fn bits_of(bits: usize) {
    let word = Word::from_bits(bits);
    let state = word.state();
    let named = match state {
        State::Detached => None,
        State::Active(wrapper) | State::Inactive(wrapper) | State::Reviving(wrapper) => {
            Some(wrapper)
        }
    };
    assert_eq!(named.is_none(), bits & !7 == 0);
    assert_eq!(word.is_locked(), bits & 4 != 0);
    assert_eq!(word.active(), (bits & 7 == 0).then_some(named).flatten());
    assert_eq!(Word::of(state).state(), state);
    assert_eq!(word.locked().state(), state);
    assert_eq!(
        kept_storage(word),
        if let State::Inactive(kept) = state {
            Some(kept)
        } else {
            None
        }
    );
}
