//! Shared life: who owns the wrapper of a class with state, and who may change that (design section 6).
//!
//! # Invariants
//!
//! - Whether an object owns its wrapper ("owned") is changed only while the object's word is held, and while
//!   the word names the wrapper; but for a wrapper that a move has emptied, whose mover alone has it.
//! - Bit 63 is set only while the word names such a wrapper, and set and cleared only while the word is held.
//!
//! # The last to settle sees the last level
//!
//! Whoever crosses the level changes the count first and settles after it, here and now or by way of the
//! queue, whose lock orders the two. Settling reads the count with the word held. Of two that settle, one
//! holds the word after the other: what the first had seen and done, its own crossing too, happens before
//! the second's look (giving the word back is a Release, taking it an Acquire). So the last one's look is not
//! older than any crossing, and it leaves things as the level has it. On builds with a GIL that orders them.
//!
//! (A decrement of a busy object that had looked for the bit before it was set crosses the level and settles
//! nothing: the collector does.)
//!
//! # A wrapper whose Python count is 0
//!
//! It is not taken ([`Owner::try_incref`]), so that settling leaves it alone. Its finalizer looks at the level
//! once more, with the word held ([`rescue`]): if others hold the object, the object takes its wrapper
//! there, before anything of it is taken apart. What crosses the level after that look can only have come
//! by the object through the wrapper, in its `__del__`; so the finalizer *arms* it first, and whoever
//! settles while `__del__` runs finds it alive, which it is.
//!
//! ```text
//!  thread 1, the last Python reference goes     thread 2, settles or fetches
//!  count 0                                      not to be had: settling leaves it, a fetch waits
//!  finalizer: hold, arm                         waits for the word
//!    level 2 or more: owned, alive again        alive
//!    level 1: noted as past keeping; __del__    alive while __del__ runs: resurrects it
//!  dead                                         not to be had, and past keeping: a fetch takes the word over
//!  taken apart, dealloc: hold, Detached
//! ```

use alloc_header::primitive::sync::atomic::AtomicUsize;
use object_core::count::{Counts, Taken};

use crate::tie::host::Object;
use crate::tie::lock::{Held, Lock};
use crate::tie::settle::{Settling, on_settle};
use crate::tie::word::{State, Wrapper};

/// What shared life asks of the outside. Methods marked *quiet* are called while a word is held, see
/// [`Host`](crate::tie::Host).
///
/// # Safety
///
/// Implementations do what each method says and nothing else to words, counts and ownership.
pub unsafe trait Owner {
    /// How words are held here.
    type Lock: Lock;

    /// The back word of an object that has, or has had, bit 63. Quiet.
    ///
    /// # Safety
    ///
    /// The object's space is there for `'a`.
    unsafe fn word<'a>(&self, object: Object) -> &'a AtomicUsize;

    /// The object's counts. Quiet.
    ///
    /// # Safety
    ///
    /// The object's space is there for `'a`.
    unsafe fn counts<'a>(&self, object: Object) -> &'a Counts;

    /// Whether the object is to own the wrapper while others hold the object. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn shares(&self, wrapper: Wrapper) -> bool;

    /// Whether the wrapper is owned by its object. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn is_owned(&self, wrapper: Wrapper) -> bool;

    /// Notes that it is, or is not any more: one without state ceases to share with that. Quiet.
    ///
    /// # Safety
    ///
    /// As the invariants have it; a Python reference comes or goes with it.
    unsafe fn set_owned(&self, wrapper: Wrapper, owned: bool);

    /// Notes that it was kept by its object in its finalizer, and has to be finalized when it goes. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn note_rescue(&self, wrapper: Wrapper);

    /// Notes that it is past keeping: its object takes it no more, unless `__del__` resurrects it. Whether
    /// that was noted before. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn note_past(&self, wrapper: Wrapper) -> bool;

    /// Whether the collector has found the wrapper dead, and takes it apart: no code may see it again. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn is_doomed(&self, wrapper: Wrapper) -> bool;

    /// Takes a Python reference to the wrapper unless its count is 0. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there: the word that names it is held.
    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool;

    /// Takes a Python reference to the wrapper. Quiet.
    ///
    /// # Safety
    ///
    /// The caller owns one.
    unsafe fn incref(&self, wrapper: Wrapper);

    /// Where words are shared: makes `try_incref` work on any thread from here on. Quiet.
    ///
    /// # Safety
    ///
    /// The caller owns a Python reference.
    unsafe fn arm(&self, wrapper: Wrapper);

    /// Gives a Python reference back. May run anything.
    ///
    /// # Safety
    ///
    /// The caller owns it; no word is held.
    unsafe fn decref(&self, wrapper: Wrapper);

    /// Gives the object's own Python reference back. May run anything.
    ///
    /// # Safety
    ///
    /// There was one, and it is not noted any more; no word is held.
    unsafe fn give_up(&self, wrapper: Wrapper);
}

/// The wrapper, of a class with state, shows the object from here on.
///
/// # Safety
///
/// Attached, no word held; the caller owns a Python reference to the wrapper, whose handle is the object.
pub unsafe fn begin<H: Owner>(host: &H, wrapper: Wrapper, object: Object) {
    // SAFETY: alive by the wrapper's reference. Who looks for the bit from here on tells us; what was counted
    // before is seen.
    unsafe {
        {
            let held = Held::<H::Lock>::hold(host.word(object));
            // It can have been moved out since the word was given back.
            if held.state() == State::Active(wrapper) {
                host.counts(object).set_shared();
            }
        }
        settle(host, object);
    }
}

