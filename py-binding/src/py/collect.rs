//! The collector sees through native objects: `tp_traverse` and `tp_clear` of every class that can reach
//! Python objects, made of reflection.
//!
//! # What a wrapper visits
//!
//! A wrapper and its object count as one: what the object holds natively is the wrapper's. Python objects in
//! carriers and in functions made of callables, and wrappers of objects; directly, or through natives without a
//! wrapper.
//!
//! Whoever holds the object natively holds the wrapper, by one reference for all of them. If the object owns its
//! wrapper that is a Python reference, which no Python object accounts for. If it does not (yet), the subtracting pass
//! adds one to the collector's own count. If all who hold the object are found here (strong 3: the
//! wrapper and two that a walk comes by), the reference is visited from the last of them. If there are others,
//! native code that nobody sees, it is not visited, and so the collector takes the wrapper for held: which it
//! is. In the same way natives without a wrapper are walked through when the last who holds them is found.
//!
//! An object that nobody holds but its wrapper, which it owns all the same, was given back without a word
//! (object-core's `halves`), or what was said waits on the queue. There the wrapper itself visits the reference to it:
//! should nobody else hold it, it is a cycle as any other, and cleared it is [settled](share::settle_now).
//!
//! Weak references of fields are edges too, counted for themselves: who reads the field of something that lives
//! makes a strong one of it without asking anybody. So all weak ones have to be found as well, and who is reached
//! reaches what it refers to weakly. Two things are different. Where only a wrapper with state holds its object, an
//! upgrade attaches first, so weak ones do not matter: [`Natives::of`]. And a weak edge keeps the
//! space of what it names, not the object: it is gone through only where a wrapper keeps that alive.
//!
//! # Two passes, one picture
//!
//! The collector first subtracts what its candidates refer to from their counts, then marks what can be
//! reached from those that have some left. Native threads go on meanwhile. So the first pass looks, once
//! for each wrapper, and notes what it found; the second goes by what was noted, and through all of it. The passes are told
//! apart by the function that the collector hands over, which [`passes`] has come to know by what it does.
//! Where it has not (a collector of another kind), no native edge is shown to it, and nothing is collected
//! wrongly.
//!
//! No reference count is touched (hazard 4), and locks are tried, not waited for.

use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use object_core::header::flags::LEAF;
use object_core::{Edge, ObjectHeader, clear_children, visit_children};
use pyo3::ffi;

use crate::py::carrier::held_by;
use crate::py::doomed;
use crate::py::hang;
use crate::py::hold;
use crate::py::host::tied_word;
use crate::py::notes;
use crate::py::passes::{self, Pass};
use crate::py::records::{Collection, Found, HOLD, NATIVE, Natives};
use crate::py::refs::is_collected;
use crate::py::share;
use crate::py::wrapper::{state, storage};
use crate::tie::State;
use crate::tie::lock::peek;

/// The last that the collector did with a wrapper was to subtract.
///
/// Of each wrapper that a subtracting pass comes by, something is heard before the next collection: it is
/// marked as reached, cleared, or freed. So a pass that follows that is a new one. Where a collection subtracts
/// a second time (finalizers have run), it is among those of the first: one comes by again.
static SUBTRACTING: AtomicBool = AtomicBool::new(false);

/// Says that the collector is past subtracting.
#[inline]
pub(crate) fn pass_is_over() {
    SUBTRACTING.store(false, Ordering::Relaxed);
}

static COLLECTION: Mutex<Collection> = Mutex::new(Collection::new());

