//! What `tieback.graph` and `tieback.why_alive` see of native objects: by reflection, without showing any
//! of them to Python.
//!
//! A look holds one strong reference to each object that it has come by, so that an address means the
//! same object as long as the look lasts, whatever other threads change and drop. What it says of counts is
//! without its own references. No wrapper is made or revived.

use core::ptr::NonNull;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_core::abi::{FieldInfo, FieldKind, TypeInfo, field_flags};
use object_core::{
    Any, Array, Dict, Error, Function, List, Map, NewError, ObjectArc, ObjectHeader, ObjectRef,
    Str, TypeName, read_field, type_index, type_info,
};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyTuple};

use crate::py::carrier::carried;
use crate::py::classes::is_wrapper;
use crate::py::fallible::{int, list, size, string, tuple};
use crate::py::hang;
use crate::py::host::{Cpython, tied_word};
use crate::py::out::value_into_python;
use crate::py::raise::{Exc, Raised, memory_error, refusal};
use crate::py::reflect::types;
use crate::py::registry::global_names;
use crate::py::wrapper::{Loan, state, storage};
use crate::tie::lock::peek;
use crate::tie::{State, hit};

/// One look around.
///
/// # Invariants
///
/// `seen` has each object under its own address, and owns one strong reference to it.
#[pyclass(frozen, module = "tieback._core", name = "Look")]
pub(crate) struct Look {
    seen: Mutex<HashMap<usize, ObjectRef>>,
}

/// One edge: of which kind, what it is called (a name, a place or a key), and where it leads.
struct Edge {
    kind: &'static str,
    label: Any,
    to: ObjectRef,
}

/// What an object holds.
#[derive(Default)]
struct Edges {
    found: Vec<Edge>,
    /// How many there may be.
    most: usize,
    /// Values that were not looked at any more.
    left: usize,
}

impl Edges {
    /// Notes where `value` leads, if that is an object with something to see.
    fn add(&mut self, kind: &'static str, label: impl FnOnce() -> Any, value: Any) {
        // Strings and bytes are values; that some of them are objects is nobody's concern.
        if matches!(value.type_index(), type_index::STR | type_index::BYTES) {
            return;
        }
        let Ok(to) = value.into_object::<ObjectHeader>() else {
            return;
        };
        if self.found.len() == self.most {
            self.left += 1;
            return;
        }
        self.found.push(Edge {
            kind,
            label: label(),
            to,
        });
    }

    /// Of a List or an Array, or of pairs.
    fn add_items(&mut self, values: impl Iterator<Item = Any>) {
        for (at, value) in values.enumerate() {
            self.add("item", || Any::from(at as i64), value);
        }
    }

    fn add_pairs(&mut self, pairs: impl Iterator<Item = (Any, Any)>) {
        for (at, (key, value)) in pairs.enumerate() {
            // An object as a key is told by its place: what it prints is its own business.
            let is_object = type_index::is_object(key.type_index())
                && !matches!(key.type_index(), type_index::STR | type_index::BYTES);
            let label = if is_object { Any::NONE } else { key.clone() };
            self.add("value", || label, value);
            self.add("key", || Any::from(at as i64), key);
        }
    }
}

