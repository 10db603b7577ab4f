//! Who fills a new List or Dict: `__new__`, or `__init__` as for `list` and `dict`.
//!
//! A class call hands its arguments to both. So that an iterable is gone through once, `__new__` fills what has no
//! `__init__` of Python's, and says so: the `__init__` that follows does nothing. A subclass with an `__init__` of its
//! own calls ours with whatever is to be in it, and `__new__` takes any arguments. Where a subclass has a `__new__` of
//! its own, what that passes on is meant, and is taken.

use core::ptr::{fn_addr_eq, null_mut};

use object_core::{Any, Object, ObjectArc};
use pyo3::ffi;

use crate::py::array::bind_fresh;
use crate::py::raise::{Raised, no_memory};
use crate::py::storage::{state, storage};

/// Who fills a new container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filler {
    /// `__init__`, which Python code has written, with arguments that mean nothing to `__new__`.
    Init,
    /// `__new__`; ours is called by another, and `__init__` as that says.
    NewOfTheirs,
    /// `__new__`, and an `__init__` of ours that comes after another `__new__`: with arguments for that.
    NewOfTheirsAlone,
    /// `__new__`; both are ours.
    New,
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
            (true, true) => Self::New,
            (true, false) => Self::Init,
            (false, true) => Self::NewOfTheirsAlone,
            (false, false) => Self::NewOfTheirs,
        }
    }

    /// `__new__`: a wrapper of `class` for what is made of the `values` of the call, or of none, if `__init__` fills
    /// it. Notes whether the next `__init__` finds it filled. NULL with an exception.
    ///
    /// # Safety
    ///
    /// Attached; a class of wrappers of what is made; a tuple, and a dict or NULL.
    pub(crate) unsafe fn make<T: Object, E>(
        self,
        class: *mut ffi::PyTypeObject,
        (args, kwargs): (*mut ffi::PyObject, *mut ffi::PyObject),
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
            let given =
                || ffi::PyTuple_Size(args) > 0 || !kwargs.is_null() && ffi::PyDict_Size(kwargs) > 0;
            let filled = match self {
                Self::Init | Self::NewOfTheirs => false,
                Self::NewOfTheirsAlone => true,
                Self::New => given(),
            };
            if filled && !wrapper.is_null() {
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
