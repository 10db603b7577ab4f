//! What the classes of containers share: indices and slices, arguments, their handles.

use core::ptr::null_mut;

use object_core::{Object, ObjectArc, TypeName, type_info};
use pyo3::ffi;

use crate::py::hang;
use crate::py::raise::{Exc, Raised, raise, type_name};
use crate::py::wrapper::{Glance, glance};

/// A glance at the native object of a container's wrapper. It is asked which type it is, because Python lets
/// classes be assigned.
///
/// # Errors
///
/// ValueError: moved out. TypeError: of another type.
///
/// # Safety
///
/// Attached; a live wrapper.
#[inline]
pub(crate) unsafe fn native<'a>(
    object: *mut ffi::PyObject,
    number: i32,
) -> Result<Glance<'a>, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let native = glance(object)?;
        let got = native.object().as_ref().type_index();
        if got == number {
            return Ok(native);
        }
        drop(native);
        Err(another(got, number))
    }
}

#[cold]
unsafe fn another(got: i32, number: i32) -> Raised {
    // SAFETY: the caller's: attached.
    unsafe {
        let expected = type_info(number).map_or("container", |info| info.key());
        let got = TypeName(got);
        raise!(
            Exc::Type,
            "expected a native {expected}, got a native '{got}'"
        )
    }
}

/// A reference of one's own to a container: what is done with it may run Python code, which may move
/// it out of its wrapper.
///
/// # Errors
///
/// As [`native`].
///
/// # Safety
///
/// Attached; a live wrapper; `number` is `T`'s.
pub(crate) unsafe fn own<T: Object>(
    object: *mut ffi::PyObject,
    number: i32,
) -> Result<ObjectArc<T>, Raised> {
    // SAFETY: a live `T` by its number.
    unsafe {
        let glance = native(object, number)?;
        Ok(ObjectArc::from_borrowed(glance.object().cast()))
    }
}

/// `len`'s answer.
pub(crate) fn length(len: Result<usize, Raised>) -> isize {
    len.map_or(-1, |len| len as isize)
}

/// An integer that counts from the end if it is negative.
///
/// # Errors
///
/// TypeError, IndexError: no index at all.
///
/// # Safety
///
/// Attached; a live object.
#[inline]
pub(crate) unsafe fn index_of(key: *mut ffi::PyObject) -> Result<isize, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if ffi::PyLong_CheckExact(key) == 0 {
            hang::ready();
        }
        let at = ffi::PyNumber_AsSsize_t(key, ffi::PyExc_IndexError);
        if at == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        Ok(at)
    }
}

/// The place that an index means.
#[inline]
pub(crate) fn place_of(at: isize, len: usize) -> Option<usize> {
    let place = if at < 0 { at + len as isize } else { at };
    usize::try_from(place).ok().filter(|&place| place < len)
}

/// A slice before it is cut to a length.
#[derive(Clone, Copy)]
pub(crate) struct Slice(isize, isize, isize);

/// A slice cut to a length: `count` places, from `start` on, `step` apart.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) start: isize,
    pub(crate) stop: isize,
    pub(crate) step: isize,
    pub(crate) count: usize,
}

impl Slice {
    /// # Errors
    ///
    /// What the slice's parts raise; ValueError for a step of 0.
    ///
    /// # Safety
    ///
    /// Attached; a slice.
    pub(crate) unsafe fn of(key: *mut ffi::PyObject) -> Result<Self, Raised> {
        hang::ready();
        let (mut start, mut stop, mut step) = (0, 0, 0);
        // SAFETY: the caller's contract.
        unsafe {
            if ffi::PySlice_Unpack(key, &raw mut start, &raw mut stop, &raw mut step) < 0 {
                return Err(Raised);
            }
        }
        Ok(Self(start, stop, step))
    }

    pub(crate) fn cut(self, len: usize) -> Places {
        let Self(mut start, mut stop, step) = self;
        // SAFETY: arithmetic on our variables.
        let count = unsafe {
            ffi::PySlice_AdjustIndices(len as isize, &raw mut start, &raw mut stop, step)
        };
        Places {
            start,
            stop,
            step,
            count: count as usize,
        }
    }
}

impl Places {
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = usize> {
        (0..self.count).map(move |i| (self.start + i as isize * self.step) as usize)
    }
}

/// What an index that is neither an integer nor a slice answers.
///
/// # Safety
///
/// Attached; a live object.
#[cold]
pub(crate) unsafe fn no_index(class: &str, key: *mut ffi::PyObject) -> Raised {
    // SAFETY: the caller's contract.
    unsafe {
        let got = type_name(key);
        raise!(
            Exc::Type,
            "{class} indices must be integers or slices, not {got}"
        )
    }
}

/// What an index outside of the length answers.
///
/// # Safety
///
/// Attached.
#[cold]
pub(crate) unsafe fn out_of_range(class: &str, at: isize, len: usize) -> Raised {
    // SAFETY: attached.
    unsafe {
        raise!(
            Exc::Index,
            "index {at} is out of range for {class} of {len} items"
        )
    }
}

/// The one argument of a class call, or NULL.
///
/// # Errors
///
/// TypeError: there are more.
///
/// # Safety
///
/// Attached; a tuple, and a dict or NULL.
pub(crate) unsafe fn one_argument(
    class: &str,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let count = ffi::PyTuple_Size(args);
        if !kwargs.is_null() && ffi::PyDict_Size(kwargs) > 0 {
            return Err(raise!(Exc::Type, "{class}() takes no keyword arguments"));
        }
        if count > 1 {
            return Err(raise!(
                Exc::Type,
                "{class}() takes one iterable, got {count} arguments"
            ));
        }
        Ok(if count == 1 {
            ffi::PyTuple_GetItem(args, 0)
        } else {
            null_mut()
        })
    }
}

/// None, owned by the caller.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn none() -> *mut ffi::PyObject {
    // SAFETY: attached.
    unsafe {
        let none = ffi::Py_None();
        ffi::Py_INCREF(none);
        none
    }
}
