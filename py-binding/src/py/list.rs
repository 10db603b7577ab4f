//! `tieback.List`: the slots of the mutable list.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use object_core::abi::RawAny;
use object_core::table::{ANY_VERSION, container_status as status};
use object_core::{Any, List, ListObj, SpliceError, runtime, type_index};
use pyo3::ffi;

use crate::py::classes;
use crate::py::dealloc::wrapper_dealloc;
use crate::py::filler::{Filler, is_filled};
use crate::py::hang;
use crate::py::into::{index_of as int_index_of, to_value, values_of};
use crate::py::items::{
    Slice, index_of, length, native, no_index, none, one_argument, out_of_range, own, place_of,
};
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, no_memory, raise};
use crate::py::slots::{class_from_spec, collected};
use crate::py::spec::{END, slot};

/// A list by its wrapper, with a reference of its own.
///
/// # Safety
///
/// Attached; a live wrapper.
pub(crate) unsafe fn list(object: *mut ffi::PyObject) -> Result<List, Raised> {
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
        Filler::of(class, list_new, list_init).make(
            class,
            || values_in(args, kwargs).map(Option::unwrap_or_default),
            |values| List::try_from_vec(values).map(List::into_object),
        )
    }
}

/// `list.__init__(iterable=())`: has these values from now on, as `list`'s does.
unsafe extern "C" fn list_init(
    object: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> c_int {
    hang::ready();
    // SAFETY: the slot's contract: attached, a live wrapper, a tuple, a dict or NULL.
    let done = unsafe {
        (|| {
            if is_filled(object) {
                return Ok(());
            }
            let values = values_in(args, kwargs)?;
            // Without any it leaves alone what a `__new__` of Python's has put there.
            let class = ffi::Py_TYPE(object);
            if values.is_none() && Filler::of(class, list_new, list_init) == Filler::NewOfTheirs {
                return Ok(());
            }
            let (list, values) = (list(object)?, values.unwrap_or_default());
            list.try_splice(0, usize::MAX, values, None)
                .map_err(|_| no_memory())
        })()
    };
    if done.is_ok() { 0 } else { -1 }
}

/// The values of a call's one argument, if there is one.
///
/// # Safety
///
/// Attached; a tuple, and a dict or NULL.
unsafe fn values_in(
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<Option<Vec<Any>>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let iterable = one_argument("List", args, kwargs)?;
        (!iterable.is_null())
            .then(|| values_of(iterable))
            .transpose()
    }
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
    c"List(iterable=(), /)\n--\n\nA mutable native list that every frontend sees change.";

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
        slot(ffi::Py_tp_init, list_init as *mut c_void),
        slot(ffi::Py_sq_length, sequence_length as *mut c_void),
        slot(ffi::Py_sq_item, item as *mut c_void),
        slot(ffi::Py_sq_ass_item, assign_item as *mut c_void),
        slot(ffi::Py_mp_length, sequence_length as *mut c_void),
        slot(ffi::Py_mp_subscript, subscript as *mut c_void),
        slot(ffi::Py_mp_ass_subscript, assign as *mut c_void),
        slot(ffi::Py_tp_methods, METHODS.0.as_ptr().cast_mut().cast()),
        slot(ffi::Py_tp_doc, DOC.as_ptr().cast_mut().cast()),
        END,
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
