//! Iterators over containers. One that has begun says so when entries come, go or move.
//!
//! An iterator has the container's wrapper, as any Python object has another: so the collector sees it, and
//! cycles through iterators go as those through a `list`'s do. It takes no reference of its own to the native
//! container, and a container that is moved out meanwhile is not iterated to its end.

use core::ffi::{c_int, c_void};
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use object_core::{
    Any, Array, Changed, Cursor, Dict, List, Map, Object, ObjectArc, ObjectHeader, type_index,
};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::py::hang;
use crate::py::items::native;
use crate::py::map::Either;
use crate::py::map_methods::either;
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, raise};
use crate::py::slots::native_of;
use crate::py::spec::{self, END, slot};

/// What an iteration over a map gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Keys,
    Values,
    Items,
}

/// One iteration. Shared by threads it may give an entry twice; it never gives one that was not there.
///
/// # Invariants
///
/// `at` is the next place; behind the end of what is iterated when it is over. All but the atomics is as it was when
/// iteration began.
#[repr(C)]
struct Steps {
    ob_base: ffi::PyObject,
    /// The container's wrapper, owned; null when nothing is to come. Every step looks at its object anew.
    over: AtomicPtr<ffi::PyObject>,
    at: AtomicUsize,
    given: AtomicUsize,
    /// Length and version when iteration began.
    len: usize,
    version: u64,
    number: i32,
    what: What,
    backwards: bool,
}

const OVER: usize = usize::MAX;

/// The container behind an address, for one look.
///
/// # Safety
///
/// It is one, and alive for as long as this is used.
unsafe fn borrowed<T: Object, C>(
    object: NonNull<ObjectHeader>,
    of: impl FnOnce(ObjectArc<T>) -> C,
) -> ManuallyDrop<C> {
    // SAFETY: the caller's contract. Never dropped: the reference is not ours.
    ManuallyDrop::new(of(unsafe { ObjectArc::from_raw(object.cast()) }))
}

impl Steps {
    /// The place that comes next, counted from the front.
    fn place(&self, at: usize) -> Option<usize> {
        if at >= self.len {
            return None;
        }
        Some(if self.backwards {
            self.len - 1 - at
        } else {
            at
        })
    }

    /// The next entry.
    ///
    /// # Errors
    ///
    /// ValueError: the container was moved out. RuntimeError: it has changed.
    ///
    /// # Safety
    ///
    /// Attached; `over` is the container's wrapper, alive until this returns.
    unsafe fn step(&self, over: *mut ffi::PyObject) -> Result<Option<(Any, Any)>, Raised> {
        // Relaxed: the containers order what is in them.
        let at = self.at.load(Ordering::Relaxed);
        let one = |value: Any| (Any::NONE, value);
        // SAFETY: the caller's contract; each number with its object, which is there for the glance: a look at
        // it runs no Python code.
        let found = unsafe {
            let glance = native(over, self.number)?;
            let object = glance.object();
            match self.number {
                type_index::ARRAY => {
                    let array = borrowed(object, Array::from_object);
                    let place = self.place(at);
                    Ok(place.and_then(|at| array.get(at).cloned()).map(one))
                }
                type_index::LIST if at == OVER => Ok(None),
                // Behind the last it asks as well: what came meanwhile is not passed over in silence.
                type_index::LIST => borrowed(object, List::from_object)
                    .get_in(self.place(at).unwrap_or(self.len), self.version)
                    .map(|found| found.map(one)),
                type_index::MAP => {
                    let map = borrowed(object, Map::from_object);
                    let pair = self.place(at).and_then(|at| map.pairs().get(at));
                    Ok(pair.map(|[key, value]| (key.clone(), value.clone())))
                }
                _ => return self.step_dict(&borrowed(object, Dict::from_object), at),
            }
        };
        match found {
            Ok(found) => {
                let to = if found.is_some() { at + 1 } else { OVER };
                self.at.store(to, Ordering::Relaxed);
                Ok(found)
            }
            // SAFETY: attached.
            Err(Changed) => Err(unsafe { changed("List") }),
        }
    }

