//! The table: what each door does to each state. Pure: the doors act on the answers.

use crate::tie::word::{State, Wrapper};

/// What [`wrap`](crate::tie::wrap()) and [`adopt`](crate::tie::adopt) do with the word they found.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapping {
    /// Return this wrapper, whose Python count was just taken.
    Return(Wrapper),
    /// Revive this one in place.
    Revive(Wrapper),
    /// Put a fresh wrapper there: there is none, or the one there is dying.
    Fresh,
    /// Another thread is at it, reviving or settling: wait, then look again.
    Wait,
}

/// The Python count of the wrapper that an Active word names.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// A reference was taken: it is alive.
    Taken,
    /// It is 0: the teardown is under way further up this very stack, or put off.
    Zero,
    /// It is 0, and another thread is about to settle the word: worth waiting for.
    Settling,
}

/// An object is shown, or a constructor made one that may be known already. `count` matters for
/// Active words only.
pub fn on_wrap(state: State, count: Count) -> Wrapping {
    match (state, count) {
        (State::Active(wrapper), Count::Taken) => Wrapping::Return(wrapper),
        (State::Active(_), Count::Settling) | (State::Reviving(_), _) => Wrapping::Wait,
        (State::Active(_), Count::Zero) | (State::Detached, _) => Wrapping::Fresh,
        (State::Inactive(wrapper), _) => Wrapping::Revive(wrapper),
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

/// The wrapper `emptied` gives its object away: the next state, or `None` if it is not canonical.
#[must_use]
pub fn on_release(state: State, emptied: Wrapper) -> Option<State> {
    match state {
        State::Active(canonical) if canonical == emptied => Some(State::Detached),
        _ => None,
    }
}

/// The storage `kept` is wanted back: the next state, or `None` if the word does not keep it (any more).
#[must_use]
pub fn on_trim(state: State, kept: Wrapper) -> Option<State> {
    match state {
        State::Inactive(wrapper) if wrapper == kept => Some(State::Detached),
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
