//! Iterators over containers. One that has begun says so when entries come, go or move.

use core::sync::atomic::{AtomicUsize, Ordering};

use object_core::{Any, Array, ArrayObj, Changed, Cursor, Dict, List, ListObj, Map, type_index};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::py::hang;
use crate::py::items::own;
use crate::py::map::Either;
use crate::py::map_methods::either;
use crate::py::out::value_into_python;
use crate::py::raise::Raised;

/// What is iterated; every step looks at it anew, so that nothing is borrowed between two.
enum Over {
    Array(Array),
    /// Its length when iteration began, and its version.
    List(List, u64),
    Map(Map),
    Dict(Dict, u64),
}

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
/// `at` is the next place; behind the end of what is iterated when it is over.
#[pyclass(frozen, module = "tieback._core", name = "ContainerIterator")]
pub(crate) struct Steps {
    over: Over,
    what: What,
    backwards: bool,
    len: usize,
    at: AtomicUsize,
    given: AtomicUsize,
}

const OVER: usize = usize::MAX;

impl Steps {
    fn new(over: Over, what: What, backwards: bool, len: usize) -> Self {
        Self {
            over,
            what,
            backwards,
            len,
            at: AtomicUsize::new(0),
            given: AtomicUsize::new(0),
        }
    }

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

    fn next(&self) -> Result<Option<(Any, Any)>, Changed> {
        // Relaxed: the containers order what is in them.
        let at = self.at.load(Ordering::Relaxed);
        let one = |value: Any| (Any::NONE, value);
        let found = match &self.over {
            Over::Array(array) => self
                .place(at)
                .and_then(|at| array.get(at).cloned())
                .map(one),
            Over::Map(map) => self
                .place(at)
                .and_then(|at| map.pairs().get(at))
                .map(|[key, value]| (key.clone(), value.clone())),
            Over::List(list, version) => match self.place(at) {
                Some(place) => list.get_in(place, *version)?.map(one),
                None => None,
            },
            Over::Dict(dict, version) => return self.step(dict, *version, at),
        };
        if found.is_some() {
            self.at.store(at + 1, Ordering::Relaxed);
        }
        Ok(found)
    }

    fn step(&self, dict: &Dict, version: u64, at: usize) -> Result<Option<(Any, Any)>, Changed> {
        if at == OVER {
            return Ok(None);
        }
        // Backwards the position is stored from the other end, so that both begin at 0.
        let from = if self.backwards { usize::MAX - at } else { at };
        let mut cursor = Cursor::from_parts(from, self.backwards, version);
        let found = dict.step(&mut cursor)?;
        let (to, ..) = cursor.parts();
        let to = if self.backwards { usize::MAX - to } else { to };
        self.at
            .store(if found.is_some() { to } else { OVER }, Ordering::Relaxed);
        Ok(found)
    }
}

#[pymethods]
impl Steps {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(this: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        hang::ready();
        let (py, iter) = (this.py(), this.get());
        let found = iter.next().map_err(|Changed| {
            let what = match iter.over {
                Over::List(..) => "List",
                _ => "Dict",
            };
            PyRuntimeError::new_err(format!("{what} changed while it was iterated"))
        })?;
        let Some((key, value)) = found else {
            return Ok(None);
        };
        iter.given.fetch_add(1, Ordering::Relaxed);
        // SAFETY: attached; a new reference or an exception.
        let show = |value| unsafe { Bound::from_owned_ptr_or_err(py, value_into_python(value)) };
        Ok(Some(match iter.what {
            What::Keys => show(key)?,
            What::Values => show(value)?,
            What::Items => PyTuple::new(py, [show(key)?, show(value)?])?.into_any(),
        }))
    }

    fn __length_hint__(&self) -> usize {
        self.len.saturating_sub(self.given.load(Ordering::Relaxed))
    }
}

/// Iterates over the items of an Array or a List.
#[pyfunction]
pub(crate) fn iterate_items(object: &Bound<'_, PyAny>, backwards: bool) -> PyResult<Steps> {
    hang::ready();
    let py = object.py();
    let raised = |Raised| PyErr::fetch(py);
    // SAFETY: attached; called by methods of the two classes. Each number with its object.
    unsafe {
        let number = {
            let native = crate::py::slots::native_of(object.as_ptr()).map_err(raised)?;
            native.object().as_ref().type_index()
        };
        if number == type_index::LIST {
            let list = own::<ListObj>(object.as_ptr(), type_index::LIST).map_err(raised)?;
            let list = List::from_object(list);
            let (len, version) = list.len_and_version();
            return Ok(Steps::new(
                Over::List(list, version),
                What::Values,
                backwards,
                len,
            ));
        }
        let array = own::<ArrayObj>(object.as_ptr(), type_index::ARRAY).map_err(raised)?;
        let array = Array::from_object(array);
        let len = array.len();
        Ok(Steps::new(Over::Array(array), What::Values, backwards, len))
    }
}

/// Iterates over the keys (0), values (1) or items (2) of a Map or Dict.
#[pyfunction]
pub(crate) fn iterate_map(object: &Bound<'_, PyAny>, what: u8, backwards: bool) -> PyResult<Steps> {
    hang::ready();
    let what = match what {
        0 => What::Keys,
        1 => What::Values,
        _ => What::Items,
    };
    Ok(match either(object)? {
        Either::Map(map) => {
            let len = map.len();
            Steps::new(Over::Map(map), what, backwards, len)
        }
        Either::Dict(dict) => {
            let (cursor, len) = dict.cursor(backwards);
            let (_, _, version) = cursor.parts();
            Steps::new(Over::Dict(dict, version), what, backwards, len)
        }
    })
}
