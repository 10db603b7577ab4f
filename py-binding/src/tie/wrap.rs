//! The first door: an object is shown to Python. And what it shares with the second, [`adopt`].
//!
//! | step | word held | may run Python code |
//! |---|---|---|
//! | 1 look: alive -> return; kept -> revive; somebody at it -> wait, look again | yes | no |
//! | 2 make a fresh wrapper | no | yes: the collector |
//! | 3 look again: somebody was faster -> theirs; else the fresh one | yes | no |
//! | 4 discard what is not needed, drop the extra reference | no | yes |
//!
//! Where words are shared, step 1's revival takes three: the word says Reviving, the storage is
//! rebuilt outside of the lock, the word says Active.
//!
//! [`adopt`]: crate::tie::adopt

use alloc_header::primitive::sync::atomic::AtomicUsize;

use crate::tie::host::{Host, Object};
use crate::tie::lock::{Held, Lock, peek};
use crate::tie::step::{Count, Wrapping, on_wrap};
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
    if H::Lock::SHARED {
        let held = Held::<H::Lock>::hold(word);
        return match held.state() {
            // SAFETY: the word is held, so the storage it names is there.
            State::Active(wrapper) if unsafe { host.try_incref(wrapper) } => Some(wrapper),
            _ => None,
        };
    }
    let wrapper = peek(word).active()?;
    // SAFETY: with a GIL nobody frees the storage of an Active wrapper while we hold the GIL.
    unsafe { host.try_incref(wrapper) }.then_some(wrapper)
}

/// The next fastest path, where words are not shared: the object's kept wrapper, revived as [`wrap`] does it, with
/// a Python reference to it for the caller, whose strong reference it takes. `None`: nothing was done, go
/// through [`wrap`].
///
/// # Safety
///
/// As [`wrap`]; `word` is the object's.
#[inline(always)]
#[must_use]
pub unsafe fn rewrap<H: Host>(host: &H, word: &AtomicUsize, object: Object) -> Option<Wrapper> {
    // SAFETY: the caller's contract.
    unsafe { put_back::<H, false>(host, word, object) }
}

/// [`rewrap`] for wrappers that are revived without a call; for others `None`, too.
///
/// # Safety
///
/// As there.
#[inline(always)]
#[must_use]
pub unsafe fn rewrap_plain<H: Host>(
    host: &H,
    word: &AtomicUsize,
    object: Object,
) -> Option<Wrapper> {
    // SAFETY: the caller's contract.
    unsafe { put_back::<H, true>(host, word, object) }
}

/// Both of these.
///
/// # Safety
///
/// As [`rewrap`].
#[inline(always)]
unsafe fn put_back<H: Host, const PLAIN: bool>(
    host: &H,
    word: &AtomicUsize,
    object: Object,
) -> Option<Wrapper> {
    if H::Lock::SHARED {
        return None;
    }
    let mut held = Held::<H::Lock>::hold(word);
    let State::Inactive(kept) = held.state() else {
        return None;
    };
    // SAFETY: kept storage is its object's alone, and the word is held.
    if PLAIN && !unsafe { host.is_plain(kept) } {
        return None;
    }
    // SAFETY: as above. I3: the caller's reference goes with the handle.
    unsafe { host.set_handle(kept, Some(object)) };
    held.set(State::Active(kept));
    drop(held);
    // Last, so that nothing is left to be done behind it: nobody looks at the word while we are attached.
    // SAFETY: as above.
    unsafe {
        if PLAIN {
            host.revive_plain(kept);
        } else {
            host.revive(kept);
        }
    }
    Some(kept)
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
    let mut made = None;
    let make = || {
        // SAFETY: `show` keeps the object alive; attached by the caller's contract.
        let fresh = unsafe { host.fresh(object) }?;
        made = Some(fresh);
        Ok(fresh)
    };
    // SAFETY: the caller's contract.
    match unsafe { show(host, word, object, None, make) } {
        Ok(wrapper) => {
            if let Some(spare) = made.filter(|&made| made != wrapper) {
                // SAFETY: the fresh wrapper was never named by anybody and has no handle.
                unsafe { host.free_storage(spare) };
            }
            Ok(wrapper)
        }
        Err(error) => {
            // SAFETY: the caller's reference ends here.
            unsafe { host.dec_object(object) };
            Err(error)
        }
    }
}

