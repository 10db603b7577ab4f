//! [`Array<T>`]: immutable, so what is in it is checked once.

use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ops::Index;

use object_core::{Any, AnyView, CastError, Error, Place};

use super::{at, container, must};
use crate::callee::FromAny;
use crate::into_any::IntoAny;

/// An immutable array of `T`s. Cloning shares it.
///
/// # Invariants
///
/// Each element is a `T`.
#[repr(transparent)]
pub struct Array<T = Any>(object_core::Array, PhantomData<fn() -> T>);

container!(Array<T> over Array);

impl<T: FromAny> Array<T> {
    fn check(array: &object_core::Array) -> Result<(), CastError> {
        let element = |(i, value)| at::<T>(value, Place::Element(i)).map(drop);
        array.iter().enumerate().try_for_each(element)
    }

    /// An array of the iterator's values.
    ///
    /// # Errors
    ///
    /// `OverflowError` for an int past 64 bits, `MemoryError`; `TypeError` if what `T` becomes is no `T`.
    pub fn try_from_values<I>(values: I) -> Result<Self, Error>
    where
        I: IntoIterator,
        I::Item: IntoAny,
    {
        let values: Vec<Any> = values
            .into_iter()
            .map(IntoAny::into_any)
            .collect::<Result<_, _>>()?;
        let array = object_core::Array::try_from_values(values)?;
        // INVARIANT: checked.
        Self::check(&array)?;
        Ok(Self(array, PhantomData))
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

    /// The element at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<T> {
        at(self.0.get(index)?, Place::Element(index)).ok() // a T by the type's invariant
    }

    /// The elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + '_ {
        let element = |(i, value)| at(value, Place::Element(i)).ok();
        self.0.iter().enumerate().filter_map(element) // each is a T by the type's invariant
    }
}

impl Index<usize> for Array<Any> {
    type Output = Any;

    fn index(&self, index: usize) -> &Any {
        &self.0[index]
    }
}

impl<T: FromAny + PartialEq> PartialEq for Array<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: FromAny + Eq> Eq for Array<T> {}

impl<T: FromAny + Hash> Hash for Array<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|element| element.hash(state));
    }
}

impl<T: FromAny, A: IntoAny> FromIterator<A> for Array<T> {
    /// # Panics
    ///
    /// Where [`try_from_values`](Self::try_from_values) fails.
    fn from_iter<I: IntoIterator<Item = A>>(values: I) -> Self {
        must(Self::try_from_values(values))
    }
}

impl<T: FromAny> IntoIterator for &Array<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<T>>().into_iter()
    }
}