/// What the object is seen to hold.
fn edges_of(object: &ObjectRef, most: usize) -> Result<Edges, NewError> {
    let mut edges = Edges {
        most,
        ..Edges::default()
    };
    let address = ObjectArc::as_ptr(object);
    let number = ObjectArc::header(object).type_index();
    // SAFETY: alive by our reference, and of the type that its number says.
    unsafe {
        match number {
            type_index::ARRAY => {
                let array = Array::from_object(ObjectArc::from_borrowed(address.cast()));
                edges.add_items(array.iter().cloned());
            }
            type_index::LIST => {
                let list = List::from_object(ObjectArc::from_borrowed(address.cast()));
                edges.add_items(list.try_to_vec()?.into_iter());
            }
            type_index::MAP => {
                let map = Map::from_object(ObjectArc::from_borrowed(address.cast()));
                edges.add_pairs(map.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            type_index::DICT => {
                let dict = Dict::from_object(ObjectArc::from_borrowed(address.cast()));
                let mut flat = dict.try_to_flat()?.into_iter();
                edges.add_pairs(core::iter::from_fn(|| Some((flat.next()?, flat.next()?))));
            }
            type_index::ERROR => {
                let error = Error::from_object(ObjectArc::from_borrowed(address.cast()));
                edges.add("cause", || Any::NONE, Any::from(error.cause()));
                edges.add("context", || Any::NONE, Any::from(error.context()));
            }
            _ => {
                for field in type_info(number)
                    .into_iter()
                    .flat_map(|info| info.all_fields())
                {
                    let kind = match field.kind() {
                        Some(FieldKind::Object | FieldKind::Any) => "field",
                        Some(FieldKind::Weak) => "weak",
                        _ => continue,
                    };
                    let label = || Str::try_new(field.name()).map_or(Any::NONE, Any::from);
                    edges.add(kind, label, read_field(address, &locked(field)));
                }
            }
        }
    }
    Ok(edges)
}

/// The value of its first field that is a string: what people know it by. None if it has none, or an
/// empty one.
fn name_of(object: &ObjectRef) -> Option<Any> {
    let info = type_info(ObjectArc::header(object).type_index())?;
    let field = info
        .all_fields()
        .find(|field| field.kind() == Some(FieldKind::Str))?;
    // SAFETY: alive by our reference; the field is of its type.
    let value = unsafe { read_field(ObjectArc::as_ptr(object), &locked(field)) };
    value
        .view()
        .as_str()
        .is_some_and(|text| !text.is_empty())
        .then_some(value)
}

/// The field as one that is read under the lock, also where readers need none: the object may be still in
/// the making.
fn locked(field: &FieldInfo) -> FieldInfo {
    let mut locked = *field;
    locked.flags &= !field_flags::FROZEN;
    locked
}

impl Look {
    fn seen(&self) -> MutexGuard<'_, HashMap<usize, ObjectRef>> {
        // No foreign code runs under this lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the object; its address.
    fn keep(&self, object: ObjectRef) -> usize {
        let address = ObjectArc::as_ptr(&object).as_ptr().expose_provenance();
        let known = match self.seen().entry(address) {
            Entry::Occupied(_) => Some(object),
            Entry::Vacant(room) => {
                // INVARIANT: its own address.
                room.insert(object);
                None
            }
        };
        drop(known); // outside of the lock
        address
    }

    /// An object that was come by.
    fn at(&self, py: Python<'_>, address: usize) -> PyResult<ObjectRef> {
        let found = self.seen().get(&address).cloned();
        found.ok_or_else(|| refusal!(py, Exc::Key, "no object at {address:#x} was looked at"))
    }
}

#[pymethods]
impl Look {
    #[new]
    fn new() -> Self {
        Self {
            seen: Mutex::default(),
        }
    }

    /// The address of a wrapper's object; None if it is no wrapper, or an empty one.
    fn add<'py>(&self, object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        hang::ready();
        let wrapper = object.as_ptr();
        // SAFETY: attached; the wrapper is alive by the caller's reference, its object by the loan.
        let native = unsafe {
            if !is_wrapper(wrapper) || storage(wrapper).address().is_null() {
                return Ok(None);
            }
            match Loan::of(wrapper) {
                Ok(lent) => ObjectRef::from_borrowed(lent.object()),
                Err(Raised) => {
                    ffi::PyErr_Clear(); // it was moved a moment ago
                    return Ok(None);
                }
            }
        };
        size(object.py(), self.keep(native)).map(Some)
    }

    /// Of an object by its address: `(type key, strong, weak, tie state, owned, wrapper, carried, name)`.
    /// Counts are without the look's own; `wrapper` is the live wrapper or None; `carried` is None, or a
    /// tuple of the Python object in it; `name` is its first string, or None.
    fn facts<'py>(&self, py: Python<'py>, address: usize) -> PyResult<Bound<'py, PyTuple>> {
        hang::ready();
        let object = self.at(py, address)?;
        let header = ObjectArc::header(&object);
        // One in `seen`, one here.
        let strong = header.counts().strong().saturating_sub(2);
        let weak = header.counts().weak();
        let key = TypeName(header.type_index()).to_string();
        // SAFETY: alive by our reference; attached. A hit takes a reference, which the Bound has.
        let (tie, wrapper, held) = unsafe {
            let word = tied_word(ObjectArc::as_ptr(&object));
            let tie = word.map_or("untied", |word| match peek(word).state() {
                State::Detached => "detached",
                State::Active(_) => "active",
                State::Inactive(_) | State::Reviving(_) => "inactive",
            });
            let wrapper = word
                .and_then(|word| hit(&Cpython, word))
                .map(|wrapper| Bound::from_owned_ptr(py, wrapper.as_ptr().cast()));
            let held = carried(header).map(|held| Bound::from_borrowed_ptr(py, held));
            (tie, wrapper, held)
        };
        // SAFETY: a wrapper, alive by the reference just taken.
        let is_owned =
            |wrapper: &Bound<'_, PyAny>| unsafe { storage(wrapper.as_ptr()).is(state::OWNED) };
        // Ours alone would make the object own it, too.
        let owned = strong > 1 && wrapper.as_ref().is_some_and(is_owned);
        let held = held.map(|held| tuple(py, [held])).transpose()?;
        // SAFETY: attached; a string or nothing. A new reference or an exception.
        let shown = |value| unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(value)) };
        let name = name_of(&object).map(shown).transpose()?;
        let none = || py.None().into_bound(py);
        let facts = [
            string(py, &key)?.into_any(),
            int(py, strong.into())?,
            int(py, weak.into())?,
            string(py, tie)?.into_any(),
            PyBool::new(py, owned).to_owned().into_any(),
            wrapper.unwrap_or_else(none),
            held.map_or_else(none, Bound::into_any),
            name.unwrap_or_else(none),
        ];
        tuple(py, facts)
    }

    /// What an object holds: `(edges, left out)`, each edge `(kind, label, address)`. Kinds: "field", "weak",
    /// "item", "key", "value", "cause", "context".
    fn edges<'py>(
        &self,
        py: Python<'py>,
        address: usize,
        most: usize,
    ) -> PyResult<Bound<'py, PyTuple>> {
        hang::ready();
        let object = self.at(py, address)?;
        let edges = edges_of(&object, most).map_err(|_| memory_error(py))?;
        let found = list(py)?;
        for Edge { kind, label, to } in edges.found {
            // SAFETY: attached; a plain value. A new reference or an exception.
            let label = unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(label))? };
            let edge = [
                string(py, kind)?.into_any(),
                label,
                size(py, self.keep(to))?,
            ];
            found.append(tuple(py, edge)?)?;
        }
        tuple(py, [found.into_any(), size(py, edges.left)?])
    }

    /// The addresses of the functions that are there for good: global ones, and methods of types.
    fn standing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        hang::ready();
        let found = list(py)?;
        let globals = global_names();
        for function in globals.iter().filter_map(|name| Function::get_global(name)) {
            let function = ObjectArc::upcast(function.into_object());
            found.append(size(py, self.keep(function))?)?;
        }
        for method in types().flat_map(TypeInfo::own_methods) {
            if let Some(function) = NonNull::new(method.function) {
                // SAFETY: the type table holds the function for ever.
                let function = unsafe { ObjectRef::from_borrowed(function) };
                found.append(size(py, self.keep(function))?)?;
            }
        }
        Ok(found)
    }

    /// Lets go of everything that was seen.
    fn close(&self) {
        hang::ready();
        let seen = std::mem::take(&mut *self.seen());
        drop(seen); // outside of the lock: destructors may run anything
    }
}
