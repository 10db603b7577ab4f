//! Whether this thread may touch Python now, and what happens to what it may not free (I7).

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use object_core::refs::dec_weak;
use object_core::table::Sharing;
use object_core::{Error, ObjectHeader};
use pyo3::ffi;

use crate::py::blocks;
use crate::py::counts::{self, Count};
use crate::py::first_state;
use crate::py::hang;
use crate::py::hold::{self, Hold};
use crate::py::kept;
use crate::py::raise::Pending;
use crate::py::refs::QUIET;
use crate::py::share;
use crate::py::wrapper;
use crate::tie::Wrapper;
use crate::tie::deferred::{Deferred, DeferredList};
use crate::tie::gate::Gate;
use crate::tie::pending::PendingCall;

static GATE: Gate = Gate::open();
static DEFERRED: DeferredList = DeferredList::new();
/// The pending call that drains: one on its way is enough.
static DRAIN_CALL: PendingCall = PendingCall::new();
/// The interpreter that was there at import: the only one whose objects there are.
static HOME: AtomicPtr<ffi::PyInterpreterState> = AtomicPtr::new(null_mut());

/// The state of the thread that closed the gate.
static CLOSER: AtomicPtr<ffi::PyThreadState> = AtomicPtr::new(null_mut());

/// What the gate says.
enum Standing {
    Attached,
    Unattached,
    Closed,
}

/// Asks, and does what an unattached thread does, inside the gate.
fn standing(unattached: impl FnOnce()) -> Standing {
    let Some(_inside) = GATE.enter() else {
        return if holds_closed() {
            Standing::Attached
        } else {
            Standing::Closed
        };
    };
    // SAFETY: inside the gate.
    if unsafe { holds_home() } {
        return Standing::Attached;
    }
    unattached();
    Standing::Unattached
}

/// Whether this thread holds the interpreter of the import. `PyGILState_Check` will not do: it says
/// yes to everybody as soon as anybody has made a subinterpreter.
///
/// # Safety
///
/// The interpreter is there.
unsafe fn holds_home() -> bool {
    // SAFETY: callable on any thread while the interpreter runs. The current state is looked into
    // only if it is this thread's own.
    unsafe {
        let current = ffi::compat::PyThreadState_GetUnchecked();
        !current.is_null()
            && current == ffi::PyGILState_GetThisThreadState()
            && ffi::PyThreadState_GetInterpreter(current) == HOME.load(Ordering::Relaxed)
    }
}

/// Behind the closed gate: whether this thread holds the interpreter, which is still whole. It runs
/// what others have registered with atexit, or it is a daemon thread that got a last turn while the
/// closer waited.
///
/// # Why this may be asked
///
/// Finalization stops being reversible where CPython clears "initialized" (right after it names the
/// thread that finalizes), and the thread that does so holds the interpreter then; without a GIL, it
/// stops every attached thread first. So if we hold it and see "initialized", it stays so until we let
/// go. If we do not hold it, the answer is no whatever happens meanwhile: `holds_home` compares the
/// state that holds the interpreter with this thread's own, looks into it only when they are one, and
/// reads nothing but CPython's statics and this thread's storage, which finalization does not unmap.
#[cold]
fn holds_closed() -> bool {
    // SAFETY: callable at any time; see above.
    unsafe { ffi::Py_IsInitialized() != 0 && holds_home() }
}

/// Says that this is the interpreter whose objects are shown; once, at import.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn set_home() {
    // SAFETY: attached.
    HOME.store(unsafe { ffi::PyInterpreterState_Get() }, Ordering::Release);
}

/// Holds the gate open; `None` when it is closed.
pub(crate) fn inside() -> Option<impl Drop> {
    GATE.enter()
}

/// Whether this thread may touch Python. False behind the closed gate.
pub(crate) fn is_attached() -> bool {
    matches!(standing(|| ()), Standing::Attached)
}

/// This thread is attached, until [`detach`].
#[must_use]
pub(crate) struct Attachment {
    state: ffi::PyGILState_STATE,
    /// The thread had no state of the interpreter's before, and has none after.
    first: bool,
    /// Then [`first_state`] made it, and ends it.
    made: bool,
}

/// Attaches this thread, waiting for the interpreter; `None` when it shuts down. The wait is inside
/// the gate: whoever closes it lets the interpreter go until we are through, so that nobody attaches
/// to one that is gone.
pub(crate) fn attach() -> Option<Attachment> {
    let inside = GATE.enter();
    if inside.is_none() && !holds_closed() {
        return None;
    }
    hang::ready();
    // SAFETY: the interpreter is there: the gate says so, or we hold it.
    let (first, made, state) = unsafe {
        let first = CLEARS_UNHELD && ffi::PyGILState_GetThisThreadState().is_null();
        let made = first && first_state::make(HOME.load(Ordering::Acquire));
        (first, made, ffi::PyGILState_Ensure())
    };
    drop(inside);
    Some(Attachment { state, first, made })
}

