//! [`Map`]: an immutable map that keeps the order of insertion.

use alloc::vec::Vec;
use core::ops::Index;
use core::ptr::NonNull;

use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{CastError, NewError, PlaceError, RegisterError};
use crate::header::ObjectHeader;
use crate::list::{no_room, raw_values, value_room};
use crate::object::Object;
use crate::room::push;
use crate::runtime::runtime;
use crate::type_index;

/// A map's object. Its body is the runtime's own.
#[repr(C)]
#[derive(Debug)]
pub struct MapObj {
    header: ObjectHeader,
}

// SAFETY: repr(C), the header, a fixed type; nobody but the runtime makes one.
unsafe impl Object for MapObj {
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::MAP)
    }
}

/// An immutable map that keeps the order of insertion. Cloning shares it.
///
/// Keys are Python's: `1`, `1.0` and `true` are one key, `0.0` and `-0.0` too, every NaN equals every
/// NaN, strings, bytes and arrays compare by content, other objects are themselves.
#[derive(Clone)]
#[repr(transparent)]
pub struct Map(ObjectArc<MapObj>);

/// Keys and values in turn.
pub(crate) fn flatten<I, K, V>(pairs: I) -> Result<Vec<Any>, NewError>
where
    I: IntoIterator<Item = (K, V)>,
    K: Into<Any>,
    V: Into<Any>,
{
    let pairs = pairs.into_iter();
    let mut flat = value_room(pairs.size_hint().0.saturating_mul(2))?;
    for (key, value) in pairs {
        push(&mut flat, key.into()).map_err(|_| no_room(2))?;
        push(&mut flat, value.into()).map_err(|_| no_room(2))?;
    }
    Ok(flat)
}

impl Map {
    /// A map of keys and values in turn. Of equal keys the first stays, with the last value.
    ///
    /// # Errors
    ///
    /// No memory: they come back.
    ///
    /// # Panics
    ///
    /// The last key has no value.
    pub fn try_from_flat(mut flat: Vec<Any>) -> Result<Self, PlaceError<Vec<Any>>> {
        assert!(flat.len() % 2 == 0, "expected a value for each key, got {}", flat.len());
        // SAFETY: owned values, taken if there is an answer.
        let map = unsafe { (runtime().map_new)(raw_values(&mut flat), flat.len() / 2) };
        let Some(map) = NonNull::new(map) else {
            let cause = no_room(flat.len());
            return Err(PlaceError { value: flat, cause });
        };
        // SAFETY: the runtime took them.
        unsafe { flat.set_len(0) };
        // SAFETY: a new map, and its one reference.
        Ok(Self(unsafe { ObjectArc::from_raw(map.cast()) }))
    }

    /// A map of pairs. Of equal keys the first stays, with the last value.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_from_pairs<I, K, V>(pairs: I) -> Result<Self, NewError>
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<Any>,
        V: Into<Any>,
    {
        Self::try_from_flat(flatten(pairs)?).map_err(|error| error.cause)
    }

    fn raw(&self) -> *mut ObjectHeader {
        ObjectArc::as_ptr(&self.0).as_ptr().cast()
    }

    /// The pairs in order: key and value each.
    #[must_use]
    pub fn pairs(&self) -> &[[Any; 2]] {
        let mut len = 0;
        // SAFETY: a live map, a variable; the pairs are the map's and do not change; an Any is
        // transparent over a RawAny.
        unsafe {
            let first = (runtime().map_items)(self.raw(), &raw mut len);
            if len == 0 { &[] } else { core::slice::from_raw_parts(first.cast(), len) }
        }
    }

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: AnyView<'_>) -> Option<&Any> {
        // SAFETY: a live map, a live value; the answer is null or the map's, and does not change.
        unsafe { (runtime().map_find)(self.raw(), key.raw()).cast::<Any>().as_ref() }
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: AnyView<'_>) -> bool {
        self.get(key).is_some()
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Any, &Any)> + ExactSizeIterator {
        self.pairs().iter().map(|[key, value]| (key, value))
    }

    /// The map's object.
    #[must_use]
    pub fn as_object(&self) -> &ObjectArc<MapObj> {
        &self.0
    }

    /// The map's object, given away.
    #[must_use]
    pub fn into_object(self) -> ObjectArc<MapObj> {
        self.0
    }

    /// A map by its object.
    #[must_use]
    pub fn from_object(object: ObjectArc<MapObj>) -> Self {
        Self(object)
    }
}

impl Index<AnyView<'_>> for Map {
    type Output = Any;

    fn index(&self, key: AnyView<'_>) -> &Any {
        match self.get(key) {
            Some(value) => value,
            None => panic!("the key {key:?} is not in the map"),
        }
    }
}

#[cfg(feature = "infallible")]
impl<K: Into<Any>, V: Into<Any>> FromIterator<(K, V)> for Map {
    /// # Panics
    ///
    /// No memory.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        match Self::try_from_pairs(pairs) {
            Ok(map) => map,
            Err(error) => panic!("{error}"),
        }
    }
}

impl From<Map> for Any {
    fn from(map: Map) -> Self {
        map.0.into()
    }
}

crate::values::out_of_any!(Map);

impl TryFrom<AnyView<'_>> for Map {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        view.try_into().map(Self)
    }
}