impl Collection {
    /// What `wrapper` visits in a subtracting pass.
    fn subtract(&mut self, wrapper: *mut ffi::PyObject, pass: Pass) -> Found {
        // SAFETY: a live wrapper.
        let there = unsafe { storage(wrapper) };
        let address = wrapper.expose_provenance();
        let begins = !SUBTRACTING.swap(true, Ordering::Relaxed);
        let again = there.judge();
        if again || begins {
            doomed::note_dead(again);
        }
        if begins || !there.note_pass(self.pass) {
            self.begin();
            there.note_pass(self.pass);
        }
        // SAFETY: the collector is at work, so we are attached.
        if begins && unsafe { passes::dead_are_saved() } {
            // Nothing is heard of those. So each wrapper begins anew, and no native edge is shown.
            pass_is_over();
            there.forget_pass();
            return Found::new();
        }
        // SAFETY: the collector subtracts, and looks at what this wrapper refers to.
        unsafe {
            if there.is(state::RESCUED) {
                // Should it be dead, it is to be finalized before it is taken apart.
                there.mark(state::RESCUED, false);
                notes::erase_finalized(wrapper);
            }
            if again && is_yet_to_be_finalized(wrapper) {
                // Somebody held its object while its finalizer was called, and perhaps does not any more: it
                // lives until the next collection.
                passes::add(wrapper, pass);
            }
        }
        let Some(object) = NonNull::new(there.address()) else {
            return Found::new();
        };
        // SAFETY: attached; what a wrapper's handle names is alive by its reference.
        let (counts, flags) = unsafe { (object.as_ref().counts(), object.as_ref().flags()) };
        let natives = Natives::of(counts, there.is(state::STATEFUL));
        let held = !natives.is_none();
        // SAFETY: the collector subtracts, and looks at what this wrapper refers to.
        if held && unsafe { passes::is_dying(wrapper, pass) } {
            // It goes by itself, and its object lives on with all that it holds.
            if let Some(record) = self.record(address) {
                record.dying = true;
            }
            return Found::new();
        }
        let closed = self.known(address).holders == natives;
        if held && !closed && !there.is(state::OWNED) {
            // SAFETY: the collector subtracts, and looks at what this wrapper refers to: it counts there.
            unsafe { passes::add(wrapper, pass) };
            if let Some(record) = self.record(address) {
                record.added = true;
            }
        }
        let mut own = Found::new();
        // Once: a walk may have come by somebody who held it a moment ago, or may come by who does in a moment.
        if !held && there.is(state::OWNED) && self.is_first_to_close(address) {
            own.push(address);
        }
        if flags & LEAF != 0 {
            return own;
        }
        let mut walk = Walk {
            pass,
            again,
            collection: Some(self),
            found: Found::new(),
            visited: own,
        };
        // SAFETY: as above.
        unsafe { walk.within(object, DEPTH) };
        let Walk { found, visited, .. } = walk;
        // What could not be noted is not visited.
        if self.note(address, &found) {
            doomed::note(&found);
            visited
        } else {
            Found::new()
        }
    }
}

/// Whether a wrapper has a finalizer that the interpreter does not take for called.
///
/// # Safety
///
/// Attached; a live wrapper that the collector follows.
unsafe fn is_yet_to_be_finalized(wrapper: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { (*ffi::Py_TYPE(wrapper)).tp_finalize.is_some() && !notes::is_finalized(wrapper) }
}

/// Through how many natives, one in the other, a walk goes: each takes some of the stack.
const DEPTH: u32 = 100;

/// A walk through what an object holds natively.
struct Walk<'a> {
    pass: Pass,
    /// The collector subtracts again, among what it found dead: what is not reached after this is taken apart.
    again: bool,
    /// Of a subtracting pass.
    collection: Option<&'a mut Collection>,
    /// What was found: the second pass goes through all of it.
    found: Found,
    /// What the first one visits.
    visited: Found,
}

