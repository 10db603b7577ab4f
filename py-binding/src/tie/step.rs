//! The table: what each door does to each state. Pure: the doors act on the answers.

use crate::tie::word::{State, Wrapper};

/// What [`wrap`](crate::tie::wrap()) does with the word it found.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapping {
    /// Return this wrapper, whose Python count was just taken.
    Return(Wrapper),
    /// Revive this one in place.
    Revive(Wrapper),
    /// Put a fresh wrapper there: there is none, or the one there is dying.
    Fresh,
    /// Another thread is reviving this one: wait, then look again.
    Wait,
}

/// An object is shown. `alive` says whether the Active wrapper's Python count could be taken.
pub fn on_wrap(state: State, alive: bool) -> Wrapping {
    match state {
        State::Active(wrapper) if alive => Wrapping::Return(wrapper),
        State::Active(_) | State::Detached => Wrapping::Fresh,
        State::Inactive(wrapper) => Wrapping::Revive(wrapper),
        State::Reviving(_) => Wrapping::Wait,
    }
}

/// What [`dealloc`](crate::tie::dealloc) does with the wrapper's storage.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// The word keeps it; the object's death or a revival ends that.
    Keep,
    /// It is freed.
    Free,
}

/// The wrapper `dying` goes. `keep`: its class is stateless and others may hold the object.
/// Answers the next state (`None`: the word is not this wrapper's, leave it) and what becomes of
/// the storage.
pub fn on_dealloc(state: State, dying: Wrapper, keep: bool) -> (Option<State>, Storage) {
    match state {
        State::Active(canonical) if canonical == dying => {
            if keep {
                (Some(State::Inactive(dying)), Storage::Keep)
            } else {
                (Some(State::Detached), Storage::Free)
            }
        }
        // Taken over while it died, or never canonical.
        _ => (None, Storage::Free),
    }
}

/// What [`adopt`](crate::tie::adopt) does with the object that a constructor made.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adopting {
    /// The constructor's wrapper becomes canonical.
    Bind,
    /// The object has this wrapper already, whose Python count was just taken.
    Other(Wrapper),
    /// The object has this kept one: revive it.
    Revive(Wrapper),
    /// Another thread is reviving the object's wrapper: wait, then look again.
    Wait,
}

/// A constructor made an object that may be known already.
pub fn on_adopt(state: State, alive: bool) -> Adopting {
    match on_wrap(state, alive) {
        Wrapping::Return(wrapper) => Adopting::Other(wrapper),
        Wrapping::Revive(wrapper) => Adopting::Revive(wrapper),
        Wrapping::Fresh => Adopting::Bind,
        Wrapping::Wait => Adopting::Wait,
    }
}

/// The wrapper `emptied` gives its object away: the next state, or `None` if it is not canonical.
#[must_use]
pub fn on_release(state: State, emptied: Wrapper) -> Option<State> {
    match state {
        State::Active(canonical) if canonical == emptied => Some(State::Detached),
        _ => None,
    }
}

/// The object's block goes: the storage that goes with it.
#[must_use]
pub fn on_delete_space(state: State) -> Option<Wrapper> {
    match state {
        State::Inactive(kept) => Some(kept),
        // An Active wrapper owns a strong reference (I3), so its object cannot be here; a Reviving
        // one is held by the thread that revives it.
        State::Detached | State::Active(_) | State::Reviving(_) => None,
    }
}
