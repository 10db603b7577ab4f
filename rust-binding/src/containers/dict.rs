//! [`Dict<K, V>`]: every frontend may change it, so what is in it is checked at each look.

use core::marker::PhantomData;

use object_core::{Any, AnyView, CastError, Error, Place};

use super::list::no_memory;
use super::map::flat;
use super::{at, container, must};
use crate::callee::FromAny;
use crate::into_any::IntoAny;

/// A mutable map from `K`s to `V`s that keeps the order of insertion and that every frontend sees
/// change. Cloning shares it.
///
/// Each call is one step for other threads; see [`object_core::Dict`].
#[repr(transparent)]
pub struct Dict<K = Any, V = Any>(object_core::Dict, PhantomData<fn() -> (K, V)>);

container!(Dict<K, V> over Dict);

/// A pair, its place in the messages.
fn pair<K: FromAny, V: FromAny>(i: usize, pair: &[Any]) -> Result<(K, V), CastError> {
    Ok((at(&pair[0], Place::Key(i))?, at(&pair[1], Place::Value(i))?))
}

impl<K: FromAny, V: FromAny> Dict<K, V> {
    fn check(dict: &object_core::Dict) -> Result<(), CastError> {
        // Without memory for a copy it is checked at each look all the same.
        let flat = dict.try_to_flat().unwrap_or_default();
        let one = |(i, two)| pair::<K, V>(i, two).map(drop);
        flat.chunks_exact(2).enumerate().try_for_each(one)
    }

    /// An empty dict.
    ///
    /// # Errors
    ///
    /// `MemoryError`.
    pub fn try_new() -> Result<Self, Error> {
        Ok(Self(object_core::Dict::try_new()?, PhantomData))
    }

    /// A dict of pairs. Of equal keys the first stays, with the last value.
    ///
    /// # Errors
    ///
    /// `OverflowError` for an int past 64 bits, `MemoryError`.
    pub fn try_from_pairs<A: IntoAny, B: IntoAny>(
        pairs: impl IntoIterator<Item = (A, B)>,
    ) -> Result<Self, Error> {
        let dict = object_core::Dict::try_from_flat(flat(pairs)?).map_err(|error| error.cause)?;
        Ok(Self(dict, PhantomData))
    }

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key, if it is there.
    ///
    /// # Errors
    ///
    /// It is no `V`: another frontend has put it there; the key's own.
    pub fn get(&self, key: impl IntoAny) -> Result<Option<V>, Error> {
        let value = self.0.get(key.into_any()?.view());
        Ok(value.map(|value| V::try_from(value.view())).transpose()?)
    }

    /// Whether the key is there.
    ///
    /// # Errors
    ///
    /// The key's own.
    pub fn contains_key(&self, key: impl IntoAny) -> Result<bool, Error> {
        Ok(self.0.contains_key(key.into_any()?.view()))
    }

    /// Puts a value under a key; whether it replaced one.
    ///
    /// # Errors
    ///
    /// `MemoryError`; the key's or value's own.
    pub fn insert(&self, key: impl IntoAny, value: impl IntoAny) -> Result<bool, Error> {
        let old = self.0.try_insert(key.into_any()?, value.into_any()?);
        old.map(|old| old.is_some())
            .map_err(|error| no_memory(error.cause))
    }

    /// Takes a key's value out, if it is there.
    ///
    /// # Errors
    ///
    /// It is no `V`, and is out all the same; the key's own.
    pub fn remove(&self, key: impl IntoAny) -> Result<Option<V>, Error> {
        let value = self.0.remove(key.into_any()?.view());
        Ok(value.map(|value| V::try_from(value.view())).transpose()?)
    }

    /// Drops all pairs.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// The pairs as they were at one moment.
    ///
    /// # Errors
    ///
    /// The first that is of another type, by its place; `MemoryError`.
    pub fn to_vec(&self) -> Result<Vec<(K, V)>, Error> {
        let flat = self.0.try_to_flat()?;
        let one = |(i, two)| pair(i, two).map_err(Error::from);
        flat.chunks_exact(2).enumerate().map(one).collect()
    }

    /// The pairs as they are now; what is changed after is not seen. One of another type is an error
    /// that names its place.
    ///
    /// # Panics
    ///
    /// No memory.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, V), CastError>> + use<K, V> {
        let one = |(i, (key, value))| pair(i, &[key, value]);
        self.0.iter().enumerate().map(one)
    }
}

impl<K: FromAny, V: FromAny, A: IntoAny, B: IntoAny> FromIterator<(A, B)> for Dict<K, V> {
    /// # Panics
    ///
    /// Where [`try_from_pairs`](Self::try_from_pairs) fails.
    fn from_iter<I: IntoIterator<Item = (A, B)>>(pairs: I) -> Self {
        must(Self::try_from_pairs(pairs))
    }
}

impl<K: FromAny, V: FromAny, A: IntoAny, B: IntoAny> Extend<(A, B)> for Dict<K, V> {
    /// # Panics
    ///
    /// Where [`insert`](Self::insert) fails.
    fn extend<I: IntoIterator<Item = (A, B)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            must(self.insert(key, value));
        }
    }
}

impl<K: FromAny, V: FromAny> IntoIterator for &Dict<K, V> {
    type Item = Result<(K, V), CastError>;
    type IntoIter = std::vec::IntoIter<Result<(K, V), CastError>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}