impl Walk<'_> {
    /// Goes through an object.
    ///
    /// # Safety
    ///
    /// Attached. The object stays in its place: a wrapper has it, or whatever leads to it does not change, or is
    /// locked.
    unsafe fn within(&mut self, object: NonNull<ObjectHeader>, depth: u32) {
        // SAFETY: the caller's contract. A child is walked through while its place is locked: a native thread
        // that would replace and drop it waits.
        unsafe {
            if let Some(hold) = held_by(object.as_ref()) {
                let held = hold::object(hold);
                self.found.push(held.expose_provenance());
                if self.again && doomed::is_candidate(held) {
                    if doomed::leads_nowhere(held) {
                        // A native destructor may want it. It goes with the hold, as if Python held it there.
                        return;
                    }
                    self.found.push(hold.expose_provenance() | HOLD);
                }
                self.visited.push(held.expose_provenance());
                return;
            }
            visit_children(object, |child, edge| self.child(child, edge, depth));
        }
    }

    /// Goes by an object that another one holds.
    ///
    /// # Safety
    ///
    /// As [`within`](Self::within); behind a weak edge it can be dead.
    unsafe fn child(&mut self, child: NonNull<ObjectHeader>, edge: Edge, depth: u32) {
        // SAFETY: the caller's contract; an Active wrapper is alive, as we are attached.
        unsafe {
            let header = child.as_ref();
            let counts = header.counts();
            if let Some(State::Active(shown)) = tied_word(child).map(|word| peek(word).state()) {
                let shown = shown.as_ptr().cast::<ffi::PyObject>();
                self.wrapper(shown, child, edge);
            } else if edge == Edge::Weak {
                // Without a wrapper, and perhaps dead by now: nothing is seen there.
            } else if depth == 0 || header.flags() & LEAF != 0 {
            } else if counts.is_unique() {
                self.within(child, depth - 1);
            } else if counts.weak() == 0 {
                self.native(child, counts.strong(), depth - 1);
            }
        }
    }

    /// A child that has a wrapper.
    ///
    /// # Safety
    ///
    /// As [`within`](Self::within).
    unsafe fn wrapper(
        &mut self,
        wrapper: *mut ffi::PyObject,
        object: NonNull<ObjectHeader>,
        edge: Edge,
    ) {
        // SAFETY: alive by its wrapper's reference.
        let (counts, class) = unsafe { (object.as_ref().counts(), ffi::Py_TYPE(wrapper)) };
        // SAFETY: a live wrapper's.
        if !unsafe { is_collected(class) } {
            return;
        }
        let address = wrapper.expose_provenance();
        let Some(collection) = &mut self.collection else {
            // One that the interpreter has parked in its teardown is shown to nobody: a reference to it would
            // end it twice.
            // SAFETY: as above.
            if edge == Edge::Strong && unsafe { ffi::Py_REFCNT(wrapper) } > 0 {
                self.found.push(address);
            }
            return;
        };
        // The object is held, and not that: marked as reached it would be dead, and never go.
        // SAFETY: the collector subtracts, and asks somebody who holds its object.
        if unsafe { passes::is_dying(wrapper, self.pass) } {
            return;
        }
        // SAFETY: a live wrapper.
        let there = unsafe { storage(wrapper) };
        let natives = Natives::of(counts, there.is(state::STATEFUL));
        if edge == Edge::Weak && natives.weak == 0 {
            return;
        }
        self.found.push(address);
        if collection.is_last_holder(address, edge, natives)
            && (there.is(state::OWNED) || collection.known(address).added)
        {
            self.visited.push(address);
        }
    }

    /// A child that has none, and is held more than once: it is gone through when the last who holds it is found.
    ///
    /// # Safety
    ///
    /// As [`within`](Self::within).
    unsafe fn native(&mut self, object: NonNull<ObjectHeader>, strong: u32, depth: u32) {
        let address = object.as_ptr().expose_provenance() | NATIVE;
        let Some(collection) = &mut self.collection else {
            return;
        };
        self.found.push(address);
        let all = Natives { strong, weak: 0 };
        if !collection.is_last_holder(address, Edge::Strong, all) {
            return;
        }
        let (found, visited) = (
            core::mem::take(&mut self.found),
            core::mem::take(&mut self.visited),
        );
        // SAFETY: the caller's contract.
        unsafe { self.within(object, depth) };
        let found = core::mem::replace(&mut self.found, found);
        let visited = core::mem::replace(&mut self.visited, visited);
        let Some(collection) = &mut self.collection else {
            return;
        };
        if collection.note(address, &found) {
            doomed::note(&found);
            self.visited.extend(visited);
        }
    }
}

