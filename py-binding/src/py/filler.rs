//! Who fills a new List or Dict: `__init__`, as for `list` and `dict`, or a `__new__` of Python's.
//!
//! A class call hands its arguments to both. Our `__new__` takes any, and makes an empty one; `__init__`, ours or one of
//! Python's that calls ours, fills it. Where a subclass has a `__new__` of its own, what that passes on is meant, and is
//! taken: the `__init__` of ours that follows, with arguments for that `__new__`, does nothing.

use core::ptr::{fn_addr_eq, null_mut};

use object_core::{Any, Object, ObjectArc};
use pyo3::ffi;

use crate::py::array::bind_fresh;
use crate::py::raise::{Raised, no_memory};
use crate::py::storage::{state, storage};

/// Who fills a new container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filler {
    /// `__init__`: `__new__` is ours, and the arguments mean nothing to it.
    Init,
    /// `__new__`; ours is called by another, and `__init__` as that says.
    NewOfTheirs,
    /// `__new__`, and an `__init__` of ours that comes after another `__new__`: with arguments for that.
    NewOfTheirsAlone,
}

impl Filler {
    /// Of an instance of `class`, by what `__new__` and `__init__` of ours are.
    ///
    /// # Safety
    ///
    /// Attached; a live class.
    pub(crate) unsafe fn of(
        class: *mut ffi::PyTypeObject,
        new: ffi::newfunc,
        init: ffi::initproc,
    ) -> Self {
        // SAFETY: the caller's contract.
        let (own_new, own_init) = unsafe {
            (
                (*class).tp_new.is_some_and(|it| fn_addr_eq(it, new)),
                (*class).tp_init.is_some_and(|it| fn_addr_eq(it, init)),
            )
        };
        match (own_new, own_init) {
            (true, _) => Self::Init,
            (false, true) => Self::NewOfTheirsAlone,
            (false, false) => Self::NewOfTheirs,
        }
    }

    /// `__new__`: a wrapper of `class` for what is made of the `values` of the call, or of none, if `__init__` fills
    /// it. Notes whether the next `__init__` finds it filled. NULL with an exception.
    ///
    /// # Safety
    ///
    /// Attached; a class of wrappers of what is made.
    pub(crate) unsafe fn make<T: Object, E>(
        self,
        class: *mut ffi::PyTypeObject,
        values: impl FnOnce() -> Result<Vec<Any>, Raised>,
        made: impl FnOnce(Vec<Any>) -> Result<ObjectArc<T>, E>,
    ) -> *mut ffi::PyObject {
        // SAFETY: the caller's contract; nobody else has seen what was made.
        unsafe {
            let values = if self == Self::Init {
                Ok(Vec::new())
            } else {
                values()
            };
            let made = values.and_then(|values| made(values).map_err(|_| no_memory()));
            let Ok(object) = made else { return null_mut() };
            let wrapper = bind_fresh(class, ObjectArc::into_raw(object).cast(), None);
            if self == Self::NewOfTheirsAlone && !wrapper.is_null() {
                storage(wrapper).mark(state::BUILDING, true);
            }
            wrapper
        }
    }
}

/// Whether `__new__` has filled it for the `__init__` that asks; the next one is told no.
///
/// # Safety
///
/// Attached; a live wrapper.
pub(crate) unsafe fn is_filled(wrapper: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { storage(wrapper) }.mark(state::BUILDING, false)
}
