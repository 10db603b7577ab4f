//! `tieback.List`: the slots of the mutable list, and what the package's methods need besides.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use object_core::abi::RawAny;
use object_core::table::{ANY_VERSION, container_status as status};
use object_core::{
    Any, List, ListObj, NewError, ObjectArc, ObjectHeader, SpliceError, runtime, type_index,
};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::py::array::{bind_fresh, no_init};
use crate::py::classes;
use crate::py::dealloc::wrapper_dealloc;
use crate::py::hang;
use crate::py::into::{index_of as int_index_of, list_of, to_value, values_of};
use crate::py::items::{
    Slice, index_of, length, native, no_index, none, one_argument, out_of_range, own, place_of,
};
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, no_memory, raise, type_name};
use crate::py::slots::{class_from_spec, collected, slot};

/// A list by its wrapper, with a reference of its own.
///
/// # Safety
///
/// Attached; a live wrapper.
unsafe fn list(object: *mut ffi::PyObject) -> Result<List, Raised> {
    // SAFETY: the number is ListObj's.
    unsafe { own::<ListObj>(object, type_index::LIST).map(List::from_object) }
}

unsafe extern "C" fn sequence_length(object: *mut ffi::PyObject) -> isize {
    hang::enter();
    // SAFETY: the slot's contract; a live list by its number.
    length(unsafe {
        native(object, type_index::LIST)
            .map(|list| (runtime().list_len)(list.object().as_ptr(), null_mut()))
    })
}

/// The value at a place that is not negative, shown; IndexError names `at`.
///
/// # Safety
///
/// Attached; a live list's wrapper.
#[inline]
unsafe fn show(object: *mut ffi::PyObject, mut at: isize) -> *mut ffi::PyObject {
    let asked = at;
    // SAFETY: attached; the list is there for the glance, which runs no Python code; what is found is
    // owned.
    unsafe {
        let Ok(list) = native(object, type_index::LIST) else {
            return null_mut();
        };
        let raw = list.object().as_ptr();
        if at < 0 {
            at += (runtime().list_len)(raw, null_mut()) as isize;
        }
        if let Ok(place) = usize::try_from(at) {
            let mut value = RawAny::NONE;
            if (runtime().list_get)(raw, place, ANY_VERSION, &raw mut value) == status::FOUND {
                drop(list);
                return value_into_python(Any::from_raw(value));
            }
        }
        let len = (runtime().list_len)(raw, null_mut());
        drop(list);
        out_of_range("a List", asked, len).null()
    }
}

/// `sq_item`: the interpreter added the length to a negative index already.
unsafe extern "C" fn item(object: *mut ffi::PyObject, at: isize) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract. One that is negative still is out of range.
    unsafe { show(object, if at < 0 { isize::MAX } else { at }) }
}

unsafe extern "C" fn subscript(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract.
    unsafe {
        if ffi::PyLong_CheckExact(key) != 0 || ffi::PyIndex_Check(key) != 0 {
            return index_of(key).map_or(null_mut(), |at| show(object, at));
        }
        if ffi::PySlice_Check(key) == 0 {
            return no_index("List", key).null();
        }
        match slice(object, key) {
            Ok(list) => value_into_python(list.into()),
            Err(Raised) => null_mut(),
        }
    }
}

/// # Safety
///
/// As [`subscript`]; a slice.
unsafe fn slice(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> Result<List, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let slice = Slice::of(key)?;
        let list = list(object)?;
        loop {
            let (len, version) = list.len_and_version();
            let places = slice.cut(len);
            let (first, count) = if places.step == 1 {
                (places.start as usize, places.count)
            } else {
                (0, len)
            };
            let (read, of) = list.try_read(first, count).map_err(|_| no_memory())?;
            if of != version {
                continue; // another thread was at it
            }
            if places.step == 1 {
                return List::try_from_vec(read).map_err(|_| no_memory());
            }
            let picked = places.iter().map(|place| read[place].clone());
            return List::try_from_values(picked).map_err(|_| no_memory());
        }
    }
}

/// `list[key] = value`, or `del list[key]` for a value that is NULL.
unsafe extern "C" fn assign(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    hang::ready();
    // SAFETY: the slot's contract.
    let done = unsafe {
        if ffi::PyIndex_Check(key) != 0 {
            index_of(key).and_then(|at| assign_one(object, at, value))
        } else if ffi::PySlice_Check(key) != 0 {
            assign_slice(object, key, value)
        } else {
            Err(no_index("List", key))
        }
    };
    if done.is_ok() { 0 } else { -1 }
}

/// `sq_ass_item`, for C code that has an index.
unsafe extern "C" fn assign_item(
    object: *mut ffi::PyObject,
    at: isize,
    value: *mut ffi::PyObject,
) -> c_int {
    hang::ready();
    let at = if at < 0 { isize::MAX } else { at };
    // SAFETY: the slot's contract.
    if unsafe { assign_one(object, at, value) }.is_ok() {
        0
    } else {
        -1
    }
}