/// `tp_traverse` of every class of wrappers.
pub(crate) unsafe extern "C" fn traverse(
    wrapper: *mut ffi::PyObject,
    visit: ffi::visitproc,
    context: *mut c_void,
) -> c_int {
    // Quiet: the collector waits for it, and nothing is called but the visitor.
    // SAFETY: the slot's contract: attached, a live wrapper.
    unsafe {
        let stop = visit(ffi::Py_TYPE(wrapper).cast(), context);
        if stop != 0 {
            return stop;
        }
        let pass = passes::of(visit);
        let found = match pass {
            Pass::Subtract | Pass::SubtractAgain => collection().subtract(wrapper, pass),
            Pass::Reach => {
                pass_is_over();
                storage(wrapper).forget_pass();
                collection().noted(wrapper.addr())
            }
            Pass::Unknown => Found::new(),
            // Somebody asks what it refers to (gc.get_referents).
            Pass::Other => {
                let mut walk = Walk {
                    pass,
                    again: false,
                    collection: None,
                    found: Found::new(),
                    visited: Found::new(),
                };
                if let Some(object) = NonNull::new(storage(wrapper).address()) {
                    walk.within(object, DEPTH);
                }
                walk.found
            }
        };
        for object in found {
            if let Some(hold) = doomed::hold_in(object) {
                // It lives: a finalizer has brought it back.
                hold::doom(hold, false);
                continue;
            }
            let stop = visit(core::ptr::with_exposed_provenance_mut(object), context);
            if stop != 0 {
                return stop;
            }
        }
    }
    0
}

fn collection() -> std::sync::MutexGuard<'static, Collection> {
    COLLECTION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `tp_clear` of every class of wrappers: the wrapper belongs to a dead cycle.
pub(crate) unsafe extern "C" fn clear(wrapper: *mut ffi::PyObject) -> c_int {
    hang::enter();
    pass_is_over();
    // SAFETY: the slot's contract: attached, a live wrapper.
    unsafe {
        let there = storage(wrapper);
        there.forget_pass_of_dead();
        if let Some(object) = NonNull::new(there.address()) {
            // Looked at again: somebody may have come by it since.
            let natives = Natives::of(object.as_ref().counts(), there.is(state::STATEFUL));
            let known = collection().known(wrapper.addr());
            let dead = natives.strong <= known.holders.strong
                && natives.weak <= known.holders.weak
                && !known.dying;
            if dead && object.as_ref().flags() & LEAF == 0 {
                clear_children(object);
            }
            if there.is(state::OWNED) {
                // That may have been the last who held it; or nobody did, and nobody was told.
                share::settle_now(object);
            }
        }
    }
    0
}

/// How many strong references to the object of `wrapper` were found in the last pass, besides its own.
pub(crate) fn holders(wrapper: *mut ffi::PyObject) -> u32 {
    collection().known(wrapper.addr()).holders.strong
}

/// Lets the collector's calls come to [`traverse`] and [`clear`] for instances of Python's subclasses.
///
/// # Safety
///
/// Attached; a new class of wrappers without slots of this kind.
pub(crate) unsafe fn show_native_edges(class: *mut ffi::PyTypeObject) {
    // SAFETY: the caller's contract. A class that is not collected itself has the slots for those below.
    unsafe {
        if !is_collected(class) {
            (*class).tp_traverse = Some(traverse);
            (*class).tp_clear = Some(clear);
        }
    }
}
