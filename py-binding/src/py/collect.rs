//! The collector sees through native objects: `tp_traverse` and `tp_clear` of every class that can reach
//! Python objects, made of reflection.
//!
//! # What a wrapper visits
//!
//! Where a wrapper and its object live and die together (its class keeps state, or nobody else holds the
//! object), what the object holds natively counts as the wrapper's: Python objects in carriers and in
//! functions made of callables, directly or through natives that only this one holds; and wrappers whose
//! objects own them.
//!
//! A wrapper that its object owns has one Python reference that no Python object accounts for. It stands for
//! whoever holds the object natively. If all of them are found here (strong 3: the wrapper and two that a
//! walk comes by), the reference is visited from the last of them. If there are others, native code that
//! nobody sees, it is not visited, and so the collector takes the wrapper for held: which it is.
//!
//! # Two passes, one picture
//!
//! The collector first subtracts what its candidates refer to from their counts, then marks what can be
//! reached from those that have some left. Native threads go on meanwhile. So the first pass looks, once
//! for each wrapper, and notes what it found; the second goes by what was noted, and through all of it. The passes are told
//! apart by the function that the collector hands over, which [`learn`] has come to know by what it does.
//! Where it has not (a collector of another kind), no native edge is shown to it, and nothing is collected
//! wrongly.
//!
//! No reference count is touched (hazard 4), and locks are tried, not waited for.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use object_core::header::flags::LEAF;
use object_core::{ObjectHeader, clear_children, visit_children};
use pyo3::ffi;

use crate::py::carrier::carried;
use crate::py::host::tied_word;
use crate::py::raise::Raised;
use crate::py::refs::is_collected;
use crate::py::wrapper::{state, storage};
use crate::tie::State;
use crate::tie::lock::peek;

/// The collector's function that takes from a candidate's count what the visited one refers to.
static SUBTRACT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// The one that marks what can be reached.
static REACH: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// What one wrapper's object held when counts were last subtracted.
#[derive(Default)]
struct Record {
    found: Vec<usize>,
    /// How many that hold its object natively were found in the pass of the second number.
    holders: (u32, u64),
}

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

/// Of the collection under way. Guarded by the interpreter, and by a lock so that Rust knows.
#[derive(Default)]
struct Collection {
    pass: u64,
    records: Option<HashMap<usize, Record>>,
}

static COLLECTION: Mutex<Collection> = Mutex::new(Collection {
    pass: 0,
    records: None,
});

impl Collection {
    /// A wrapper's record, if there is memory for it.
    fn record(&mut self, wrapper: *mut ffi::PyObject) -> Option<&mut Record> {
        let records = self.records.get_or_insert_with(HashMap::new);
        records.try_reserve(1).ok()?;
        // SAFETY: a wrapper, alive; noted until it dies, so that no other at its address is taken for it.
        unsafe { storage(wrapper) }.mark(state::RECORDED, true);
        Some(records.entry(wrapper.addr()).or_default())
    }

    /// One more was found that holds the object of `wrapper` natively; whether all `strong - 1` are.
    fn is_last_holder(&mut self, wrapper: *mut ffi::PyObject, strong: u32) -> bool {
        let pass = self.pass;
        let Some(record) = self.record(wrapper) else {
            return false;
        };
        let (before, then) = record.holders;
        let now = if then == pass { before + 1 } else { 1 };
        record.holders = (now, pass);
        now == strong - 1
    }

    /// How many that hold the object of `wrapper` natively were found.
    fn holders(&self, wrapper: *mut ffi::PyObject) -> u32 {
        let records = self.records.as_ref();
        records
            .and_then(|records| records.get(&wrapper.addr()))
            .map_or(0, |record| record.holders.0)
    }

    /// What `wrapper` visits in a subtracting pass.
    fn subtract(&mut self, wrapper: *mut ffi::PyObject) -> Vec<usize> {
        // SAFETY: a live wrapper.
        let there = unsafe { storage(wrapper) };
        let begins = !SUBTRACTING.swap(true, Ordering::Relaxed);
        if begins || !there.note_pass(self.pass) {
            self.pass += 1;
            there.note_pass(self.pass);
        }
        let known = there.is(state::RECORDED);
        let mut visited = Vec::new();
        let mut found = Vec::new();
        // SAFETY: as above; attached.
        unsafe {
            edges(wrapper, &mut |object, strong| {
                found.push(object.expose_provenance());
                if strong.is_none_or(|strong| self.is_last_holder(object, strong)) {
                    visited.push(object.expose_provenance());
                }
            });
        }
        if found.is_empty() && !known {
            return visited;
        }
        match self.record(wrapper) {
            Some(record) => {
                record.found = found;
                visited
            }
            // What could not be noted is not visited, and not shown from an earlier pass either.
            None => {
                let record = self.records.as_mut();
                if let Some(record) = record.and_then(|all| all.get_mut(&wrapper.addr())) {
                    record.found.clear();
                }
                Vec::new()
            }
        }
    }
}

