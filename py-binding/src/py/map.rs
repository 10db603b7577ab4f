//! `tieback.Map` and `tieback.Dict`: the slots of both.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use object_core::{Any, Dict, DictObj, Map, MapObj, ObjectArc, ObjectHeader, type_index as index};
use pyo3::ffi;

use crate::py::array::{bind_fresh, no_init};
use crate::py::classes::{self, is_wrapper};
use crate::py::dealloc::wrapper_dealloc;
use crate::py::filler::{Filler, is_filled};
use crate::py::hang;
use crate::py::into::{flat_of_dict, to_value};
use crate::py::items::{length, none, own};
use crate::py::keys::{ask_missing, key_of, missing, sought};
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, has_attribute, name_place, no_memory, raise};
use crate::py::slots::{class_from_spec, collected};
use crate::py::spec::{END, slot};
use crate::py::wrapper::glance;

/// The number of a wrapper's type.
///
/// # Safety
///
/// Attached; a live wrapper.
unsafe fn number_of(object: *mut ffi::PyObject) -> Result<i32, Raised> {
    // SAFETY: the caller's contract.
    unsafe { Ok(glance(object)?.object().as_ref().type_index()) }
}

/// Either of the two, with a reference of its own.
pub(crate) enum Either {
    Map(Map),
    Dict(Dict),
}

impl Either {
    /// # Errors
    ///
    /// ValueError: moved out. TypeError: of another type.
    ///
    /// # Safety
    ///
    /// Attached; a live wrapper.
    pub(crate) unsafe fn of(object: *mut ffi::PyObject) -> Result<Self, Raised> {
        // SAFETY: the caller's contract; each number with its object.
        unsafe {
            if number_of(object)? == index::MAP {
                own::<MapObj>(object, index::MAP).map(|map| Self::Map(Map::from_object(map)))
            } else {
                own::<DictObj>(object, index::DICT).map(|it| Self::Dict(Dict::from_object(it)))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Map(map) => map.len(),
            Self::Dict(dict) => dict.len(),
        }
    }

    fn get(&self, key: &Any) -> Option<Any> {
        match self {
            Self::Map(map) => map.get(key.view()).cloned(),
            Self::Dict(dict) => dict.get(key.view()),
        }
    }

    pub(crate) fn flat(&self) -> Result<Vec<Any>, Raised> {
        let flat = match self {
            Self::Map(map) => {
                let mut flat = Vec::new();
                let room = flat.try_reserve_exact(2 * map.len()).is_ok();
                room.then(|| {
                    flat.extend(map.pairs().iter().flatten().cloned());
                    flat
                })
            }
            Self::Dict(dict) => dict.try_to_flat().ok(),
        };
        // SAFETY: whoever has an `Either` is attached.
        flat.ok_or_else(|| unsafe { no_memory() })
    }
}

unsafe extern "C" fn mapping_length(object: *mut ffi::PyObject) -> isize {
    hang::enter();
    // SAFETY: the slot's contract.
    length(unsafe { Either::of(object) }.map(|either| either.len()))
}

/// The value of a key, if it is there.
///
/// # Safety
///
/// As [`key_of`].
unsafe fn look_up(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> Result<Option<Any>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let there = Either::of(object)?;
        Ok(sought(key)?.and_then(|key| there.get(&key)))
    }
}

unsafe extern "C" fn subscript(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the slot's contract.
    unsafe {
        match look_up(object, key) {
            Ok(Some(value)) => value_into_python(value),
            Ok(None) => ask_missing(object, key),
            Err(Raised) => null_mut(),
        }
    }
}

unsafe extern "C" fn contains(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    hang::enter();
    // SAFETY: the slot's contract.
    match unsafe { look_up(object, key) } {
        Ok(found) => found.is_some().into(),
        Err(Raised) => -1,
    }
}

/// `map.get(key, default=None)`.
unsafe extern "C" fn get(
    object: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the method's contract: attached, a live wrapper, a tuple.
    unsafe {
        let count = ffi::PyTuple_Size(args);
        if count != 1 && count != 2 {
            return raise!(
                Exc::Type,
                "get() takes a key and a default, got {count} arguments"
            )
            .null();
        }
        match look_up(object, ffi::PyTuple_GetItem(args, 0)) {
            Ok(Some(value)) => value_into_python(value),
            Ok(None) if count == 1 => none(),
            Ok(None) => {
                let default = ffi::PyTuple_GetItem(args, 1);
                ffi::Py_INCREF(default);
                default
            }
            Err(Raised) => null_mut(),
        }
    }
}

