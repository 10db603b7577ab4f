//! The back word: a wrapper's address and tag bits. No bit literal stands anywhere else.

use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;

/// A wrapper, by its address; at least 8-aligned, so that three low bits are free.
pub type Wrapper = NonNull<c_void>;

const INACTIVE: usize = 1;
const REVIVING: usize = 2;
const LOCKED: usize = 4;
const TAGS: usize = INACTIVE | REVIVING | LOCKED;

const _: () = assert!(
    TAGS < 8,
    "wrappers are 8-aligned: there are no more bits than these"
);

/// What a word says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// No wrapper.
    Detached,
    /// This wrapper is canonical and owns one strong reference.
    Active(Wrapper),
    /// This wrapper died; its storage is kept.
    Inactive(Wrapper),
    /// One thread is rebuilding this wrapper in place.
    Reviving(Wrapper),
}

/// The word's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word(usize);

impl Word {
    /// No wrapper.
    pub const DETACHED: Self = Self(0);

    /// From the bits that were read.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: usize) -> Self {
        Self(bits)
    }

    /// The bits to write.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> usize {
        self.0
    }

    /// The word that says `state`.
    #[inline]
    #[must_use]
    pub fn of(state: State) -> Self {
        let tagged = |wrapper: Wrapper, tag: usize| {
            // I4: every wrapper passed in is untagged.
            let address = wrapper.as_ptr().expose_provenance();
            debug_assert!(address & TAGS == 0, "a tagged wrapper was passed in");
            Self(address | tag)
        };
        match state {
            State::Detached => Self::DETACHED,
            State::Active(wrapper) => tagged(wrapper, 0),
            State::Inactive(wrapper) => tagged(wrapper, INACTIVE),
            State::Reviving(wrapper) => tagged(wrapper, REVIVING),
        }
    }

    /// What the word says, its lock bit apart.
    #[inline]
    #[must_use]
    pub fn state(self) -> State {
        let address = core::ptr::with_exposed_provenance_mut::<c_void>(self.0 & !TAGS);
        match (NonNull::new(address), self.0 & (INACTIVE | REVIVING)) {
            (None, _) => State::Detached,
            (Some(wrapper), 0) => State::Active(wrapper),
            (Some(wrapper), INACTIVE) => State::Inactive(wrapper),
            (Some(wrapper), _) => State::Reviving(wrapper),
        }
    }

    /// The wrapper, if the word is exactly Active and not locked: the fast path's one test.
    #[inline]
    #[must_use]
    pub fn active(self) -> Option<Wrapper> {
        if self.0 & TAGS == 0 {
            NonNull::new(core::ptr::with_exposed_provenance_mut(self.0))
        } else {
            None
        }
    }

    /// Whether the lock bit is set.
    #[inline]
    #[must_use]
    pub const fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    /// The same word with the lock bit set.
    #[inline]
    #[must_use]
    pub const fn locked(self) -> Self {
        Self(self.0 | LOCKED)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}{}",
            self.state(),
            if self.is_locked() { " (locked)" } else { "" }
        )
    }
}