/// Why [`attach`] declines.
const SHUTS_DOWN: &str = "a Python callable was called while the interpreter shuts down";

/// What a call that could not attach answers.
pub(crate) fn declined() -> Error {
    Error::new("RuntimeError", SHUTS_DOWN)
}

/// Whether the error says that the interpreter shuts down, on a thread that it is about to end. It may
/// have been somebody else who could not attach, and this thread waited for.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn tells_to_end(error: &Error) -> bool {
    // Relaxed: whoever declined has seen the gate closed, which orders it.
    let closer = CLOSER.load(Ordering::Relaxed);
    // SAFETY: callable at any time.
    let current = unsafe { ffi::compat::PyThreadState_GetUnchecked() };
    !closer.is_null() && closer != current && error.message() == SHUTS_DOWN
}

/// Up to 3.12.3 the last `PyGILState_Release` of a thread clears its state when it counts for released: where that ends
/// a thread local whose destructor calls back, the state is deleted under it.
const CLEARS_UNHELD: bool = cfg!(not(Py_3_13));

/// Ends what thread locals and context variables hold, while the thread counts as attached.
///
/// # Safety
///
/// Attached for the last time on this thread.
#[cold]
unsafe fn end_thread_locals() {
    // SAFETY: the caller's contract: no frame of Python's is left. The state can be cleared more than once.
    unsafe {
        // What ends may set others anew; not for ever.
        for _ in 0..8 {
            ffi::PyThreadState_Clear(ffi::PyThreadState_Get());
            let locals = ffi::PyThreadState_GetDict();
            if locals.is_null() || ffi::PyDict_Size(locals) == 0 {
                break;
            }
        }
    }
}

/// Ends an attachment.
///
/// # Safety
///
/// Made on this thread, the last made there; nothing of Python's is used afterwards.
pub(crate) unsafe fn detach(attachment: Attachment) {
    // SAFETY: the caller's contract.
    unsafe {
        if attachment.first {
            end_thread_locals();
        }
        if attachment.made {
            first_state::end();
        } else {
            ffi::PyGILState_Release(attachment.state);
        }
    }
}

/// An object died and its word says that it keeps this storage: frees it, or puts it on the list, unless
/// a trim was faster.
///
/// # Safety
///
/// The word is that of an object whose block is freed when this returns, and nobody else follows it but
/// who trims.
#[cold]
pub(crate) unsafe fn storage_gone(word: &AtomicUsize, kept: Wrapper) {
    let object = kept.as_ptr().cast::<ffi::PyObject>();
    let defer = || {
        if !kept::is_left(word, kept, true) {
            return;
        }
        counts::add(Count::Kept, -1);
        // SAFETY: ours alone; the link goes into the handle field, which a dead wrapper has no other
        // use for. Class and collector words stay readable.
        unsafe {
            DEFERRED.push(Deferred::Storage(kept), |link| {
                let link = core::ptr::with_exposed_provenance_mut(link);
                wrapper::storage(object)
                    .handle
                    .store(link, Ordering::Relaxed);
            });
        }
        schedule();
    };
    match standing(defer) {
        // With a GIL we hold who trims off.
        Standing::Attached if QUIET || kept::is_left(word, kept, true) => {
            counts::add(Count::Kept, -1);
            // SAFETY: attached; nobody names it.
            unsafe { wrapper::free(object) };
        }
        // The storage may be gone with the interpreter. Who trims looks at the gate behind the lock that
        // this waits for.
        Standing::Closed if kept::is_left(word, kept, false) => counts::add(Count::Kept, -1),
        Standing::Attached | Standing::Unattached | Standing::Closed => {}
    }
}

/// A closure, carrier or error died and leaves its hold: drops it, or puts it on the list.
///
/// # Safety
///
/// The hold is the caller's alone.
pub(crate) unsafe fn hold_gone(hold: *mut Hold) {
    let Some(node) = core::ptr::NonNull::new(hold.cast::<c_void>()) else {
        return;
    };
    let defer = || {
        // SAFETY: ours alone; it has a word for the link.
        unsafe { DEFERRED.push(Deferred::Hold(node), |link| (*hold).next.set(link)) };
        schedule();
    };
    if let Standing::Attached = standing(defer) {
        // SAFETY: attached; ours alone.
        unsafe { hold::free(hold) };
    }
}

/// What this frontend does for objects with bit 63 set.
pub(crate) static SHARING: Sharing = Sharing { settle, upgrade };

