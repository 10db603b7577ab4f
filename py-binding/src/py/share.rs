//! Wrappers that live as long as their objects: settling who owns what (design section 6).
//!
//! | wrapper | it shares its object's life |
//! |---|---|
//! | of a class with state of its own | from the first ([`prepare`], [`begin`]) |
//! | without, of an object that can reach Python objects | from when Python lets go of it while others hold the object ([`take`]), so that the collector sees it, until they do not |
//! | without, of a leaf | never: its storage is kept |
//!
//! Everything here runs attached, on builds with a GIL: the interpreter is the lock of a wrapper's
//! [`OWNED`](state::OWNED) and of the references that go with it. What threads that are not attached
//! leave behind is on the queue.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, Ordering};

use alloc_header::word_of;
use object_core::ObjectHeader;
use object_core::count::Taken;
use object_core::refs::dec_weak;
use pyo3::ffi;

use crate::py::counts;
use crate::py::hang;
use crate::py::raise::{Raised, no_memory};
use crate::py::refs;
use crate::py::storage::{as_wrapper, is_stateless, state, storage};
use crate::tie::lock::peek;
use crate::tie::settle::{Queued, SettleQueue, Settling, on_settle};
use crate::tie::{Host, State, entrust};

/// Owns a weak reference to each object on it.
static QUEUE: SettleQueue = SettleQueue::new();

/// Room for objects that are on the queue though they have no such wrapper any more.
const SPARE: usize = 64;

/// Wrappers with [`SHARES`](state::SHARES).
static SHARING: AtomicIsize = AtomicIsize::new(0);

/// Makes room on the queue for the object of one more wrapper; false if there is no memory for that.
fn make_room() -> bool {
    let sharing = SHARING.fetch_add(1, Ordering::Relaxed) + 1;
    let room = QUEUE.reserve(sharing.unsigned_abs() * 2 + SPARE);
    if !room {
        give_room_back();
    }
    room
}

fn give_room_back() {
    SHARING.fetch_sub(1, Ordering::Relaxed);
}

/// Before a wrapper is made: whether the class keeps state of its own, so that objects are to own their
/// wrappers. If so there is room on the queue for one more, and the class has the finalizer below.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached; a live class below the wrapper base.
pub(crate) unsafe fn prepare(class: *mut ffi::PyTypeObject) -> Result<bool, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if !refs::SHARED_LIFE || is_stateless(class) {
            return Ok(false);
        }
        if !make_room() {
            return Err(no_memory());
        }
        counts::STATEFUL.fetch_add(1, Ordering::Relaxed);
        let ours: ffi::destructor = finalize;
        match (*class).tp_finalize {
            Some(there) if core::ptr::fn_addr_eq(there, ours) => {}
            there => {
                // A class without `__del__`, or CPython's own function that looks it up.
                if let Some(there) = there {
                    DEL.store(there as *mut c_void, Ordering::Relaxed);
                }
                (*class).tp_finalize = Some(ours);
            }
        }
        Ok(true)
    }
}

/// Such a wrapper was freed, or could not be made.
pub(crate) fn unprepare() {
    counts::STATEFUL.fetch_sub(1, Ordering::Relaxed);
    give_room_back();
}

/// How many that hold a wrapper's object natively the collector has found; asked in finalizers.
pub(crate) type Holders = fn(*mut ffi::PyObject) -> u32;
static HOLDERS: OnceLock<Holders> = OnceLock::new();

/// Says who knows; once, at import.
pub(crate) fn set_holders(holders: Holders) {
    // A second import says the same.
    HOLDERS.get_or_init(|| holders);
}

/// Whether somebody holds the object whom the collector has not found when it took the wrapper, which the
/// object owns, for dead.
unsafe fn is_held_after_all(wrapper: *mut ffi::PyObject, object: NonNull<ObjectHeader>) -> bool {
    HOLDERS.get().is_some_and(|holders| {
        // SAFETY: the object is alive by the caller's contract.
        unsafe { object.as_ref() }.counts().strong() > 1 + holders(wrapper)
    })
}

