//! The end of a wrapper, and the end of an object.
//!
//! A wrapper that dies settles the word first and gives its reference back last:
//!
//! ```text
//! 1 handle := null        it owns nothing that could be found through it any more
//! 2 word   := W+1, or 0   W+1 if others may hold the object and the class is stateless
//! 3 free the storage      if the word did not keep it
//! 4 one native decrement  after it, neither W nor the object is touched
//! ```
//!
//! Unless the object is to own it ([`entrust`]): then nothing of this happens, and the wrapper lives.
//!
//! If step 4 was the last reference, the object's `delete_space` runs inside it and finds what step
//! 2 left. There is no second party and no handshake.

use crate::tie::host::{Host, Object};
use crate::tie::lock::{Held, Lock};
use crate::tie::step::{Storage, on_dealloc, on_delete_space};
use crate::tie::word::{State, Word, Wrapper};

/// A wrapper's Python count reached 0: answers what became of its storage. It is untracked from the
/// collector and nobody can reach it through Python.
///
/// # Safety
///
/// That is so, and the thread is attached.
// Always: every drop of a wrapper comes here.
#[inline(always)]
pub unsafe fn dealloc<H: Host>(host: &H, wrapper: Wrapper) -> Storage {
    // SAFETY: the storage is the caller's until it is kept or freed below.
    let Some(object) = (unsafe { host.handle(wrapper) }) else {
        // SAFETY: no object names it.
        unsafe { host.free_storage(wrapper) };
        return Storage::Free;
    };
    // SAFETY: as above. I3: the handle's reference is ours from here on.
    unsafe { host.set_handle(wrapper, None) };
    // SAFETY: alive by the reference just taken over.
    if let Some(word) = unsafe { host.word(object) } {
        // If ours is the only reference the object dies in a moment, and there is nothing to keep
        // the storage for. The class is judged now: it may have got a `__del__` a moment ago.
        // SAFETY: storage and object are there.
        let others = unsafe { host.others_hold(object) };
        // SAFETY: as above.
        if others && unsafe { host.is_stateless(wrapper) } {
            // SAFETY: the storage is ours, and no word is held.
            unsafe { host.expect_kept(wrapper) };
            let mut held = Held::<H::Lock>::hold(word);
            let (next, storage) = settled(&held, wrapper, true);
            if storage == Storage::Keep {
                // SAFETY: before the word says so; the reference taken over is still ours.
                unsafe { host.keep_for(wrapper, object) };
            }
            if let Some(state) = next {
                held.set(state);
            }
            drop(held);
            // From here on kept storage is anybody's to revive, where words are shared.
            if storage == Storage::Keep {
                // I1. SAFETY: as below.
                unsafe { host.dec_object(object) };
                return Storage::Keep;
            }
        } else {
            let mut held = Held::<H::Lock>::hold(word);
            let (next, _free) = settled(&held, wrapper, false);
            if let Some(state) = next {
                held.set(state);
                if others {
                    // SAFETY: the reference taken over is still ours.
                    unsafe { host.ended(object) };
                }
            }
        }
    }
    // SAFETY: the word does not name it (any more).
    unsafe { host.free_storage(wrapper) };
    // I1. SAFETY: ours to give; the last thing this function does.
    unsafe { host.dec_object(object) };
    Storage::Free
}

/// The fastest way there, where words are not shared: a wrapper that was kept before is kept again, as [`dealloc`]
/// does it, but for step 4: the caller gives the object that is answered its reference back, as the last thing it
/// does with either. `None`: nothing was done, go through [`dealloc`].
///
/// # Safety
///
/// As [`dealloc`].
#[inline(always)]
#[must_use]
pub unsafe fn put_away<H: Host>(host: &H, wrapper: Wrapper) -> Option<Object> {
    if H::Lock::SHARED {
        return None;
    }
    // SAFETY: the storage is the caller's until it is kept; the object is alive by its reference (I3), which is the
    // caller's from here on. Quiet throughout: nobody finds the handle before it says what it is kept for.
    unsafe {
        let object = host.handle(wrapper)?;
        if !host.goes_back(wrapper, object) {
            return None;
        }
        let mut held = Held::<H::Lock>::hold(host.word(object)?);
        if !held.says(State::Active(wrapper)) {
            return None;
        }
        host.keep_for(wrapper, object);
        held.set(State::Inactive(wrapper));
        Some(object)
    }
}

/// What the table says of a wrapper that dies. Nearly all are canonical: asked first, so that its answer to
/// that is known when this is compiled.
#[inline(always)]
fn settled<L: Lock>(held: &Held<'_, L>, dying: Wrapper, keep: bool) -> (Option<State>, Storage) {
    if held.says(State::Active(dying)) {
        on_dealloc(State::Active(dying), dying, keep)
    } else {
        on_dealloc(held.state(), dying, keep)
    }
}

/// A wrapper's Python count reached 0, but its object may be part of a cycle with it, so that the
/// collector has to see it: if others hold the object it takes the wrapper, which lives on at count 1
/// with its reference and its word as they are. True if that was done; else [`dealloc`] comes next.
///
/// # Safety
///
/// As [`dealloc`].
#[must_use]
pub unsafe fn entrust<H: Host>(host: &H, wrapper: Wrapper) -> bool {
    // SAFETY: the storage is the caller's; the object is alive by its reference (I3), and is for as long as
    // the wrapper keeps that.
    unsafe {
        let Some(object) = host.handle(wrapper) else {
            return false;
        };
        let Some(word) = host.word(object) else {
            return false;
        };
        let held = Held::<H::Lock>::hold(word);
        // One that was taken over while it died does not show the object any more.
        held.state() == State::Active(wrapper)
            && host.is_stateless(wrapper)
            && host.take(wrapper, object)
    }
}

/// The object's block is about to be freed: the wrapper storage that goes with it (I2).
///
/// Takes no lock: both counts are 0, so nobody else can reach the word.
#[inline]
#[must_use]
pub fn kept_storage(word: Word) -> Option<Wrapper> {
    on_delete_space(word.state())
}