/// The wrapper that shows the object, with a Python reference for the caller: the live one, the kept
/// one revived, else `mine` or what `make` makes. Takes the caller's strong reference, unless `make`
/// fails.
///
/// # Errors
///
/// What `make` answers. It may run the collector, and that may show the object; it is called once,
/// if at all.
///
/// # Safety
///
/// As [`wrap`]; `word` is the object's; `mine` and what `make` makes are the caller's alone, alive
/// and empty.
// Always: a revival is a path that people wait for, and this is most of it.
#[inline(always)]
pub(super) unsafe fn show<H: Host, E>(
    host: &H,
    word: &AtomicUsize,
    object: Object,
    mut mine: Option<Wrapper>,
    mut make: impl FnMut() -> Result<Wrapper, E>,
) -> Result<Wrapper, E> {
    let mut rounds = 0;
    loop {
        // SAFETY: the caller's contract.
        match unsafe { look(host, word, object, mine, rounds) } {
            Looked::Bound(wrapper) => {
                // SAFETY: the caller's contract; the Python reference is the caller's in a moment.
                unsafe { host.shown(wrapper, object) };
                return Ok(wrapper);
            }
            Looked::Revived(wrapper) => return Ok(wrapper),
            Looked::Alive(wrapper) => {
                // SAFETY: the wrapper owns a reference of its own (I3): ours is extra.
                unsafe { host.dec_object(object) };
                return Ok(wrapper);
            }
            Looked::Reviving(kept) => {
                // SAFETY: the word says that we revive it, and nobody else does.
                unsafe { revive(host, word, object, kept) };
                return Ok(kept);
            }
            // Without the lock: whoever is at it needs that. A revival always ends, a teardown may
            // be waiting for us.
            Looked::Busy(seen) => loop {
                rounds += 1;
                // SAFETY: attached by the caller's contract; no word is held.
                unsafe { host.pause() };
                let settling = matches!(seen, State::Active(_));
                if peek(word).state() != seen || (settling && rounds >= H::PATIENCE) {
                    break;
                }
            },
            Looked::Nothing => {
                let fresh = make()?;
                // SAFETY: ours alone.
                unsafe { host.arm(fresh) };
                mine = Some(fresh);
            }
        }
    }
}

/// What a look at the word came to.
enum Looked {
    /// This wrapper is alive, a Python reference to it was taken: the native one is extra.
    Alive(Wrapper),
    /// This wrapper shows the object now; the native reference is its own.
    Bound(Wrapper),
    /// As before, this kept wrapper shows the object; the native reference is its own.
    Revived(Wrapper),
    /// The word says that we revive this one.
    Reviving(Wrapper),
    /// Another thread is at it, and the word says this until it is done.
    Busy(State),
    /// There is none, and there was no fresh one to put there.
    Nothing,
}

/// Looks at the word, and puts a wrapper there: the kept one, or `fresh`. Quiet: what follows from
/// the answer is done when the word is free again.
///
/// # Safety
///
/// As [`show`].
#[inline(always)]
unsafe fn look<H: Host>(
    host: &H,
    word: &AtomicUsize,
    object: Object,
    fresh: Option<Wrapper>,
    rounds: u32,
) -> Looked {
    let mut held = Held::<H::Lock>::hold(word);
    let state = held.state();
    let count = match state {
        // SAFETY: the word is held, so the storage it names is there.
        State::Active(wrapper) => unsafe { count(host, wrapper, rounds) },
        _ => Count::Zero,
    };
    let (bound, answer): (_, fn(Wrapper) -> Looked) = match on_wrap(state, count) {
        Wrapping::Return(wrapper) => return Looked::Alive(wrapper),
        Wrapping::Wait => return Looked::Busy(state),
        Wrapping::Revive(kept) if H::Lock::SHARED => {
            held.set(State::Reviving(kept));
            return Looked::Reviving(kept);
        }
        Wrapping::Revive(kept) => {
            // SAFETY: kept storage is its object's alone, and the word is held.
            unsafe { host.revive(kept) };
            (kept, Looked::Revived)
        }
        // A dying wrapper that the word still names finds at its end that it is not canonical any
        // more.
        Wrapping::Fresh => match fresh {
            Some(fresh) => {
                if let State::Active(_) = state {
                    // SAFETY: alive by the caller's reference, and the word is held.
                    unsafe { host.overtaken(object) };
                }
                (fresh, Looked::Bound)
            }
            None => return Looked::Nothing,
        },
    };
    // SAFETY: ours, kept or fresh. I3: the caller's reference goes with the handle.
    unsafe { host.set_handle(bound, Some(object)) };
    held.set(State::Active(bound));
    answer(bound)
}

/// Takes a reference to an Active wrapper, or says what its count 0 means. A wrapper without state settles
/// at once, and one with state that has not come to its finalizer may be kept there: both are worth
/// waiting for. One past that may run Python code before it settles. `rounds`: how often was waited.
///
/// # Safety
///
/// The word that names the wrapper is held.
#[inline]
unsafe fn count<H: Host>(host: &H, wrapper: Wrapper, rounds: u32) -> Count {
    // SAFETY: the caller's contract.
    unsafe {
        if host.try_incref(wrapper) {
            return Count::Taken;
        }
        let settling = H::Lock::SHARED
            && if host.is_stateless(wrapper) {
                // Where nothing is put off its thread needs a turn and no more: a busy machine gives it late.
                rounds < H::PATIENCE << (10 * u32::from(host.settles_at_once(wrapper)))
            } else {
                rounds < H::PATIENCE && host.may_be_kept(wrapper)
            };
        if settling {
            Count::Settling
        } else {
            Count::Zero
        }
    }
}

/// I5: from Reviving to Active; what the host does in between is not quiet.
///
/// # Safety
///
/// This thread has made the word say that it revives `kept`; it owns a strong reference, which
/// becomes the wrapper's.
unsafe fn revive<H: Host>(host: &H, word: &AtomicUsize, object: Object, kept: Wrapper) {
    // SAFETY: everybody else waits for us (I5). I3: the caller's reference goes with the handle.
    unsafe {
        host.keep_no_more(kept);
        host.revive(kept);
        host.set_handle(kept, Some(object));
    }
    // Held, not just written: others take the lock to look.
    let mut held = Held::<H::Lock>::hold(word);
    debug_assert_eq!(held.state(), State::Reviving(kept));
    held.set(State::Active(kept));
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
