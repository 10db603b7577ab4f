//! [`List`]: a mutable list of values that every frontend sees change.

use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut};

use crate::abi::RawAny;
use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{AllocError, CastError, Changed, NewError, PlaceError, RegisterError};
use crate::header::ObjectHeader;
use crate::object::Object;
use crate::room::{push, with_room};
use crate::runtime::runtime;
use crate::table::{ANY_VERSION, container_status as status};
use crate::type_index;

/// A list's object. Its body is the runtime's own.
#[repr(C)]
#[derive(Debug)]
pub struct ListObj {
    header: ObjectHeader,
}

// SAFETY: repr(C), the header, a fixed type; nobody but the runtime makes one.
unsafe impl Object for ListObj {
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::LIST)
    }
}

/// A mutable list of values. Cloning shares it.
///
/// Any thread may read and change it at any time: each call is one step, which others see whole or
/// not at all. What a call takes out or replaces is dropped by the caller, when the call is over.
/// A call spins while another one is under way; none runs foreign code meanwhile.
#[derive(Clone)]
#[repr(transparent)]
pub struct List(ObjectArc<ListObj>);

/// There was no memory for so many values.
pub(crate) fn no_room(values: usize) -> NewError {
    let size = values.saturating_mul(size_of::<RawAny>());
    NewError::Alloc(AllocError::new(size, align_of::<RawAny>()))
}

/// The values' bytes, to be taken; whoever took them sets the length to 0.
pub(crate) fn raw_values(values: &mut Vec<Any>) -> *mut RawAny {
    values.as_mut_ptr().cast()
}

/// Room for `len` values.
pub(crate) fn value_room(len: usize) -> Result<Vec<Any>, NewError> {
    with_room(len).map_err(|_| no_room(len))
}

