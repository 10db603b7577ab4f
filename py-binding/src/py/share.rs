//! Wrappers that live as long as their objects: settling who owns what (design section 6).
//!
//! | wrapper | it shares its object's life |
//! |---|---|
//! | of a class with state of its own | from the first ([`prepare`], [`begin`]) |
//! | without, of an object that can reach Python objects | from when Python lets go of it while others hold the object ([`take`]), so that the collector sees it, until they do not |
//! | without, of a leaf | never: its storage is kept |
//!
//! The protocol is [`share`](crate::tie::share); here is what it asks of CPython. Everything here runs
//! attached; what threads that are not attached leave behind is on the queue.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicIsize, AtomicPtr, AtomicUsize, Ordering};

use alloc_header::word_of;
use object_core::ObjectHeader;
use object_core::count::Counts;
use object_core::refs::dec_weak;
use pyo3::ffi;

use crate::py::begin;
use crate::py::counts;
use crate::py::hang;
use crate::py::notes;
use crate::py::raise::{Raised, no_memory};
use crate::py::refs;
use crate::py::storage::{WrapperObject, as_wrapper, is_stateless, state, storage};
use crate::tie::lock::{ThisBuild, assert_none_held};
use crate::tie::settle::{Queued, SettleQueue};
use crate::tie::share::{self, Owner, Rescue};
use crate::tie::{Host, Object, Wrapper, entrust};

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
        if is_stateless(class) {
            return Ok(false);
        }
        if !make_room() {
            return Err(no_memory());
        }
        counts::STATEFUL.fetch_add(1, Ordering::Relaxed);
        let ours = finalize as *mut c_void;
        // Without a GIL other threads may be here with the same class. Relaxed: there is nothing behind it.
        let slot = AtomicPtr::<c_void>::from_ptr((&raw mut (*class).tp_finalize).cast());
        let there = slot.load(Ordering::Relaxed);
        if there != ours {
            // A class without `__del__`, or CPython's own function that looks it up.
            if !there.is_null() {
                DEL.store(there, Ordering::Relaxed);
            }
            slot.store(ours, Ordering::Relaxed);
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

/// How many of those the collector has found, of a wrapper.
fn holders_of(wrapper: *mut ffi::PyObject) -> u32 {
    HOLDERS.get().map_or(0, |holders| holders(wrapper))
}

/// What CPython puts into a class with a `__del__`; null until there was one. The same for all.
static DEL: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// `tp_finalize` of classes with state: the place where the interpreter lets an object be kept, before
/// anything of it is taken apart.
///
/// An object that others hold owns its wrapper, so that this is not called. But a thread that is not
/// attached can have come to hold it a moment ago, or another thread has not come to settle it yet: then the
/// object takes its wrapper here. The collector calls this too, for a dead cycle; what somebody has come by
/// since is kept.
unsafe extern "C" fn finalize(object: *mut ffi::PyObject) {
    hang::ready();
    // SAFETY: the slot's contract: attached, a wrapper that the interpreter keeps meanwhile.
    unsafe {
        let there = storage(object);
        let found = match glance(there) {
            Some((native, _lent)) if there.is(state::SHARES) => {
                let holders = if there.is(state::OWNED) {
                    holders_of(object)
                } else {
                    0
                };
                share::rescue(&Python, as_wrapper(object), native.cast(), holders)
            }
            _ => Rescue::Past {
                again: there.mark(state::FINALIZED, true),
            },
        };
        // Of classes that are not collected the interpreter keeps no note.
        if found != (Rescue::Past { again: false }) {
            return;
        }
        let del = DEL.load(Ordering::Relaxed);
        if !del.is_null() {
            core::mem::transmute::<*mut c_void, ffi::destructor>(del)(object);
        }
    }
}

/// A wrapper's tied object, which is there while the glance lives.
///
/// # Safety
///
/// Attached.
unsafe fn glance(there: &WrapperObject) -> Option<(NonNull<ObjectHeader>, refs::Glance<'_>)> {
    let lent = refs::Glance::at(&there.loans)?;
    let native = NonNull::new(there.address())?;
    // SAFETY: alive by the wrapper's reference, and not moved while it is lent.
    unsafe { native.as_ref() }
        .counts()
        .is_shared()
        .then_some((native, lent))
}

/// CPython, as shared life has it.
struct Python;

fn python(wrapper: Wrapper) -> *mut ffi::PyObject {
    wrapper.as_ptr().cast()
}

// SAFETY: each method does what the trait says, see there.
unsafe impl Owner for Python {
    type Lock = ThisBuild;

    unsafe fn word<'a>(&self, object: Object) -> &'a AtomicUsize {
        // SAFETY: whatever has had bit 63 is tied, so a back word stands in front of it.
        unsafe { word_of(object) }
    }

    unsafe fn counts<'a>(&self, object: Object) -> &'a Counts {
        // SAFETY: the trait's contract.
        unsafe { object.cast::<ObjectHeader>().as_ref() }.counts()
    }

    unsafe fn shares(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { storage(python(wrapper)) }.is(state::SHARES)
    }

    unsafe fn is_owned(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { storage(python(wrapper)) }.is(state::OWNED)
    }

    unsafe fn set_owned(&self, wrapper: Wrapper, owned: bool) {
        // SAFETY: the trait's contract.
        let there = unsafe { storage(python(wrapper)) };
        there.mark(state::OWNED, owned);
        let by = if owned { 1 } else { -1 };
        counts::OWNED.fetch_add(by, Ordering::Relaxed);
        if !owned && !there.is(state::STATEFUL) {
            // Its next end is told by `tp_dealloc`.
            there.mark(state::SHARES, false);
            give_room_back();
        }
    }

    unsafe fn note_rescue(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract.
        unsafe { storage(python(wrapper)) }.mark(state::RESCUED, true);
    }

    unsafe fn note_past(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { storage(python(wrapper)) }.mark(state::FINALIZED, true)
    }

    unsafe fn is_doomed(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { storage(python(wrapper)) }.is(state::DOOMED)
    }

    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { refs::try_incref(python(wrapper)) }
    }

    unsafe fn incref(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract.
        unsafe { ffi::Py_INCREF(python(wrapper)) };
    }

    unsafe fn arm(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract.
        unsafe { refs::arm(python(wrapper)) };
    }

    unsafe fn decref(&self, wrapper: Wrapper) {
        assert_none_held();
        hang::ready();
        // SAFETY: the trait's contract.
        unsafe { ffi::Py_DECREF(python(wrapper)) };
    }

    unsafe fn give_up(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract; the reference keeps it until it is given back, last.
        unsafe {
            let wrapper = python(wrapper);
            if storage(wrapper).mark(state::RESCUED, false) {
                // It was kept out of its finalizer, and is to be finalized when it goes.
                notes::forget_finalized(wrapper);
            }
            self.decref(as_wrapper(wrapper));
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
    // SAFETY: the caller's contract.
    unsafe {
        if storage(wrapper).is(state::SHARES) {
            share::begin(&Python, as_wrapper(wrapper), object.cast());
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
    let others = unsafe {
        NonNull::new(storage(wrapper).address())
            .is_some_and(|object| object.as_ref().counts().strong() > 1)
    };
    // Room is made before the word is held.
    if !others || !make_room() {
        return false;
    }
    // SAFETY: as above.
    let taken = unsafe { entrust(host, as_wrapper(wrapper)) };
    if !taken {
        give_room_back();
    }
    taken
}

/// The object takes a wrapper without state of its own that was about to die, if others hold it.
///
/// # Safety
///
/// Attached; the wrapper's count is 0, its object's word is held and says that it is Active; room was made.
pub(crate) unsafe fn take(wrapper: *mut ffi::PyObject, object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the caller's contract; the object is alive by the wrapper's reference.
    unsafe {
        let (there, counts) = (storage(wrapper), object.as_ref().counts());
        // Who gives a reference back from here on tells us, and who did before is not counted any more. (One who had
        // looked for the bit already slips through: that is the collector's.)
        if counts.set_shared() < 2 {
            counts.clear_shared();
            return false;
        }
        // All else is of the life that ends. It can be in the collector's hands, between two of its passes.
        let stays = there.state.load(Ordering::Relaxed) & (state::LISTED | state::PASSES);
        let state = stays | state::SHARES | state::OWNED;
        there.state.store(state, Ordering::Release);
        counts::OWNED.fetch_add(1, Ordering::Relaxed);
        begin::revive(wrapper);
        // Others can have it from here on, when the word is not held any more: so that comes last, and quiet.
        notes::track_again(wrapper);
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
        if storage(wrapper).is(state::SHARES) {
            share::end(&Python, as_wrapper(wrapper), object.cast());
        }
    }
}

/// As [`share::died`].
///
/// # Safety
///
/// As there.
#[inline]
pub(crate) unsafe fn died(object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    unsafe { share::died(object.as_ref().counts()) };
}

/// The word names another wrapper than the dying one from here on: until that [begins](begin), bit 63 is
/// clear.
///
/// # Safety
///
/// The word is held; the object is alive.
pub(crate) unsafe fn overtaken(object: NonNull<ObjectHeader>) {
    // SAFETY: alive by the caller's contract; the dying one is past being owned.
    unsafe {
        let counts = object.as_ref().counts();
        if counts.is_shared() {
            counts.clear_shared();
        }
    }
}

/// Whether a wrapper whose count has just reached 0 may be kept in its finalizer.
///
/// # Safety
///
/// The wrapper's storage is there.
pub(crate) unsafe fn may_be_kept(wrapper: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    let there = unsafe { storage(wrapper) };
    there.is(state::STATEFUL) && !there.is(state::FINALIZED)
}

/// As [`share::settle`].
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn settle_now(object: NonNull<ObjectHeader>) {
    // SAFETY: the caller's contract.
    unsafe { share::settle(&Python, object.cast()) };
}

/// Settles what a call that is over may have kept of an argument, before the argument is let go of: what
/// a thread without the interpreter left on the queue, another thread may have taken off it and not
/// come to yet.
///
/// # Safety
///
/// Attached; a live wrapper, lent to the call.
pub(crate) unsafe fn settle_lent(wrapper: *mut ffi::PyObject) {
    // SAFETY: what is lent is not moved.
    unsafe {
        if let Some(object) = NonNull::new(storage(wrapper).address()) {
            settle_now(object);
        }
    }
}

/// As [`share::upgrade`].
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn upgrade(object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the caller's contract.
    unsafe { share::upgrade(&Python, object.cast()) }
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
            // coming here. The wrapper stays as it is until somebody crosses the level again, or the collector
            // comes by.
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

/// Before a fork, as [`SettleQueue::hold`].
pub(crate) fn hold_queue() -> bool {
    // Quiet: nothing of Python's is touched.
    QUEUE.hold()
}

/// After it, on both sides.
pub(crate) fn let_go_queue() {
    // Quiet: nothing of Python's is touched.
    QUEUE.let_go();
}
