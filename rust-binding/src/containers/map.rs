//! [`Map<K, V>`]: immutable, so what is in it is checked once.

use core::marker::PhantomData;
use core::ops::Index;

use object_core::{Any, AnyView, CastError, Error, Place};

use super::{at, container, must};
use crate::callee::FromAny;
use crate::into_any::IntoAny;

/// An immutable map from `K`s to `V`s that keeps the order of insertion. Cloning shares it.
///
/// Keys are Python's, see [`object_core::Map`].
///
/// # Invariants
///
/// Each key is a `K`, each value a `V`.
#[repr(transparent)]
pub struct Map<K = Any, V = Any>(object_core::Map, PhantomData<fn() -> (K, V)>);

container!(Map<K, V> over Map);

/// Keys and values in turn.
pub(super) fn flat<K: IntoAny, V: IntoAny>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Result<Vec<Any>, Error> {
    let mut flat = Vec::new();
    for (key, value) in pairs {
        flat.extend([key.into_any()?, value.into_any()?]);
    }
    Ok(flat)
}

impl<K: FromAny, V: FromAny> Map<K, V> {
    fn check(map: &object_core::Map) -> Result<(), CastError> {
        map.iter().enumerate().try_for_each(|(i, (key, value))| {
            at::<K>(key, Place::Key(i))?;
            at::<V>(value, Place::Value(i)).map(drop)
        })
    }

    /// A map of pairs. Of equal keys the first stays, with the last value.
    ///
    /// # Errors
    ///
    /// `OverflowError` for an int past 64 bits, `MemoryError`; `TypeError` if what they become is no `K`
    /// or `V`.
    pub fn try_from_pairs<A: IntoAny, B: IntoAny>(
        pairs: impl IntoIterator<Item = (A, B)>,
    ) -> Result<Self, Error> {
        let map = object_core::Map::try_from_flat(flat(pairs)?).map_err(|error| error.cause)?;
        // INVARIANT: checked.
        Self::check(&map)?;
        Ok(Self(map, PhantomData))
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

    /// The value of a key. What cannot be a value is no key.
    #[must_use]
    pub fn get(&self, key: impl IntoAny) -> Option<V> {
        V::try_from(self.0.get(key.into_any().ok()?.view())?.view()).ok() // a V by the invariant
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: impl IntoAny) -> bool {
        key.into_any()
            .is_ok_and(|key| self.0.contains_key(key.view()))
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, V)> + '_ {
        // Of their types by the invariant.
        let pair = |(key, value): (&Any, &Any)| {
            Some((
                K::try_from(key.view()).ok()?,
                V::try_from(value.view()).ok()?,
            ))
        };
        self.0.iter().filter_map(pair)
    }

    /// The keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> + '_ {
        self.0
            .iter()
            .filter_map(|(key, _)| K::try_from(key.view()).ok())
    }

    /// The values in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = V> + '_ {
        self.0
            .iter()
            .filter_map(|(_, value)| V::try_from(value.view()).ok())
    }
}

impl<K: FromAny, Q: IntoAny> Index<Q> for Map<K, Any> {
    type Output = Any;

    fn index(&self, key: Q) -> &Any {
        &self.0[must(key.into_any()).view()]
    }
}

impl<K: FromAny, V: FromAny + PartialEq> PartialEq for Map<K, V> {
    /// The same keys with equal values, in any order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.0.iter().all(|(key, value)| {
                let theirs = other
                    .0
                    .get(key.view())
                    .map(|theirs| V::try_from(theirs.view()));
                theirs.is_some_and(|theirs| theirs == V::try_from(value.view()))
            })
    }
}

impl<K: FromAny, V: FromAny + Eq> Eq for Map<K, V> {}

impl<K: FromAny, V: FromAny, A: IntoAny, B: IntoAny> FromIterator<(A, B)> for Map<K, V> {
    /// # Panics
    ///
    /// Where [`try_from_pairs`](Self::try_from_pairs) fails.
    fn from_iter<I: IntoIterator<Item = (A, B)>>(pairs: I) -> Self {
        must(Self::try_from_pairs(pairs))
    }
}

impl<K: FromAny, V: FromAny> IntoIterator for &Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}