/// The strong count of an object has crossed the level at which it owns its wrapper: settles that, or
/// leaves it to an attached thread. Takes a weak reference over.
unsafe extern "C" fn settle(object: *mut ObjectHeader) {
    // Quiet: native code calls it, attached or not; what then runs Python code is ready by itself.
    let Some(object) = NonNull::new(object) else {
        return;
    };
    let leave = || {
        // SAFETY: the weak reference goes with it.
        if unsafe { share::leave(object) } {
            schedule();
        }
    };
    match standing(leave) {
        // SAFETY: attached; the weak reference is ours until it is given back.
        Standing::Attached => unsafe {
            share::settle_now(object);
            dec_weak(object);
        },
        Standing::Unattached => {}
        // Python's side is left as it is, on purpose.
        // SAFETY: ours.
        Standing::Closed => unsafe { dec_weak(object) },
    }
}

/// A weak reference shall become strong where only the wrapper holds the object. Waits for the
/// interpreter; fails while that shuts down.
unsafe extern "C" fn upgrade(object: *mut ObjectHeader) -> i32 {
    // Quiet: native code calls it, attached or not; what then runs Python code is ready by itself.
    let (Some(object), Some(attachment)) = (NonNull::new(object), attach()) else {
        return 0;
    };
    // SAFETY: attached; the caller's weak reference keeps the space.
    unsafe {
        let alive = share::upgrade(object);
        detach(attachment);
        i32::from(alive)
    }
}

/// Asks the interpreter to drain soon, once. Inside the gate, after each push.
fn schedule() {
    if DRAIN_CALL.ask() {
        // SAFETY: callable on any thread while the interpreter runs.
        if unsafe { ffi::Py_AddPendingCall(Some(drain_pending), null_mut()) } != 0 {
            // The interpreter's queue is full: the next push or door drains.
            DRAIN_CALL.failed();
        }
    }
}

extern "C" fn drain_pending(_: *mut c_void) -> c_int {
    hang::enter();
    DRAIN_CALL.begin();
    // SAFETY: pending calls run attached.
    unsafe { drain() };
    0
}

/// Whether there is nothing that unattached threads left: a load and a branch or two.
#[inline]
pub(crate) fn is_drained() -> bool {
    DEFERRED.is_empty() && share::is_settled()
}

/// Frees what unattached threads left, if there is any.
///
/// # Safety
///
/// Attached, and no word is held.
#[inline]
pub(crate) unsafe fn drain() {
    if !is_drained() {
        // SAFETY: the caller's contract.
        unsafe { drain_all() };
    }
}

#[cold]
unsafe fn drain_all() {
    hang::ready();
    // Freeing may run Python code, which must not see or lose an exception that is being raised.
    // SAFETY: attached by the caller's contract.
    let _pending = unsafe { Pending::take() };
    // SAFETY: attached; each node is handed out once, and its link was read before.
    unsafe {
        share::settle_all();
        DEFERRED.drain(
            |node| match node {
                Deferred::Storage(at) => wrapper::storage(at.as_ptr().cast())
                    .handle
                    .load(Ordering::Relaxed)
                    .expose_provenance(),
                Deferred::Hold(at) => (*at.as_ptr().cast::<Hold>()).next.get(),
            },
            |node| match node {
                Deferred::Storage(at) => wrapper::free(at.as_ptr().cast()),
                Deferred::Hold(at) => hold::free(at.as_ptr().cast()),
            },
        );
    }
}

/// How many frees wait for an attached thread.
pub(crate) fn deferred_len() -> usize {
    DEFERRED.len() + share::unsettled_len()
}

/// At exit: closes the gate and waits, detached, until everybody inside has left.
///
/// # Safety
///
/// Attached, at the start of finalization.
pub(crate) unsafe fn close_gate() {
    hang::set_ending(true);
    // SAFETY: attached.
    unsafe {
        CLOSER.store(ffi::compat::PyThreadState_GetUnchecked(), Ordering::Relaxed);
        drain();
    }
    if GATE.close() {
        return;
    }
    // Somebody inside may wait for the interpreter: let go of it while we wait.
    // SAFETY: attached; restored below.
    let thread = unsafe { ffi::PyEval_SaveThread() };
    while !GATE.is_empty() {
        std::thread::yield_now();
    }
    // SAFETY: ours, from above.
    unsafe { ffi::PyEval_RestoreThread(thread) };
}

/// In a forked child: nobody else is inside. What was on the list is the child's as well; a push that
/// the fork cut in two has counted a node that never came.
///
/// # Safety
///
/// Attached, in the child, before any other thread.
pub(crate) unsafe fn reset_after_fork() {
    hang::set_ending(false);
    CLOSER.store(null_mut(), Ordering::Relaxed);
    GATE.reset();
    DRAIN_CALL.failed(); // it may have been the parent's
    // SAFETY: the caller's contract.
    unsafe {
        kept::reset_after_fork();
        blocks::reset_after_fork();
    }
    // SAFETY: attached; no word is held by a thread that forks.
    unsafe { drain() };
    DEFERRED.forget();
}