/// What CPython puts into a class with a `__del__`; null until there was one. The same for all.
static DEL: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// `tp_finalize` of classes with state: the place where the interpreter lets an object be kept, before
/// anything of it is taken apart.
///
/// An object that others hold owns its wrapper, so that this is not called. But a thread that is not
/// attached can have come to hold it a moment ago: then the object takes its wrapper here. The collector
/// calls this too, for a dead cycle; what somebody has come by since is kept.
unsafe extern "C" fn finalize(object: *mut ffi::PyObject) {
    // SAFETY: the slot's contract: attached, a live wrapper.
    unsafe {
        let there = storage(object);
        if let Some(native) = NonNull::new(there.address()) {
            if there.is(state::SHARES) && native.as_ref().counts().is_shared() {
                let held = if there.is(state::OWNED) {
                    is_held_after_all(object, native)
                } else {
                    settle_now(native);
                    there.is(state::OWNED)
                };
                if held {
                    there.mark(state::RESCUED, true);
                    return;
                }
            }
        }
        // Of classes that are not collected the interpreter keeps no note.
        if there.mark(state::FINALIZED, true) {
            return;
        }
        let del = DEL.load(Ordering::Relaxed);
        if !del.is_null() {
            core::mem::transmute::<*mut c_void, ffi::destructor>(del)(object);
        }
    }
}

/// The wrapper shows the object from here on: if its class keeps state, the object owns it while others
/// hold the object.
///
/// # Safety
///
/// Attached; the object's word says so; the caller owns a Python reference to the wrapper.
#[inline]
pub(crate) unsafe fn begin(wrapper: *mut ffi::PyObject, object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract. Who counts from here on tells us; what was counted before is seen.
    unsafe {
        if storage(wrapper).is(state::SHARES) {
            object.as_ref().counts().set_shared();
            settle_now(object);
        }
    }
}

/// `tp_dealloc` of a wrapper whose object can be part of a cycle: if it has no state of its own and others
/// hold the object, the object takes the wrapper. True: it lives, tracked as before.
///
/// # Safety
///
/// Attached; the wrapper's Python count reached 0, and nothing of it was taken apart.
#[inline]
pub(crate) unsafe fn entrusted<H: Host>(host: &H, wrapper: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract; a handle's object is alive.
    refs::SHARED_LIFE
        && unsafe {
            NonNull::new(storage(wrapper).address())
                .is_some_and(|object| object.as_ref().counts().strong() > 1)
                && entrust(host, as_wrapper(wrapper))
        }
}

/// The object takes a wrapper without state of its own that was about to die, if others hold it.
///
/// # Safety
///
/// Attached; the wrapper's count is 0, its object's word says that it is Active.
pub(crate) unsafe fn take(wrapper: *mut ffi::PyObject, object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the caller's contract; the object is alive by the wrapper's reference.
    unsafe {
        let (there, counts) = (storage(wrapper), object.as_ref().counts());
        if !make_room() {
            return false;
        }
        // Who gives a reference back from here on tells us, and who did before is not counted any more: no
        // last one slips through.
        if counts.set_shared() < 2 {
            counts.clear_shared();
            give_room_back();
            return false;
        }
        // All but where its storage is listed is of the life that ends.
        let listed = there.state.load(Ordering::Relaxed) & state::LISTED;
        let state = listed | state::SHARES | state::OWNED;
        there.state.store(state, Ordering::Release);
        counts::OWNED.fetch_add(1, Ordering::Relaxed);
        refs::revive(wrapper);
        true
    }
}

/// The wrapper is emptied by a move: the object does not own it any more.
///
/// # Safety
///
/// Attached; the word does not name the wrapper any more; the caller owns a Python reference to it, and
/// the object is alive.
pub(crate) unsafe fn end(wrapper: *mut ffi::PyObject, object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    unsafe {
        let there = storage(wrapper);
        if there.is(state::SHARES) {
            object.as_ref().counts().clear_shared();
            if there.is(state::OWNED) {
                give_up(wrapper, object);
            }
        }
    }
}

/// The wrapper that the word named until now dies, and gives its reference back in a moment. If that is
/// the last one the object dies, and nobody makes a new one of a weak one meanwhile: bit 63 stays. If
/// others hold the object, it lives on as one without a wrapper.
///
/// # Safety
///
/// Attached; the object is alive by the wrapper's reference.
#[inline]
pub(crate) unsafe fn died(object: NonNull<ObjectHeader>) {
    // SAFETY: alive by the caller's contract.
    let counts = unsafe { object.as_ref() }.counts();
    if counts.is_shared() && counts.strong() > 1 {
        // SAFETY: no wrapper is there to be told.
        unsafe { counts.clear_shared() };
    }
}

