//! Binding a wrapper that Python made to an object, and emptying one.

use alloc_header::primitive::sync::atomic::AtomicUsize;

use crate::tie::host::{Host, Object};
use crate::tie::lock::Held;
use crate::tie::step::{Adopting, on_adopt, on_release};
use crate::tie::word::{State, Wrapper};

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
/// The wrapper is alive and has no handle; the caller owns a strong reference to `object`; the
/// thread is attached.
pub unsafe fn adopt<H: Host>(host: &H, wrapper: Wrapper, object: Object) -> Adopted {
    // SAFETY: alive by the caller's reference.
    let Some(word) = (unsafe { host.word(object) }) else {
        // SAFETY: I3: the reference goes with the handle.
        unsafe { host.set_handle(wrapper, Some(object)) };
        return Adopted::Bound;
    };
    // SAFETY: as above.
    let alive = match unsafe { bind(host, word, wrapper, object) } {
        Binding::Done(adopted) => return adopted,
        Binding::Alive(other) => other,
    };
    // SAFETY: `alive` owns its own reference (I3), ours is extra.
    unsafe { host.dec_object(object) };
    Adopted::Other(alive)
}

/// What [`bind`] came to.
enum Binding {
    /// The native reference went to the wrapper that shows the object.
    Done(Adopted),
    /// The object has this live wrapper: the native reference is extra.
    Alive(Wrapper),
}

/// [`adopt`]'s part under the word. Quiet.
///
/// # Safety
///
/// As [`adopt`].
unsafe fn bind<H: Host>(host: &H, word: &AtomicUsize, wrapper: Wrapper, object: Object) -> Binding {
    let held = Held::hold(word);
    let state = held.state();
    // SAFETY: the word is held, so the storage it names is there.
    let alive = matches!(state, State::Active(w) if unsafe { host.try_incref(w) });
    let (bound, adopted) = match on_adopt(state, alive) {
        Adopting::Other(other) => return Binding::Alive(other),
        // With a GIL nobody is ever seen reviving.
        Adopting::Bind | Adopting::Wait => (wrapper, Adopted::Bound),
        Adopting::Revive(kept) => {
            // SAFETY: kept storage is its object's alone, and the word is held.
            unsafe { host.revive(kept) };
            (kept, Adopted::Other(kept))
        }
    };
    // SAFETY: I3: the reference goes with the handle.
    unsafe { host.set_handle(bound, Some(object)) };
    held.set(State::Active(bound));
    Binding::Done(adopted)
}

/// Empties a wrapper: its strong reference is the caller's now, and the object, if this wrapper was
/// canonical, has none. `None` if it was empty.
///
/// # Safety
///
/// The wrapper is alive and not lent; the thread is attached.
#[must_use]
pub unsafe fn release<H: Host>(host: &H, wrapper: Wrapper) -> Option<Object> {
    // SAFETY: alive by the caller's contract.
    let object = unsafe { host.handle(wrapper) }?;
    // SAFETY: alive by the handle's reference.
    if let Some(word) = unsafe { host.word(object) } {
        let held = Held::hold(word);
        if let Some(state) = on_release(held.state(), wrapper) {
            held.set(state);
        }
    }
    // SAFETY: I3: the reference leaves with the handle.
    unsafe { host.set_handle(wrapper, None) };
    Some(object)
}