    /// As [`step`](Self::step), of a Dict.
    ///
    /// # Safety
    ///
    /// Attached.
    unsafe fn step_dict(&self, dict: &Dict, at: usize) -> Result<Option<(Any, Any)>, Raised> {
        if at == OVER {
            return Ok(None);
        }
        // Backwards the position is stored from the other end, so that both begin at 0 and none is `OVER`.
        let turned = |at: usize| if self.backwards { OVER - 1 - at } else { at };
        let begun = at != 0 || !self.backwards;
        let from = if begun { turned(at) } else { usize::MAX };
        let mut cursor = Cursor::from_parts(from, self.backwards, self.version);
        let found = match dict.step(&mut cursor) {
            Ok(found) => found,
            // SAFETY: attached.
            Err(Changed) => return Err(unsafe { changed("Dict") }),
        };
        let (to, ..) = cursor.parts();
        let to = if found.is_some() { turned(to) } else { OVER };
        self.at.store(to, Ordering::Relaxed);
        Ok(found)
    }

    /// Lets the container go.
    ///
    /// # Safety
    ///
    /// Attached; no other thread is in the middle of a step.
    unsafe fn let_go(&self) {
        // Relaxed: nobody else is here.
        let over = self.over.swap(null_mut(), Ordering::Relaxed);
        // SAFETY: attached; it was ours.
        unsafe { ffi::Py_XDECREF(over) };
    }
}

/// # Safety
///
/// Attached.
#[cold]
unsafe fn changed(what: &str) -> Raised {
    // SAFETY: attached.
    unsafe { raise!(Exc::Runtime, "{what} changed while it was iterated") }
}

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

unsafe extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract: attached, a live iterator. It has the wrapper until it lets it go, which with
    // a GIL nobody does in the middle of a step, and without one nobody at all.
    unsafe {
        let steps = &*object.cast::<Steps>();
        let over = steps.over.load(Ordering::Relaxed);
        if over.is_null() {
            return null_mut();
        }
        match steps.step(over) {
            Ok(Some(found)) => {
                // A load and a store: threads that share an iterator share its hint, which is one.
                let given = steps.given.load(Ordering::Relaxed);
                steps.given.store(given + 1, Ordering::Relaxed);
                show(steps.what, found)
            }
            Ok(None) => {
                // Without a GIL another thread may be at a step: there, as with Python's own, the container goes
                // with its iterator.
                #[cfg(not(Py_GIL_DISABLED))]
                steps.let_go();
                null_mut()
            }
            Err(Raised) => null_mut(),
        }
    }
}

/// What an iteration gives of an entry.
///
/// # Safety
///
/// Attached.
#[inline]
unsafe fn show(what: What, (key, value): (Any, Any)) -> *mut ffi::PyObject {
    // SAFETY: attached; what is made here is given to the new tuple, or given back.
    unsafe {
        match what {
            What::Keys => value_into_python(key),
            What::Values => value_into_python(value),
            What::Items => {
                let key = value_into_python(key);
                if key.is_null() {
                    return null_mut();
                }
                let value = value_into_python(value);
                if value.is_null() {
                    ffi::Py_DECREF(key);
                    return null_mut();
                }
                let pair = ffi::PyTuple_New(2);
                if pair.is_null() {
                    ffi::Py_DECREF(key);
                    ffi::Py_DECREF(value);
                    return null_mut();
                }
                ffi::PyTuple_SET_ITEM(pair, 0, key);
                ffi::PyTuple_SET_ITEM(pair, 1, value);
                pair
            }
        }
    }
}

unsafe extern "C" fn itself(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract.
    unsafe { ffi::Py_INCREF(object) };
    object
}

unsafe extern "C" fn length_hint(
    object: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the method's contract: attached, a live iterator.
    unsafe {
        let steps = &*object.cast::<Steps>();
        ffi::PyLong_FromSize_t(
            steps
                .len
                .saturating_sub(steps.given.load(Ordering::Relaxed)),
        )
    }
}

unsafe extern "C" fn traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    context: *mut c_void,
) -> c_int {
    // Quiet: the collector waits for it, and nothing is called but the visitor.
    // SAFETY: the slot's contract: attached, a live iterator.
    unsafe {
        let stop = visit(ffi::Py_TYPE(object).cast(), context);
        let over = (*object.cast::<Steps>()).over.load(Ordering::Relaxed);
        if stop != 0 || over.is_null() {
            return stop;
        }
        visit(over, context)
    }
}

unsafe extern "C" fn clear(object: *mut ffi::PyObject) -> c_int {
    hang::ready();
    // SAFETY: the slot's contract: attached, an iterator that nobody can reach any more.
    unsafe { (*object.cast::<Steps>()).let_go() };
    0
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    hang::ready();
    // SAFETY: the slot's contract: the last reference went.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        let class = ffi::Py_TYPE(object);
        let over = (*object.cast::<Steps>()).over.load(Ordering::Relaxed);
        if let Some(free) = (*class).tp_free {
            free(object.cast());
        }
        ffi::Py_DECREF(class.cast());
        ffi::Py_XDECREF(over);
    }
}