/// Calls `found` with each Python object that `wrapper`'s object holds natively, as the head of this file
/// has it; of wrappers that are owned by their objects also with the strong references there are to those.
///
/// # Safety
///
/// Attached; a live wrapper.
unsafe fn edges(
    wrapper: *mut ffi::PyObject,
    found: &mut dyn FnMut(*mut ffi::PyObject, Option<u32>),
) {
    // SAFETY: attached; what a wrapper's handle names is alive by its reference.
    unsafe {
        let there = storage(wrapper);
        let Some(object) = NonNull::new(there.address()) else {
            return;
        };
        let counts = object.as_ref().counts();
        let one = counts.is_shared() && there.is(state::SHARES);
        if object.as_ref().flags() & LEAF != 0 || !(one || counts.is_unique()) {
            return;
        }
        within(object, DEPTH, found);
    }
}

/// Through how many natives, one in the other, a walk goes: each takes some of the stack.
const DEPTH: u32 = 100;

/// As [`edges`], of a wrapper's object or a native one that it holds.
///
/// # Safety
///
/// As [`edges`]; the object stays in its place: whatever leads to it does not change, or is locked.
unsafe fn within(
    object: NonNull<ObjectHeader>,
    depth: u32,
    found: &mut dyn FnMut(*mut ffi::PyObject, Option<u32>),
) {
    // SAFETY: the caller's contract. A child is walked through while its place is locked: a native thread
    // that would replace and drop it waits.
    unsafe {
        if let Some(held) = carried(object.as_ref()) {
            found(held, None);
            return;
        }
        visit_children(object, |child| {
            let header = child.as_ref();
            let counts = header.counts();
            if let Some(State::Active(shown)) = tied_word(child).map(|word| peek(word).state()) {
                let shown = shown.as_ptr().cast::<ffi::PyObject>();
                if storage(shown).is(state::OWNED) && counts.is_shared() && counts.weak() == 0 {
                    found(shown, Some(counts.strong()));
                }
            } else if depth > 0 && header.flags() & LEAF == 0 && counts.is_unique() {
                within(child, depth - 1, found);
            }
        });
    }
}

/// `tp_traverse` of every class of wrappers.
pub(crate) unsafe extern "C" fn traverse(
    wrapper: *mut ffi::PyObject,
    visit: ffi::visitproc,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the slot's contract: attached, a live wrapper.
    unsafe {
        let stop = visit(ffi::Py_TYPE(wrapper).cast(), context);
        if stop != 0 {
            return stop;
        }
        let how = visit as *mut c_void;
        let found = if how == SUBTRACT.load(Ordering::Relaxed) {
            collection().subtract(wrapper)
        } else if how == REACH.load(Ordering::Relaxed) {
            pass_is_over();
            let collection = collection();
            let records = collection.records.as_ref();
            records
                .and_then(|records| records.get(&wrapper.addr()))
                .map_or_else(Vec::new, |record| record.found.clone())
        } else if SUBTRACT.load(Ordering::Relaxed).is_null() {
            Vec::new()
        } else {
            // Somebody asks what it refers to (gc.get_referents).
            let mut found = Vec::new();
            edges(wrapper, &mut |object, _| {
                found.push(object.expose_provenance())
            });
            found
        };
        for object in found {
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
    pass_is_over();
    // SAFETY: the slot's contract: attached, a live wrapper.
    unsafe {
        let there = storage(wrapper);
        if let Some(object) = NonNull::new(there.address()) {
            let counts = object.as_ref().counts();
            let dead = if counts.is_shared() && there.is(state::SHARES) {
                // Looked at again: somebody may have come by it since.
                counts.strong() <= 1 + collection().holders(wrapper)
            } else {
                counts.is_unique()
            };
            if dead && object.as_ref().flags() & LEAF == 0 {
                clear_children(object);
            }
        }
    }
    0
}

/// How many that hold the object of `wrapper` natively were found.
pub(crate) fn holders(wrapper: *mut ffi::PyObject) -> u32 {
    collection().holders(wrapper)
}

/// The wrapper dies: what was noted of it goes.
pub(crate) fn forget(wrapper: *mut ffi::PyObject) {
    if let Some(records) = collection().records.as_mut() {
        records.remove(&wrapper.addr());
    }
}

/// An object whose traversal shows what the collector's functions do.
#[repr(C)]
struct Probe {
    base: ffi::PyObject,
    other: *mut ffi::PyObject,
}

/// Where a collector on a build with a GIL counts while it is at work: in the word in front of the object,
/// above two bits of flags.
unsafe fn counted(object: *mut ffi::PyObject) -> usize {
    // SAFETY: the caller's: a collected object.
    unsafe { *object.cast::<usize>().sub(1) >> 2 }
}

unsafe extern "C" fn probe_traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let other = (*object.cast::<Probe>()).other;
        if other.is_null() {
            return 0;
        }
        let how = visit as *mut c_void;
        let before = counted(other);
        let stop = visit(other, context);
        let after = counted(other);
        if before == after + 1 && SUBTRACT.load(Ordering::Relaxed).is_null() {
            SUBTRACT.store(how, Ordering::Relaxed);
        } else if !SUBTRACT.load(Ordering::Relaxed).is_null()
            && how != SUBTRACT.load(Ordering::Relaxed)
            && REACH.load(Ordering::Relaxed).is_null()
        {
            REACH.store(how, Ordering::Relaxed);
        }
        stop
    }
}