/// A move has emptied the wrapper, of a class with state, and the object lives: it does not own it any
/// more.
///
/// # Safety
///
/// Attached, no word held; the caller owns a Python reference to the wrapper, which the word does not name
/// any more, and a strong one to the object.
pub unsafe fn end<H: Owner>(host: &H, wrapper: Wrapper, object: Object) {
    // SAFETY: the caller's contract.
    unsafe {
        {
            let held = Held::<H::Lock>::hold(host.word(object));
            // Somebody can have fetched it anew since the word was given back.
            let again = matches!(held.state(), State::Active(new) if host.shares(new));
            if !again {
                host.counts(object).clear_shared();
            }
        }
        // The word does not name it, so nobody settles it: it is the caller's.
        if host.is_owned(wrapper) {
            host.set_owned(wrapper, false);
            host.give_up(wrapper);
        }
    }
}

/// The wrapper that the word named until now is dead, and gives its reference back in a moment. If that is
/// the last one the object dies, and nobody makes a new one of a weak one meanwhile: bit 63 stays. If
/// others hold the object, it lives on as one without a wrapper. Quiet.
///
/// # Safety
///
/// The word is held; the object is alive by the wrapper's reference.
pub unsafe fn died(counts: &Counts) {
    if counts.is_shared() && counts.strong() > 1 {
        // SAFETY: no wrapper is there to be told.
        unsafe { counts.clear_shared() };
    }
}

/// Settles who owns the object's wrapper, by the count as it is.
///
/// # Safety
///
/// Attached, no word held; the object's space is there. May run Python code, and end the object.
pub unsafe fn settle<H: Owner>(host: &H, object: Object) {
    // SAFETY: the caller's contract; a wrapper that the word names is there while the word is held.
    unsafe {
        let counts = host.counts(object);
        // Without: there is no wrapper to settle, or whoever sets it settles after it.
        if !counts.is_shared() {
            return;
        }
        let mut given = None;
        {
            let held = Held::<H::Lock>::hold(host.word(object));
            if let State::Active(wrapper) = held.state() {
                if host.shares(wrapper) {
                    // The level as it is now, not as it was when we were told: see above.
                    match on_settle(host.is_owned(wrapper), counts.strong()) {
                        Settling::Take => {
                            if host.try_incref(wrapper) {
                                host.set_owned(wrapper, true);
                            }
                        }
                        Settling::Give => {
                            host.set_owned(wrapper, false);
                            if !host.shares(wrapper) {
                                // It shared while it was owned: until it is again counting is arithmetic.
                                counts.clear_shared();
                            }
                            given = Some(wrapper);
                        }
                        Settling::Nothing => {}
                    }
                }
            }
        }
        if let Some(wrapper) = given {
            host.give_up(wrapper);
        }
    }
}

/// What a wrapper's finalizer found.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rescue {
    /// Somebody holds the object: the wrapper is owned by it, and lives on.
    Kept,
    /// Nobody does. `again`: it was found so before, and resurrected since.
    Past {
        /// Its `__del__` has run.
        again: bool,
    },
}

/// The interpreter finalizes the wrapper, of a class with state: keeps it if somebody holds the object whom
/// nobody has accounted for. `holders`: of those that hold it natively, so many are part of what dies with
/// it (a collector's finding).
///
/// # Safety
///
/// Attached, no word held; in the wrapper's finalizer; its object is there.
pub unsafe fn rescue<H: Owner>(host: &H, wrapper: Wrapper, object: Object, holders: u32) -> Rescue {
    // SAFETY: the interpreter's own reference keeps the wrapper while it is finalized.
    unsafe {
        let held = Held::<H::Lock>::hold(host.word(object));
        // With the word held: so nobody has the wrapper before we have looked.
        host.arm(wrapper);
        let counts = host.counts(object);
        let shown = held.state() == State::Active(wrapper) && counts.is_shared();
        let owned = host.is_owned(wrapper);
        // An unowned one that the collector took for dead was in nobody's account.
        let known = if owned { holders } else { 0 };
        if shown && counts.strong() > 1 + known {
            if !owned {
                host.incref(wrapper);
                host.set_owned(wrapper, true);
            }
            host.note_rescue(wrapper);
            return Rescue::Kept;
        }
        Rescue::Past {
            again: host.note_past(wrapper),
        }
    }
}

/// Makes a strong reference for somebody who holds a weak one, where only the wrapper holds the object;
/// false if that is on its way out, or doomed.
///
/// # Safety
///
/// Attached, no word held; the caller holds a weak reference.
pub unsafe fn upgrade<H: Owner>(host: &H, object: Object) -> bool {
    // SAFETY: the caller's contract; as in `settle`.
    unsafe {
        let counts = host.counts(object);
        let had = {
            let held = Held::<H::Lock>::hold(host.word(object));
            match held.state() {
                State::Active(wrapper) if !host.is_doomed(wrapper) && host.try_incref(wrapper) => {
                    Some(wrapper)
                }
                _ => None,
            }
        };
        let Some(wrapper) = had else {
            // If it still needs the wrapper, that gives the last reference back in a moment.
            return counts.upgrade_unless_one() == Some(Taken::Counted);
        };
        let alive = counts.upgrade_flagged() == Taken::Counted;
        settle(host, object);
        host.decref(wrapper);
        alive
    }
}