struct Methods([ffi::PyMethodDef; 2]);
// SAFETY: immutable; pointers to statics.
unsafe impl Sync for Methods {}

static METHODS: Methods = Methods([
    ffi::PyMethodDef {
        ml_name: c"__length_hint__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunction: length_hint,
        },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: c"__length_hint__($self, /)\n--\n\nHow many are to come.".as_ptr(),
    },
    ffi::PyMethodDef::zeroed(),
]);

/// Makes the class. Once, at import.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn make_class() -> Result<(), Raised> {
    let mut slots = [
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as *mut c_void),
        slot(ffi::Py_tp_clear, clear as *mut c_void),
        slot(ffi::Py_tp_iter, itself as *mut c_void),
        slot(ffi::Py_tp_iternext, next as *mut c_void),
        slot(ffi::Py_tp_methods, METHODS.0.as_ptr().cast_mut().cast()),
        END,
    ];
    let flags = ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
    let name = c"tieback._core.ContainerIterator";
    // SAFETY: attached; slots of Steps.
    let class =
        unsafe { spec::make_class(name, size_of::<Steps>(), flags, null_mut(), &mut slots) }?;
    CLASS.store(class, Ordering::Release);
    Ok(())
}

/// A new iterator over the container of a wrapper: its type's number, length and version.
///
/// # Errors
///
/// MemoryError.
fn begin<'py>(
    over: &Bound<'py, PyAny>,
    (number, len, version): (i32, usize, u64),
    what: What,
    backwards: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = over.py();
    // SAFETY: attached; the class was made at import and lives for ever; its instances are Steps, and nobody else
    // has this one. The collector may come by it while it is zeroed.
    unsafe {
        let class = CLASS.load(Ordering::Acquire);
        let made = match (*class).tp_alloc {
            Some(alloc) => alloc(class, 0),
            None => null_mut(),
        };
        let object = Bound::from_owned_ptr_or_err(py, made)?;
        let steps = made.cast::<Steps>();
        // INVARIANT: at its beginning. Plain writes, each to its own place: the collector looks at `over` alone.
        (&raw mut (*steps).len).write(len);
        (&raw mut (*steps).version).write(version);
        (&raw mut (*steps).number).write(number);
        (&raw mut (*steps).what).write(what);
        (&raw mut (*steps).backwards).write(backwards);
        (*steps)
            .over
            .store(over.clone().into_ptr(), Ordering::Relaxed);
        Ok(object)
    }
}

/// Iterates over the items of an Array or a List.
#[pyfunction]
pub(crate) fn iterate_items<'py>(
    object: &Bound<'py, PyAny>,
    backwards: bool,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = object.py();
    let raised = |Raised| PyErr::fetch(py);
    // SAFETY: attached; called by methods of the two classes. Each number with its object, there for the glance.
    let over = unsafe {
        let asked = native_of(object.as_ptr()).map_err(raised)?;
        let is_list = asked.object().as_ref().type_index() == type_index::LIST;
        drop(asked);
        if is_list {
            let glance = native(object.as_ptr(), type_index::LIST).map_err(raised)?;
            let (len, version) = borrowed(glance.object(), List::from_object).len_and_version();
            (type_index::LIST, len, version)
        } else {
            let glance = native(object.as_ptr(), type_index::ARRAY).map_err(raised)?;
            let len = borrowed(glance.object(), Array::from_object).len();
            (type_index::ARRAY, len, 0)
        }
    };
    begin(object, over, What::Values, backwards)
}

/// Iterates over the keys (0), values (1) or items (2) of a Map or Dict.
#[pyfunction]
pub(crate) fn iterate_map<'py>(
    object: &Bound<'py, PyAny>,
    what: u8,
    backwards: bool,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let what = match what {
        0 => What::Keys,
        1 => What::Values,
        _ => What::Items,
    };
    let over = match either(object)? {
        Either::Map(map) => (type_index::MAP, map.len(), 0),
        Either::Dict(dict) => {
            let (cursor, len) = dict.cursor(backwards);
            let (_, _, version) = cursor.parts();
            (type_index::DICT, len, version)
        }
    };
    begin(object, over, what, backwards)
}