/// `dict[key] = value`, or `del dict[key]` for a value that is NULL.
unsafe extern "C" fn assign(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    hang::ready();
    // SAFETY: the slot's contract. What goes is dropped here, with no lock held.
    let done = unsafe {
        (|| {
            let dict = Dict::from_object(own::<DictObj>(object, index::DICT)?);
            if value.is_null() {
                let gone = sought(key)?.and_then(|key| dict.remove_pair(key.view()));
                return gone.map(drop).ok_or_else(|| missing(key));
            }
            let native = key_of(key)?;
            let value = to_value(value)?;
            dict.try_insert(native, value)
                .map(drop)
                .map_err(|_| no_memory())
        })()
    };
    if done.is_ok() { 0 } else { -1 }
}

/// Keys and values of what a class call is given: a mapping or pairs, and keyword arguments.
///
/// # Safety
///
/// Attached; a tuple, and a dict or NULL.
unsafe fn arguments(
    class: &str,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<Vec<Any>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let count = ffi::PyTuple_Size(args);
        if count > 1 {
            return Err(raise!(
                Exc::Type,
                "{class}() takes one mapping or iterable of pairs, got {count} arguments"
            ));
        }
        let mut flat = match count {
            0 => Vec::new(),
            _ => flat_of(ffi::PyTuple_GetItem(args, 0))?,
        };
        if !kwargs.is_null() {
            flat.append(&mut flat_of_dict(kwargs)?);
        }
        Ok(flat)
    }
}

/// Keys and values in turn, of a mapping or an iterable of pairs.
///
/// # Errors
///
/// What iterating or converting raises; TypeError and ValueError for what is no pair.
///
/// # Safety
///
/// Attached; a live object. Runs Python code.
pub(crate) unsafe fn flat_of(object: *mut ffi::PyObject) -> Result<Vec<Any>, Raised> {
    // SAFETY: the caller's contract; the objects made on the way are given back.
    unsafe {
        if is_wrapper(object) {
            let number = number_of(object)?;
            if number == index::MAP || number == index::DICT {
                return Either::of(object)?.flat();
            }
        }
        if ffi::PyDict_Check(object) != 0 {
            return flat_of_dict(object);
        }
        if has_attribute(object, c"keys")? {
            // Whatever else is a mapping: as a dict, which knows how to ask it.
            let class = (&raw mut ffi::PyDict_Type).cast::<ffi::PyObject>();
            let dict = ffi::PyObject_Vectorcall(class, &raw const object, 1, null_mut());
            if dict.is_null() {
                return Err(Raised);
            }
            let flat = flat_of_dict(dict);
            ffi::Py_DECREF(dict);
            return flat;
        }
        let pairs = ffi::PySequence_Tuple(object);
        if pairs.is_null() {
            return Err(Raised);
        }
        let flat = flat_of_pairs(pairs);
        ffi::Py_DECREF(pairs);
        flat
    }
}

/// # Safety
///
/// As [`flat_of`]; a tuple.
unsafe fn flat_of_pairs(pairs: *mut ffi::PyObject) -> Result<Vec<Any>, Raised> {
    let mut flat = Vec::new();
    // SAFETY: the caller's contract.
    unsafe {
        for i in 0..ffi::PyTuple_Size(pairs) {
            let pair = ffi::PySequence_Tuple(ffi::PyTuple_GetItem(pairs, i));
            if pair.is_null() {
                return Err(name_place(Raised, format_args!("pair {i}")));
            }
            let count = ffi::PyTuple_Size(pair);
            let done = if count == 2 {
                key_of(ffi::PyTuple_GetItem(pair, 0)).and_then(|key| {
                    let value = to_value(ffi::PyTuple_GetItem(pair, 1))?;
                    flat.try_reserve(2).map_err(|_| no_memory())?;
                    flat.extend([key, value]);
                    Ok(())
                })
            } else {
                Err(raise!(
                    Exc::Value,
                    "expected a key and a value, got {count} items"
                ))
            };
            ffi::Py_DECREF(pair);
            done.map_err(|raised| name_place(raised, format_args!("pair {i}")))?;
        }
    }
    Ok(flat)
}