/// Settles who owns the object's wrapper, by the count as it is.
///
/// # Safety
///
/// Attached, and no word is held; the object's space is there. May run Python code, and end the object.
pub(crate) unsafe fn settle_now(object: NonNull<ObjectHeader>) {
    // SAFETY: whatever had bit 63 once is tied, so a back word stands in front of it; a wrapper that
    // an Active word names is there as long as we are attached.
    unsafe {
        let counts = object.as_ref().counts();
        if !counts.is_shared() {
            return;
        }
        let State::Active(wrapper) = peek(word_of(object.cast())).state() else {
            return;
        };
        let wrapper = wrapper.as_ptr().cast::<ffi::PyObject>();
        let there = storage(wrapper);
        match on_settle(there.is(state::OWNED), counts.strong()) {
            Settling::Take => {
                // Not if it is being taken apart: then it is past keeping.
                if refs::try_incref(wrapper) {
                    there.mark(state::OWNED, true);
                    counts::OWNED.fetch_add(1, Ordering::Relaxed);
                }
            }
            Settling::Give => give_up(wrapper, object),
            Settling::Nothing => {}
        }
    }
}

/// The object gives its reference to the wrapper up. May run Python code.
///
/// # Safety
///
/// Attached; there is such a reference.
unsafe fn give_up(wrapper: *mut ffi::PyObject, object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract; the reference is given back last.
    unsafe {
        let there = storage(wrapper);
        there.mark(state::OWNED, false);
        counts::OWNED.fetch_sub(1, Ordering::Relaxed);
        if !there.is(state::STATEFUL) {
            // Its next end is told by `tp_dealloc`: until then counting is arithmetic again.
            object.as_ref().counts().clear_shared();
            there.mark(state::SHARES, false);
            give_room_back();
        }
        if there.mark(state::RESCUED, false) {
            // It was kept out of its finalizer, and is to be finalized when it goes.
            refs::forget_finalized(wrapper);
        }
        hang::ready();
        ffi::Py_DECREF(wrapper);
    }
}

/// Makes a strong reference for somebody who holds a weak one, where only the wrapper holds the object;
/// false if that is on its way out.
///
/// # Safety
///
/// Attached; the caller holds a weak reference.
pub(crate) unsafe fn upgrade(object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the caller's contract; as in `settle_now`.
    unsafe {
        let counts = object.as_ref().counts();
        let held = match peek(word_of(object.cast())).state() {
            State::Active(wrapper) => {
                let wrapper = wrapper.as_ptr().cast::<ffi::PyObject>();
                refs::try_incref(wrapper).then_some(wrapper)
            }
            _ => None,
        };
        // A wrapper that is taken apart gives the last reference back in a moment.
        if held.is_none() && counts.is_shared() && counts.strong() < 2 {
            return false;
        }
        let alive = counts.upgrade_flagged() == Taken::Counted;
        if let Some(wrapper) = held {
            settle_now(object);
            ffi::Py_DECREF(wrapper);
        }
        alive
    }
}

/// Leaves an object to be settled later, by an attached thread; with a weak reference, which is the
/// caller's. True: a drain has to be asked for.
///
/// # Safety
///
/// The caller owns the weak reference; bit 63 was set.
pub(crate) unsafe fn leave(object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the caller's reference goes, or is the queue's.
    unsafe {
        match QUEUE.push(object.as_ptr().expose_provenance()) {
            Queued::First | Queued::Waits => true,
            Queued::Already => {
                dec_weak(object);
                true
            }
            // Only if more threads than there is room for were stopped between looking at the bit and
            // coming here. The wrapper stays as it is until somebody crosses the level again.
            Queued::Full => {
                dec_weak(object);
                false
            }
        }
    }
}

/// Whether nothing is on the queue.
#[inline]
pub(crate) fn is_settled() -> bool {
    QUEUE.is_empty()
}

/// Settles what threads that were not attached left behind.
///
/// # Safety
///
/// Attached, and no word is held.
pub(crate) unsafe fn settle_all() {
    while let Some(address) = QUEUE.pop() {
        if let Some(object) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
            // SAFETY: attached; the queue's weak reference is ours now, and keeps the space.
            unsafe {
                settle_now(object);
                dec_weak(object);
            }
        }
    }
}

/// How many wait to be settled.
pub(crate) fn unsettled_len() -> usize {
    QUEUE.len()
}

unsafe extern "C" {
    fn pthread_atfork(
        prepare: extern "C" fn(),
        parent: extern "C" fn(),
        child: extern "C" fn(),
    ) -> core::ffi::c_int;
}

/// The thread that forks has the queue: C's library lets one fork at a time.
static HELD: AtomicBool = AtomicBool::new(false);

extern "C" fn before_fork() {
    HELD.store(QUEUE.hold(), Ordering::Relaxed);
}

extern "C" fn after_fork() {
    if HELD.swap(false, Ordering::Relaxed) {
        QUEUE.let_go();
    }
}

/// From here on forked children find the queue whole; once, at import.
pub(crate) fn watch_forks() {
    // SAFETY: functions of this library, which is never unloaded. Without memory forks go on as before.
    unsafe { pthread_atfork(before_fork, after_fork, after_fork) };
}