/// # Safety
///
/// As [`assign`].
unsafe fn assign_one(
    object: *mut ffi::PyObject,
    at: isize,
    value: *mut ffi::PyObject,
) -> Result<(), Raised> {
    // SAFETY: attached, live objects. What is replaced is dropped here, with no lock held.
    unsafe {
        let list = list(object)?;
        if value.is_null() {
            loop {
                let (len, version) = list.len_and_version();
                let place = place_of(at, len).ok_or_else(|| out_of_range("a List", at, len))?;
                if list.remove_in(place, version).is_ok() {
                    return Ok(());
                }
            }
        }
        let mut new = to_value(value)?;
        loop {
            let len = list.len();
            let place = place_of(at, len).ok_or_else(|| out_of_range("a List", at, len))?;
            match list.set(place, new) {
                Ok(old) => {
                    drop(old);
                    return Ok(());
                }
                Err(back) => new = back, // it shrank meanwhile
            }
        }
    }
}

/// # Safety
///
/// As [`assign`]; a slice.
unsafe fn assign_slice(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> Result<(), Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let slice = Slice::of(key)?;
        let mut new = if value.is_null() {
            Vec::new()
        } else {
            values_of(value)?
        };
        let list = list(object)?;
        loop {
            let (len, version) = list.len_and_version();
            let places = slice.cut(len);
            let (start, stop, values) = if places.step == 1 {
                let stop = places.stop.max(places.start);
                (
                    places.start as usize,
                    stop as usize,
                    core::mem::take(&mut new),
                )
            } else {
                if !value.is_null() && new.len() != places.count {
                    let (got, expected) = (new.len(), places.count);
                    return Err(raise!(
                        Exc::Value,
                        "attempt to assign sequence of size {got} to extended slice of size \
                         {expected}"
                    ));
                }
                let (mut all, of) = list.try_read(0, len).map_err(|_| no_memory())?;
                if of != version {
                    continue;
                }
                if value.is_null() {
                    let mut gone = vec![false; len];
                    places.iter().for_each(|place| gone[place] = true);
                    let mut gone = gone.into_iter();
                    all.retain(|_| gone.next() == Some(false));
                } else {
                    for (place, new) in places.iter().zip(&new) {
                        all[place] = new.clone();
                    }
                }
                (0, usize::MAX, all)
            };
            match list.try_splice(start, stop, values, Some(version)) {
                Ok(()) => return Ok(()),
                Err(SpliceError::Changed(back)) if places.step == 1 => new = back,
                Err(SpliceError::Changed(_)) => {}
                Err(SpliceError::NoMemory(_)) => return Err(no_memory()),
            }
        }
    }
}

/// `tieback.List(iterable=())`.
unsafe extern "C" fn list_new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        let made = one_argument("List", args, kwargs).and_then(|iterable| {
            if iterable.is_null() {
                empty()
            } else {
                list_of(iterable)
            }
        });
        let Ok(list) = made else { return null_mut() };
        let object = ObjectArc::into_raw(list.into_object()).cast::<ObjectHeader>();
        bind_fresh(class, object, None)
    }
}

unsafe fn empty() -> Result<List, Raised> {
    // SAFETY: the caller's: attached.
    List::try_new().map_err(|_| unsafe { no_memory() })
}

unsafe extern "C" fn append(
    object: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the method's contract: attached, live objects.
    unsafe {
        let done = (|| {
            let list = list(object)?;
            list.try_push(to_value(value)?).map_err(|_| no_memory())
        })();
        if done.is_ok() { none() } else { null_mut() }
    }
}

/// `list.pop(index=-1)`.
unsafe extern "C" fn pop(
    object: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the method's contract: attached, a live wrapper, a tuple.
    let popped = unsafe {
        (|| {
            let at = match ffi::PyTuple_Size(args) {
                0 => -1,
                1 => int_index_of(ffi::PyTuple_GetItem(args, 0))? as isize,
                count => {
                    return Err(raise!(
                        Exc::Type,
                        "pop() takes one index at most, got {count} arguments"
                    ));
                }
            };
            let list = list(object)?;
            loop {
                let (len, version) = list.len_and_version();
                if len == 0 {
                    return Err(raise!(Exc::Index, "pop from an empty List"));
                }
                let place = place_of(at, len).ok_or_else(|| out_of_range("a List", at, len))?;
                if let Ok(Some(value)) = list.remove_in(place, version) {
                    return Ok(value);
                }
            }
        })()
    };
    match popped {
        // SAFETY: attached.
        Ok(value) => unsafe { value_into_python(value) },
        Err(Raised) => null_mut(),
    }
}

struct Methods([ffi::PyMethodDef; 3]);
// SAFETY: immutable; pointers to statics.
unsafe impl Sync for Methods {}

static METHODS: Methods = Methods([
    ffi::PyMethodDef {
        ml_name: c"append".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunction: append,
        },
        ml_flags: ffi::METH_O,
        ml_doc: c"append($self, value, /)\n--\n\nPuts a value at the end.".as_ptr(),
    },
    ffi::PyMethodDef {
        ml_name: c"pop".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: pop },
        ml_flags: ffi::METH_VARARGS,
        ml_doc: c"pop($self, index=-1, /)\n--\n\nTakes a value out and returns it.".as_ptr(),
    },
    ffi::PyMethodDef::zeroed(),
]);