/// `tieback.Map(mapping_or_pairs=(), **kwargs)`.
unsafe extern "C" fn map_new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        let flat = arguments("Map", args, kwargs);
        let made = flat.and_then(|flat| Map::try_from_flat(flat).map_err(|_| no_memory()));
        let Ok(map) = made else { return null_mut() };
        let object = ObjectArc::into_raw(map.into_object()).cast::<ObjectHeader>();
        bind_fresh(class, object, None)
    }
}

/// `tieback.Dict(mapping_or_pairs=(), **kwargs)`.
unsafe extern "C" fn dict_new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
    // SAFETY: the slot's contract.
    unsafe {
        Filler::of(class, dict_new, dict_init).make(
            class,
            || arguments("Dict", args, kwargs),
            |flat| Dict::try_from_flat(flat).map(Dict::into_object),
        )
    }
}

/// `dict.__init__(mapping_or_pairs=(), **kwargs)`: puts the pairs in, as `dict`'s does.
unsafe extern "C" fn dict_init(
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
            let flat = arguments("Dict", args, kwargs)?;
            put(&Dict::from_object(own(object, index::DICT)?), flat)
        })()
    };
    if done.is_ok() { 0 } else { -1 }
}

/// Puts keys and values in, in turn.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn put(dict: &Dict, flat: Vec<Any>) -> Result<(), Raised> {
    let mut flat = flat.into_iter();
    while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
        // SAFETY: attached. What was there is dropped with no lock held.
        drop(
            dict.try_insert(key, value)
                .map_err(|_| unsafe { no_memory() })?,
        );
    }
    Ok(())
}

struct Methods([ffi::PyMethodDef; 2]);
// SAFETY: immutable; pointers to statics.
unsafe impl Sync for Methods {}

static METHODS: Methods = Methods([
    ffi::PyMethodDef {
        ml_name: c"get".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: get },
        ml_flags: ffi::METH_VARARGS,
        ml_doc: c"get($self, key, default=None, /)\n--\n\nThe value of a key, or the default."
            .as_ptr(),
    },
    ffi::PyMethodDef::zeroed(),
]);

const MAP_DOC: &core::ffi::CStr = c"Map(mapping_or_pairs=(), /, **kwargs)\n--\n\nAn immutable native map that keeps the order of insertion.";
const DICT_DOC: &core::ffi::CStr = c"Dict(mapping_or_pairs=(), /, **kwargs)\n--\n\nA mutable native map that keeps the order of insertion and that every frontend sees change.";

/// Makes `tieback.Map`.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; the base class is made.
pub(crate) unsafe fn make_map() -> Result<*mut ffi::PyTypeObject, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        make(
            c"tieback.Map",
            index::MAP,
            (map_new, no_init),
            MAP_DOC,
            None,
        )
    }
}

/// Makes `tieback.Dict`.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; the base class is made.
pub(crate) unsafe fn make_dict() -> Result<*mut ffi::PyTypeObject, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        make(
            c"tieback.Dict",
            index::DICT,
            (dict_new, dict_init),
            DICT_DOC,
            Some(assign),
        )
    }
}

unsafe fn make(
    name: &core::ffi::CStr,
    number: i32,
    (new, init): (ffi::newfunc, ffi::initproc),
    doc: &core::ffi::CStr,
    assign: Option<ffi::objobjargproc>,
) -> Result<*mut ffi::PyTypeObject, Raised> {
    let mut slots = vec![
        slot(ffi::Py_tp_dealloc, wrapper_dealloc as *mut c_void),
        slot(ffi::Py_tp_new, new as *mut c_void),
        slot(ffi::Py_tp_init, init as *mut c_void),
        slot(ffi::Py_mp_length, mapping_length as *mut c_void),
        slot(ffi::Py_mp_subscript, subscript as *mut c_void),
        slot(ffi::Py_sq_contains, contains as *mut c_void),
        slot(ffi::Py_tp_methods, METHODS.0.as_ptr().cast_mut().cast()),
        slot(ffi::Py_tp_doc, doc.as_ptr().cast_mut().cast()),
    ];
    if let Some(assign) = assign {
        slots.push(slot(ffi::Py_mp_ass_subscript, assign as *mut c_void));
    }
    slots.push(END);
    let size = crate::py::wrapper::PLAIN_SIZE as usize;
    let flags = ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_MAPPING | collected(true);
    // SAFETY: attached by the caller's contract; slots of a wrapper.
    unsafe {
        let class = class_from_spec(name, size, flags, classes::base(), &slots);
        if class.is_null() {
            return Err(Raised);
        }
        classes::register(number, class, None)?;
        Ok(class)
    }
}
