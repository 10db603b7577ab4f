//! The first door: an object is shown to Python.
//!
//! | step | word held | may run Python code |
//! |---|---|---|
//! | 1 look: alive -> return, kept -> revive | yes | no |
//! | 2 make a fresh wrapper | no | yes: the collector |
//! | 3 look again: somebody was faster -> theirs; else the fresh one | yes | no |
//! | 4 discard what is not needed, drop the extra reference | no | yes |

use alloc_header::primitive::sync::atomic::AtomicUsize;

use crate::tie::host::{Host, Object};
use crate::tie::lock::{Held, peek};
use crate::tie::step::{Wrapping, on_wrap};
use crate::tie::word::{State, Wrapper};

/// The fast path: the object's live wrapper, a Python reference to it taken; no native reference is
/// needed or used. `None`: go through [`wrap`].
///
/// # Safety
///
/// The object whose word this is is alive, and the thread is attached.
#[inline]
#[must_use]
pub unsafe fn hit<H: Host>(host: &H, word: &AtomicUsize) -> Option<Wrapper> {
    let wrapper = peek(word).active()?;
    // SAFETY: with a GIL nobody frees the storage of an Active wrapper while we hold the GIL.
    unsafe { host.try_incref(wrapper) }.then_some(wrapper)
}

/// Shows `object` to Python: its one wrapper, with a Python reference for the caller. Takes the
/// caller's strong reference, whatever happens.
///
/// # Errors
///
/// No wrapper could be made; the reference was dropped, nothing else has changed.
///
/// # Safety
///
/// The caller owns a strong reference to `object`, and the thread is attached.
pub unsafe fn wrap<H: Host>(host: &H, object: Object) -> Result<Wrapper, H::Error> {
    // SAFETY: alive by the caller's reference.
    let Some(word) = (unsafe { host.word(object) }) else {
        // SAFETY: the caller's contract goes on.
        return unsafe { wrap_untied(host, object) };
    };
    // SAFETY: as above.
    match unsafe { look(host, word, object, None) } {
        Looked::Bound(wrapper) => return Ok(wrapper),
        Looked::Alive(wrapper) => {
            // SAFETY: the wrapper owns a reference of its own (I3): ours is extra.
            unsafe { host.dec_object(object) };
            return Ok(wrapper);
        }
        Looked::Nothing => {}
    }
    // SAFETY: alive by the caller's reference, attached by its contract.
    let fresh = match unsafe { host.fresh(object) } {
        Ok(fresh) => fresh,
        Err(error) => {
            // SAFETY: the caller's reference ends here.
            unsafe { host.dec_object(object) };
            return Err(error);
        }
    };
    // The allocation may have run the collector, and that may have shown the object: look again.
    // SAFETY: as above; the fresh wrapper is ours.
    let wrapper = match unsafe { look(host, word, object, Some(fresh)) } {
        Looked::Bound(wrapper) => wrapper,
        Looked::Alive(wrapper) => {
            // SAFETY: as above: ours is extra.
            unsafe { host.dec_object(object) };
            wrapper
        }
        // With a fresh wrapper at hand and a GIL something is always found.
        Looked::Nothing => fresh,
    };
    if wrapper != fresh {
        // SAFETY: the fresh wrapper was never named by anybody and has no handle.
        unsafe { host.free_storage(fresh) };
    }
    Ok(wrapper)
}

/// What a look at the word came to.
enum Looked {
    /// This wrapper is alive, a Python reference to it was taken: the native one is extra.
    Alive(Wrapper),
    /// This wrapper shows the object now; the native reference is its own.
    Bound(Wrapper),
    /// There is none, and there was no fresh one to put there.
    Nothing,
}

/// Looks at the word, and puts a wrapper there: the kept one, or `fresh`. Quiet: what follows from
/// the answer is done when the word is free again.
///
/// # Safety
///
/// As [`wrap`]; `fresh` is the caller's alone and empty.
unsafe fn look<H: Host>(
    host: &H,
    word: &AtomicUsize,
    object: Object,
    fresh: Option<Wrapper>,
) -> Looked {
    let held = Held::hold(word);
    let state = held.state();
    // SAFETY: the word is held, so the storage it names is there.
    let alive = matches!(state, State::Active(w) if unsafe { host.try_incref(w) });
    let bound = match on_wrap(state, alive) {
        Wrapping::Return(wrapper) => return Looked::Alive(wrapper),
        Wrapping::Revive(kept) => {
            // SAFETY: kept storage is its object's alone, and the word is held.
            unsafe { host.revive(kept) };
            kept
        }
        // A dying wrapper that the word still names finds at its end that it is not canonical any
        // more. With a GIL nobody is ever seen reviving.
        Wrapping::Fresh | Wrapping::Wait => match fresh {
            Some(fresh) => fresh,
            None => return Looked::Nothing,
        },
    };
    // SAFETY: ours, kept or fresh. I3: the caller's reference goes with the handle.
    unsafe { host.set_handle(bound, Some(object)) };
    held.set(State::Active(bound));
    Looked::Bound(bound)
}

/// An object that cannot be tied gets a wrapper of its own each time, equal by object.
///
/// # Safety
///
/// As [`wrap`].
unsafe fn wrap_untied<H: Host>(host: &H, object: Object) -> Result<Wrapper, H::Error> {
    // SAFETY: the caller's contract. I3: the reference goes with the handle, or is dropped.
    unsafe {
        match host.fresh(object) {
            Ok(fresh) => {
                host.set_handle(fresh, Some(object));
                Ok(fresh)
            }
            Err(error) => {
                host.dec_object(object);
                Err(error)
            }
        }
    }
}
