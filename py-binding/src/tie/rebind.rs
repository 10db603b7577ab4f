//! Binding a wrapper that Python made to an object, and emptying one.

use core::convert::Infallible;

use crate::tie::host::{Host, Object};
use crate::tie::lock::Held;
use crate::tie::step::on_release;
use crate::tie::word::{State, Wrapper};
use crate::tie::wrap::show;

/// What became of a constructor's object.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adopted {
    /// The constructor's wrapper shows it.
    Bound,
    /// The object had this wrapper already; a Python reference to it is the caller's. The
    /// constructor's wrapper stays empty, and the class call returns this one.
    Other(Wrapper),
}

/// Binds an empty wrapper to the object that its constructor made. Takes the caller's strong
/// reference.
///
/// # Safety
///
/// The wrapper is alive and has no handle, and nobody else gives it one; the caller owns a strong
/// reference to `object`; the thread is attached.
#[inline]
pub unsafe fn adopt<H: Host>(host: &H, wrapper: Wrapper, object: Object) -> Adopted {
    // SAFETY: alive by the caller's reference.
    let Some(word) = (unsafe { host.word(object) }) else {
        // SAFETY: I3: the reference goes with the handle.
        unsafe { host.set_handle(wrapper, Some(object)) };
        return Adopted::Bound;
    };
    // SAFETY: the caller's contract. The wrapper is at hand, so that none has to be made.
    let shown = unsafe {
        host.arm(wrapper);
        show(host, word, object, Some(wrapper), || {
            Ok::<_, Infallible>(wrapper)
        })
    };
    match shown {
        Ok(shown) if shown == wrapper => Adopted::Bound,
        Ok(other) => Adopted::Other(other),
        Err(never) => match never {},
    }
}

/// Binds an empty wrapper to an object that nobody else has, and that no wrapper has shown. Takes the
/// caller's strong reference, the only one.
///
/// # Safety
///
/// That is so; the wrapper is alive and has no handle, and nobody else gives it one; the thread is
/// attached.
#[inline]
pub unsafe fn introduce<H: Host>(host: &H, wrapper: Wrapper, object: Object) {
    // SAFETY: the caller's contract. I3: the reference goes with the handle.
    unsafe {
        let word = host.word(object);
        if word.is_some() {
            host.arm(wrapper);
        }
        host.set_handle(wrapper, Some(object));
        if let Some(word) = word {
            let mut held = Held::<H::Lock>::hold(word);
            debug_assert_eq!(held.state(), State::Detached);
            held.set(State::Active(wrapper));
            drop(held);
            host.shown(wrapper, object);
        }
    }
}

/// Empties a wrapper: its strong reference is the caller's now, and the object, if this wrapper was
/// canonical, has none. `None` if it was empty.
///
/// # Safety
///
/// The wrapper is alive and not lent, and nobody else empties it; the thread is attached.
#[must_use]
pub unsafe fn release<H: Host>(host: &H, wrapper: Wrapper) -> Option<Object> {
    // SAFETY: alive by the caller's contract.
    let object = unsafe { host.handle(wrapper) }?;
    let mut canonical = false;
    // SAFETY: alive by the handle's reference.
    if let Some(word) = unsafe { host.word(object) } {
        let mut held = Held::<H::Lock>::hold(word);
        if let Some(state) = on_release(held.state(), wrapper) {
            held.set(state);
            canonical = true;
        }
    }
    // SAFETY: I3: the reference leaves with the handle, and is ours.
    unsafe {
        host.set_handle(wrapper, None);
        if canonical {
            host.emptied(wrapper, object);
        }
    }
    Some(object)
}