unsafe extern "C" fn probe_clear(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let other = core::mem::replace(&mut (*object.cast::<Probe>()).other, null_mut());
        ffi::Py_XDECREF(other);
    }
    0
}

unsafe extern "C" fn probe_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the slot's contract; a Probe.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_UnTrack(object.cast());
        probe_clear(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Gets to know the collector's two functions: two objects, one of which refers to the other, live through
/// one collection of the youngest. Once, at import.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn learn() -> Result<(), Raised> {
    let entry = |slot, pfunc| ffi::PyType_Slot { slot, pfunc };
    let mut slots = [
        entry(ffi::Py_tp_dealloc, probe_dealloc as *mut c_void),
        entry(ffi::Py_tp_traverse, probe_traverse as *mut c_void),
        entry(ffi::Py_tp_clear, probe_clear as *mut c_void),
        entry(0, null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"tieback._Probe".as_ptr(),
        basicsize: size_of::<Probe>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: attached; objects of ours.
    unsafe {
        let class = ffi::PyType_FromSpec(&raw mut spec).cast::<ffi::PyTypeObject>();
        if class.is_null() {
            return Err(Raised);
        }
        let (first, other) = (
            ffi::PyType_GenericAlloc(class, 0),
            ffi::PyType_GenericAlloc(class, 0),
        );
        let mut done = null_mut();
        if !first.is_null() && !other.is_null() {
            ffi::Py_INCREF(other);
            (*first.cast::<Probe>()).other = other;
            let gc = ffi::PyImport_ImportModule(c"gc".as_ptr());
            if !gc.is_null() {
                done = ffi::PyObject_CallMethod(gc, c"collect".as_ptr(), c"i".as_ptr(), 0);
                ffi::Py_DECREF(gc);
            }
        }
        ffi::Py_XDECREF(first);
        ffi::Py_XDECREF(other);
        ffi::Py_DECREF(class.cast());
        if done.is_null() {
            return Err(Raised);
        }
        ffi::Py_DECREF(done);
        // Half of it is no use.
        if REACH.load(Ordering::Relaxed).is_null() {
            SUBTRACT.store(null_mut(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Whether wrappers of a class made here are followed by the collector, where they can reach Python objects.
pub(crate) const COLLECTS: bool = crate::py::refs::SHARED_LIFE;

/// Lets the collector's calls come to [`traverse`] and [`clear`] for instances of Python's subclasses.
///
/// # Safety
///
/// Attached; a new class of wrappers without slots of this kind.
pub(crate) unsafe fn show_native_edges(class: *mut ffi::PyTypeObject) {
    // SAFETY: the caller's contract. A class that is not collected itself has the slots for those below.
    unsafe {
        if COLLECTS && !is_collected(class) {
            (*class).tp_traverse = Some(traverse);
            (*class).tp_clear = Some(clear);
        }
    }
}