const DOC: &core::ffi::CStr =
    c"List(iterable=())\n--\n\nA mutable native list that every frontend sees change.";

/// Makes `tieback.List`.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; the base class is made.
pub(crate) unsafe fn make_list() -> Result<*mut ffi::PyTypeObject, Raised> {
    let slots = [
        slot(ffi::Py_tp_dealloc, wrapper_dealloc as *mut c_void),
        slot(ffi::Py_tp_new, list_new as *mut c_void),
        slot(ffi::Py_tp_init, no_init as *mut c_void),
        slot(ffi::Py_sq_length, sequence_length as *mut c_void),
        slot(ffi::Py_sq_item, item as *mut c_void),
        slot(ffi::Py_sq_ass_item, assign_item as *mut c_void),
        slot(ffi::Py_mp_length, sequence_length as *mut c_void),
        slot(ffi::Py_mp_subscript, subscript as *mut c_void),
        slot(ffi::Py_mp_ass_subscript, assign as *mut c_void),
        slot(ffi::Py_tp_methods, METHODS.0.as_ptr().cast_mut().cast()),
        slot(ffi::Py_tp_doc, DOC.as_ptr().cast_mut().cast()),
        slot(0, null_mut()),
    ];
    let size = crate::py::wrapper::PLAIN_SIZE as usize;
    let flags = ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_SEQUENCE | collected(true);
    // SAFETY: attached; slots of a wrapper.
    unsafe {
        let class = class_from_spec(c"tieback.List", size, flags, classes::base(), &slots);
        if class.is_null() {
            return Err(Raised);
        }
        classes::register(type_index::LIST, class, None)?;
        Ok(class)
    }
}

fn py_list(object: &Bound<'_, PyAny>) -> PyResult<List> {
    // SAFETY: attached; `is_wrapper` says that it is one.
    unsafe {
        if !classes::is_wrapper(object.as_ptr()) {
            let got = type_name(object.as_ptr());
            let _ = raise!(Exc::Type, "expected a tieback.List, got {got}");
            return Err(PyErr::fetch(object.py()));
        }
        list(object.as_ptr()).map_err(|Raised| PyErr::fetch(object.py()))
    }
}

fn memory(py: Python<'_>, _: NewError) -> PyErr {
    // SAFETY: attached.
    let _ = unsafe { no_memory() };
    PyErr::fetch(py)
}

/// The values at one moment, as a Python list, and the version they are of.
#[pyfunction]
pub(crate) fn list_read<'py>(object: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyList>, u64)> {
    hang::ready();
    let py = object.py();
    let (values, version) = py_list(object)?
        .try_read(0, usize::MAX)
        .map_err(|error| memory(py, error))?;
    let shown = PyList::empty(py);
    for value in values {
        // SAFETY: attached; a new reference or an exception.
        let value = unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(value)) }?;
        shown.append(value)?;
    }
    Ok((shown, version))
}

/// Puts an iterable's values in the place of those from `start` to `stop`, all in one step.
#[pyfunction]
pub(crate) fn list_splice(
    object: &Bound<'_, PyAny>,
    start: isize,
    stop: isize,
    values: &Bound<'_, PyAny>,
) -> PyResult<()> {
    hang::ready();
    let py = object.py();
    // SAFETY: attached; a live object.
    let values = unsafe { values_of(values.as_ptr()) }.map_err(|Raised| PyErr::fetch(py))?;
    let list = py_list(object)?;
    let place = |at: isize| {
        let from_end = || list.len().saturating_sub(at.unsigned_abs());
        usize::try_from(at).unwrap_or_else(|_| from_end())
    };
    let (start, stop) = (place(start), place(stop));
    list.try_splice(start, stop, values, None).map_err(|_| {
        // SAFETY: attached.
        let _ = unsafe { no_memory() };
        PyErr::fetch(py)
    })
}

/// Makes the list hold the values that it has at the places in `order`, if it is of that version:
/// whether it was.
#[pyfunction]
pub(crate) fn list_pick(
    object: &Bound<'_, PyAny>,
    order: Vec<usize>,
    version: u64,
) -> PyResult<bool> {
    hang::ready();
    let py = object.py();
    let list = py_list(object)?;
    let (values, of) = list
        .try_read(0, usize::MAX)
        .map_err(|error| memory(py, error))?;
    if of != version {
        return Ok(false);
    }
    let mut picked = Vec::new();
    if picked.try_reserve_exact(order.len()).is_err() {
        // SAFETY: attached.
        let _ = unsafe { no_memory() };
        return Err(PyErr::fetch(py));
    }
    picked.extend(order.iter().filter_map(|&place| values.get(place).cloned()));
    match list.try_splice(0, usize::MAX, picked, Some(version)) {
        Ok(()) => Ok(true),
        Err(SpliceError::Changed(_)) => Ok(false),
        Err(SpliceError::NoMemory(error)) => Err(memory(py, error.cause)),
    }
}