impl List {
    /// An empty list.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_new() -> Result<Self, NewError> {
        Self::try_from_vec(Vec::new()).map_err(|error| error.cause)
    }

    /// A list of values.
    ///
    /// # Errors
    ///
    /// No memory: the values come back.
    pub fn try_from_vec(mut values: Vec<Any>) -> Result<Self, PlaceError<Vec<Any>>> {
        // SAFETY: owned values, taken if there is an answer.
        let list = unsafe { (runtime().list_new)(raw_values(&mut values), values.len()) };
        let Some(list) = NonNull::new(list) else {
            let cause = no_room(values.len());
            return Err(PlaceError { value: values, cause });
        };
        // SAFETY: the runtime took them.
        unsafe { values.set_len(0) };
        // SAFETY: a new list, and its one reference.
        Ok(Self(unsafe { ObjectArc::from_raw(list.cast()) }))
    }

    /// A list of the iterator's values.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_from_values<I>(values: I) -> Result<Self, NewError>
    where
        I: IntoIterator,
        I::Item: Into<Any>,
    {
        Self::try_from_vec(collect(values)?).map_err(|error| error.cause)
    }

    fn raw(&self) -> *mut ObjectHeader {
        ObjectArc::as_ptr(&self.0).as_ptr().cast()
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        // SAFETY: a live list.
        unsafe { (runtime().list_len)(self.raw(), null_mut()) }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length and version at one moment. The version grows when a value comes, goes or moves, not
    /// when one is replaced in its place.
    #[must_use]
    pub fn len_and_version(&self) -> (usize, u64) {
        let mut version = 0;
        // SAFETY: a live list, a variable.
        let len = unsafe { (runtime().list_len)(self.raw(), &raw mut version) };
        (len, version)
    }

    /// The value at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Any> {
        self.get_in(index, ANY_VERSION).unwrap_or(None)
    }

    /// The value at `index`, if the list is of that version.
    ///
    /// # Errors
    ///
    /// It is of another one.
    #[inline]
    pub fn get_in(&self, index: usize, version: u64) -> Result<Option<Any>, Changed> {
        let mut value = RawAny::NONE;
        // SAFETY: a live list, room for a value.
        match unsafe { (runtime().list_get)(self.raw(), index, version, &raw mut value) } {
            // SAFETY: an owned copy.
            status::FOUND => Ok(Some(unsafe { Any::from_raw(value) })),
            status::CHANGED => Err(Changed),
            _ => Ok(None),
        }
    }

    /// Replaces the value at `index`; the old one is returned.
    ///
    /// # Errors
    ///
    /// There is no such index: the new value comes back.
    pub fn set(&self, index: usize, value: impl Into<Any>) -> Result<Any, Any> {
        let mut value = Any::into_raw(value.into());
        // SAFETY: a live list, an owned value; what is in the variable after is owned, too.
        unsafe {
            let there = (runtime().list_swap)(self.raw(), index, &raw mut value);
            let value = Any::from_raw(value);
            if there == status::FOUND { Ok(value) } else { Err(value) }
        }
    }

    /// Puts a value at the end.
    ///
    /// # Errors
    ///
    /// No memory: the value comes back.
    pub fn try_push(&self, value: impl Into<Any>) -> Result<(), PlaceError<Any>> {
        self.try_insert(usize::MAX, value)
    }

    /// Puts a value in front of the one at `index`; at the end if there is none.
    ///
    /// # Errors
    ///
    /// No memory: the value comes back.
    pub fn try_insert(&self, index: usize, value: impl Into<Any>) -> Result<(), PlaceError<Any>> {
        let mut value = Any::into_raw(value.into());
        // SAFETY: a live list, an owned value, taken unless the answer is below 0.
        let done = unsafe {
            let (from, to) = (&raw mut value, null_mut());
            (runtime().list_splice)(self.raw(), index, index, from, 1, to, ANY_VERSION)
        };
        if done < 0 {
            // SAFETY: it is still ours.
            let value = unsafe { Any::from_raw(value) };
            return Err(PlaceError { value, cause: no_room(1) });
        }
        Ok(())
    }

    /// Takes the value at `index` out.
    #[must_use = "`clear` and `try_splice` drop values"]
    pub fn remove(&self, index: usize) -> Option<Any> {
        self.remove_in(index, ANY_VERSION).unwrap_or(None)
    }

    /// Takes the value at `index` out, if the list is of that version.
    ///
    /// # Errors
    ///
    /// It is of another one.
    pub fn remove_in(&self, index: usize, version: u64) -> Result<Option<Any>, Changed> {
        let mut value = RawAny::NONE;
        let Some(stop) = index.checked_add(1) else { return Ok(None) };
        // SAFETY: a live list, room for the one value that goes at most.
        let went = unsafe {
            let (from, to) = (null_mut(), &raw mut value);
            (runtime().list_splice)(self.raw(), index, stop, from, 0, to, version)
        };
        match went {
            // SAFETY: given to us.
            1 => Ok(Some(unsafe { Any::from_raw(value) })),
            0 => Ok(None),
            _ => Err(Changed),
        }
    }

    /// Takes the last value out.
    pub fn pop(&self) -> Option<Any> {
        loop {
            let (len, version) = self.len_and_version();
            if let Ok(value) = self.remove_in(len.checked_sub(1)?, version) {
                return value;
            }
        }
    }

    /// Drops all values.
    pub fn clear(&self) {
        // SAFETY: a live list; nothing is put in. It asks for no memory.
        unsafe {
            let (from, to) = (null_mut(), null_mut());
            (runtime().list_splice)(self.raw(), 0, usize::MAX, from, 0, to, ANY_VERSION);
        }
    }

    /// Puts values in the place of those from `start` to `stop`, which are dropped: all in one step.
    /// Both ends are cut to the length. With a version: if the list is of that one.
    ///
    /// # Errors
    ///
    /// No memory, or another version: nothing has changed, and the values come back.
    pub fn try_splice(
        &self,
        start: usize,
        stop: usize,
        mut values: Vec<Any>,
        version: Option<u64>,
    ) -> Result<(), SpliceError> {
        let version = version.unwrap_or(ANY_VERSION);
        // SAFETY: a live list, owned values, taken unless the answer is below 0.
        let done = unsafe {
            let (from, len) = (raw_values(&mut values), values.len());
            (runtime().list_splice)(self.raw(), start, stop, from, len, null_mut(), version)
        };
        if done == status::CHANGED as isize {
            return Err(SpliceError::Changed(values));
        }
        if done < 0 {
            let cause = no_room(values.len());
            return Err(SpliceError::NoMemory(PlaceError { value: values, cause }));
        }
        // SAFETY: the runtime took them.
        unsafe { values.set_len(0) };
        Ok(())
    }

    /// Copies of up to `count` values from `start` on, and the version they are of.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_read(&self, start: usize, count: usize) -> Result<(Vec<Any>, u64), NewError> {
        let mut version = 0;
        let mut room = count.min(self.len().saturating_sub(start));
        loop {
            let mut values = value_room(room)?;
            // SAFETY: a live list, room for as many values, a variable.
            let len = unsafe {
                let out = raw_values(&mut values);
                (runtime().list_read)(self.raw(), start, out, room, &raw mut version)
            };
            let there = count.min(len.saturating_sub(start));
            // SAFETY: so many were written.
            unsafe { values.set_len(there.min(room)) };
            if there <= room {
                return Ok((values, version));
            }
            room = there; // it grew meanwhile
        }
    }

    /// Copies of all values, as they were at one moment.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_to_vec(&self) -> Result<Vec<Any>, NewError> {
        self.try_read(0, usize::MAX).map(|(values, _)| values)
    }

    /// The values as they are now; what is changed after is not seen.
    ///
    /// # Panics
    ///
    /// No memory.
    #[cfg(feature = "infallible")]
    #[must_use]
    pub fn iter(&self) -> alloc::vec::IntoIter<Any> {
        match self.try_to_vec() {
            Ok(values) => values.into_iter(),
            Err(error) => panic!("{error}"),
        }
    }

    /// The list's object.
    #[must_use]
    pub fn as_object(&self) -> &ObjectArc<ListObj> {
        &self.0
    }

    /// The list's object, given away.
    #[must_use]
    pub fn into_object(self) -> ObjectArc<ListObj> {
        self.0
    }

    /// A list by its object.
    #[must_use]
    pub fn from_object(object: ObjectArc<ListObj>) -> Self {
        Self(object)
    }
}

