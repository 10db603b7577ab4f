//! [`List<T>`]: every frontend may change it, so what is in it is checked at each look.

use core::marker::PhantomData;

use object_core::{Any, AnyView, CastError, Error, NewError, Place};

use super::{at, container, must};
use crate::callee::FromAny;
use crate::into_any::IntoAny;

/// A mutable list of `T`s that every frontend sees change. Cloning shares it.
///
/// Each call is one step for other threads; see [`object_core::List`].
#[repr(transparent)]
pub struct List<T = Any>(object_core::List, PhantomData<fn() -> T>);

container!(List<T> over List);

/// A failure to grow, as an error.
pub(super) fn no_memory(cause: NewError) -> Error {
    cause.into()
}

impl<T: FromAny> List<T> {
    fn check(list: &object_core::List) -> Result<(), CastError> {
        // Without memory for a copy it is checked at each look all the same.
        let values = list.try_to_vec().unwrap_or_default();
        let element = |(i, value): (usize, &Any)| at::<T>(value, Place::Element(i)).map(drop);
        values.iter().enumerate().try_for_each(element)
    }

    /// An empty list.
    ///
    /// # Errors
    ///
    /// `MemoryError`.
    pub fn try_new() -> Result<Self, Error> {
        Ok(Self(object_core::List::try_new()?, PhantomData))
    }

    /// A list of the iterator's values.
    ///
    /// # Errors
    ///
    /// `OverflowError` for an int past 64 bits, `MemoryError`.
    pub fn try_from_values<I>(values: I) -> Result<Self, Error>
    where
        I: IntoIterator,
        I::Item: IntoAny,
    {
        let values: Vec<Any> = values
            .into_iter()
            .map(IntoAny::into_any)
            .collect::<Result<_, _>>()?;
        let list =
            object_core::List::try_from_vec(values).map_err(|error| no_memory(error.cause))?;
        Ok(Self(list, PhantomData))
    }

    /// How many elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The element at `index`, if there is one.
    ///
    /// # Errors
    ///
    /// It is no `T`: another frontend has put it there.
    pub fn get(&self, index: usize) -> Result<Option<T>, Error> {
        let value = self.0.get(index);
        Ok(value
            .map(|value| at(&value, Place::Element(index)))
            .transpose()?)
    }

    /// Replaces the element at `index`.
    ///
    /// # Errors
    ///
    /// `IndexError`: there is none; the value's own.
    pub fn set(&self, index: usize, value: impl IntoAny) -> Result<(), Error> {
        self.0.set(index, value.into_any()?).map(drop).map_err(|_| {
            let len = self.0.len();
            Error::format(
                "IndexError",
                format_args!("index {index} is out of range for a List of {len} items"),
            )
        })
    }

    /// Puts a value at the end.
    ///
    /// # Errors
    ///
    /// `MemoryError`; the value's own.
    pub fn push(&self, value: impl IntoAny) -> Result<(), Error> {
        self.0
            .try_push(value.into_any()?)
            .map_err(|error| no_memory(error.cause))
    }

    /// Puts a value in front of the element at `index`; at the end if there is none.
    ///
    /// # Errors
    ///
    /// `MemoryError`; the value's own.
    pub fn insert(&self, index: usize, value: impl IntoAny) -> Result<(), Error> {
        self.0
            .try_insert(index, value.into_any()?)
            .map_err(|error| no_memory(error.cause))
    }

    /// Takes the element at `index` out, if there is one.
    ///
    /// # Errors
    ///
    /// It is no `T`; it is out all the same.
    pub fn remove(&self, index: usize) -> Result<Option<T>, Error> {
        let value = self.0.remove(index);
        Ok(value
            .map(|value| at(&value, Place::Element(index)))
            .transpose()?)
    }

    /// Takes the last element out.
    ///
    /// # Errors
    ///
    /// It is no `T`; it is out all the same.
    pub fn pop(&self) -> Result<Option<T>, Error> {
        Ok(self
            .0
            .pop()
            .map(|value| T::try_from(value.view()))
            .transpose()?)
    }

    /// Drops all elements.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// The elements as they were at one moment.
    ///
    /// # Errors
    ///
    /// The first that is no `T`, by its place; `MemoryError`.
    pub fn to_vec(&self) -> Result<Vec<T>, Error> {
        let values = self.0.try_to_vec()?;
        let element = |(i, value): (usize, &Any)| at(value, Place::Element(i)).map_err(Error::from);
        values.iter().enumerate().map(element).collect()
    }

    /// The elements as they are now; what is changed after is not seen. One that is no `T` is an error
    /// that names its place.
    ///
    /// # Panics
    ///
    /// No memory.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, CastError>> + use<T> {
        self.0
            .iter()
            .enumerate()
            .map(|(i, value)| at(&value, Place::Element(i)))
    }
}

impl<T: FromAny, A: IntoAny> FromIterator<A> for List<T> {
    /// # Panics
    ///
    /// Where [`try_from_values`](Self::try_from_values) fails.
    fn from_iter<I: IntoIterator<Item = A>>(values: I) -> Self {
        must(Self::try_from_values(values))
    }
}

impl<T: FromAny, A: IntoAny> Extend<A> for List<T> {
    /// # Panics
    ///
    /// Where [`push`](Self::push) fails.
    fn extend<I: IntoIterator<Item = A>>(&mut self, values: I) {
        values.into_iter().for_each(|value| must(self.push(value)));
    }
}

impl<T: FromAny> IntoIterator for &List<T> {
    type Item = Result<T, CastError>;
    type IntoIter = std::vec::IntoIter<Result<T, CastError>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}