/// Values were not put into a list, and come back.
#[derive(Debug)]
pub enum SpliceError {
    /// No memory.
    NoMemory(PlaceError<Vec<Any>>),
    /// The list is not of the version that was named.
    Changed(Vec<Any>),
}

impl core::fmt::Display for SpliceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoMemory(error) => error.fmt(f),
            Self::Changed(_) => Changed.fmt(f),
        }
    }
}

impl core::error::Error for SpliceError {}

/// The iterator's values; asks for memory without panicking.
pub(crate) fn collect<I>(values: I) -> Result<Vec<Any>, NewError>
where
    I: IntoIterator,
    I::Item: Into<Any>,
{
    let values = values.into_iter();
    let mut vec = value_room(values.size_hint().0)?;
    for value in values {
        push(&mut vec, value.into()).map_err(|_| no_room(1))?;
    }
    Ok(vec)
}

#[cfg(feature = "infallible")]
impl<T: Into<Any>> FromIterator<T> for List {
    /// # Panics
    ///
    /// No memory.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        match Self::try_from_values(values) {
            Ok(list) => list,
            Err(error) => panic!("{error}"),
        }
    }
}

impl From<List> for Any {
    fn from(list: List) -> Self {
        list.0.into()
    }
}

crate::values::out_of_any!(List);

impl TryFrom<AnyView<'_>> for List {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        view.try_into().map(Self)
    }
}
