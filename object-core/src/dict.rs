//! [`Dict`]: a mutable map that keeps the order of insertion and that every frontend sees change.

use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut};

use crate::abi::RawAny;
use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{CastError, Changed, NewError, PlaceError, RegisterError};
use crate::header::ObjectHeader;
use crate::list::{no_room, raw_values, value_room};
use crate::map::flatten;
use crate::object::Object;
use crate::runtime::runtime;
use crate::table::container_status as status;
use crate::type_index;

/// A dict's object. Its body is the runtime's own.
#[repr(C)]
#[derive(Debug)]
pub struct DictObj {
    header: ObjectHeader,
}

// SAFETY: repr(C), the header, a fixed type; nobody but the runtime makes one.
unsafe impl Object for DictObj {
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::DICT)
    }
}

/// A mutable map that keeps the order of insertion. Cloning shares it. Keys are those of
/// [`Map`](crate::Map).
///
/// Any thread may read and change it at any time: each call is one step, which others see whole or
/// not at all. What a call takes out or replaces is dropped by the caller, when the call is over.
/// A call spins while another one is under way; none runs foreign code meanwhile.
#[derive(Clone)]
#[repr(transparent)]
pub struct Dict(ObjectArc<DictObj>);

/// Where an iteration over a dict stands.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    at: usize,
    backwards: bool,
    version: u64,
}

impl Cursor {
    /// Position, direction and version, for those who keep them in parts.
    #[must_use]
    pub const fn parts(self) -> (usize, bool, u64) {
        (self.at, self.backwards, self.version)
    }

    /// From what [`parts`](Self::parts) answered.
    #[must_use]
    pub const fn from_parts(at: usize, backwards: bool, version: u64) -> Self {
        Self { at, backwards, version }
    }
}

impl Dict {
    /// An empty dict.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_new() -> Result<Self, NewError> {
        Self::try_from_flat(Vec::new()).map_err(|error| error.cause)
    }

    /// A dict of keys and values in turn. Of equal keys the first stays, with the last value.
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
        let dict = unsafe { (runtime().dict_new)(raw_values(&mut flat), flat.len() / 2) };
        let Some(dict) = NonNull::new(dict) else {
            let cause = no_room(flat.len());
            return Err(PlaceError { value: flat, cause });
        };
        // SAFETY: the runtime took them.
        unsafe { flat.set_len(0) };
        // SAFETY: a new dict, and its one reference.
        Ok(Self(unsafe { ObjectArc::from_raw(dict.cast()) }))
    }

    /// A dict of pairs. Of equal keys the first stays, with the last value.
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

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        // SAFETY: a live dict.
        unsafe { (runtime().dict_len)(self.raw(), null_mut()) }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: AnyView<'_>) -> Option<Any> {
        let mut value = RawAny::NONE;
        // SAFETY: a live dict, a live value, room for a value.
        let found = unsafe { (runtime().dict_get)(self.raw(), key.raw(), &raw mut value) };
        // SAFETY: an owned copy.
        (found == status::FOUND).then(|| unsafe { Any::from_raw(value) })
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: AnyView<'_>) -> bool {
        // SAFETY: a live dict, a live value; no copy is asked for.
        unsafe { (runtime().dict_get)(self.raw(), key.raw(), null_mut()) == status::FOUND }
    }

    /// Puts a value under a key. Where the key is there already it stays as it was, and the old value
    /// is returned.
    ///
    /// # Errors
    ///
    /// No memory: both come back.
    pub fn try_insert(
        &self,
        key: impl Into<Any>,
        value: impl Into<Any>,
    ) -> Result<Option<Any>, PlaceError<(Any, Any)>> {
        let (found, _, value) = self.set(key.into(), value.into(), true)?;
        Ok(found.then_some(value))
    }

    /// The value of a key; if there is none, `value` is put there.
    ///
    /// # Errors
    ///
    /// No memory: both come back.
    pub fn try_get_or_insert(
        &self,
        key: impl Into<Any>,
        value: impl Into<Any>,
    ) -> Result<Any, PlaceError<(Any, Any)>> {
        let (mut key, mut value) = (key.into(), value.into());
        loop {
            if let Some(there) = self.get(key.view()) {
                return Ok(there);
            }
            let copy = value.clone();
            match self.set(key, value, false)? {
                (false, ..) => return Ok(copy),
                // Another thread was faster; and may have taken it out again.
                (true, same_key, same_value) => (key, value) = (same_key, same_value),
            }
        }
    }

    fn set(
        &self,
        key: Any,
        value: Any,
        replace: bool,
    ) -> Result<(bool, Any, Any), PlaceError<(Any, Any)>> {
        let (mut key, mut value) = (Any::into_raw(key), Any::into_raw(value));
        // SAFETY: a live dict, two owned values; what is in the variables after is owned, too.
        unsafe {
            let (key_at, value_at) = (&raw mut key, &raw mut value);
            let found = (runtime().dict_set)(self.raw(), key_at, value_at, replace.into());
            let (key, value) = (Any::from_raw(key), Any::from_raw(value));
            match found {
                status::OUT_OF_MEMORY => {
                    Err(PlaceError { value: (key, value), cause: no_room(2) })
                }
                found => Ok((found == status::FOUND, key, value)),
            }
        }
    }

    /// Takes a key's value out.
    pub fn remove(&self, key: AnyView<'_>) -> Option<Any> {
        self.remove_pair(key).map(|(_, value)| value)
    }

    /// Takes a key and its value out.
    pub fn remove_pair(&self, key: AnyView<'_>) -> Option<(Any, Any)> {
        // SAFETY: a live dict, a live value, room for two values.
        pair(|out| unsafe { (runtime().dict_remove)(self.raw(), key.raw(), out) })
    }

    /// Takes the last pair out.
    pub fn pop(&self) -> Option<(Any, Any)> {
        // SAFETY: a live dict, room for two values.
        pair(|out| unsafe { (runtime().dict_pop)(self.raw(), out) })
    }

    /// Drops all pairs.
    pub fn clear(&self) {
        // SAFETY: a live dict.
        unsafe { (runtime().dict_clear)(self.raw()) };
    }

    /// A cursor in front of the first pair, or behind the last; and how many pairs there are.
    #[must_use]
    pub fn cursor(&self, backwards: bool) -> (Cursor, usize) {
        let mut version = 0;
        // SAFETY: a live dict, a variable.
        let len = unsafe { (runtime().dict_len)(self.raw(), &raw mut version) };
        (Cursor { at: if backwards { usize::MAX } else { 0 }, backwards, version }, len)
    }

    /// The pair that the cursor comes to next; `None` at the end.
    ///
    /// # Errors
    ///
    /// A key came or went since the cursor was made.
    pub fn step(&self, cursor: &mut Cursor) -> Result<Option<(Any, Any)>, Changed> {
        let mut changed = false;
        let found = pair(|out| {
            let (at, backwards) = (&raw mut cursor.at, cursor.backwards.into());
            // SAFETY: a live dict, a variable, room for two values.
            let found =
                unsafe { (runtime().dict_step)(self.raw(), at, backwards, cursor.version, out) };
            changed = found == status::CHANGED;
            found
        });
        if changed { Err(Changed) } else { Ok(found) }
    }

    /// Copies of all pairs, keys and values in turn, as they were at one moment.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_to_flat(&self) -> Result<Vec<Any>, NewError> {
        let mut room = self.len();
        loop {
            let mut flat = value_room(room.saturating_mul(2))?;
            // SAFETY: a live dict, room for as many pairs.
            let len = unsafe {
                (runtime().dict_read)(self.raw(), raw_values(&mut flat), room, null_mut())
            };
            // SAFETY: so many were written.
            unsafe { flat.set_len(2 * len.min(room)) };
            if len <= room {
                return Ok(flat);
            }
            room = len; // it grew meanwhile
        }
    }

    /// Keys and values as they are now; what is changed after is not seen.
    ///
    /// # Panics
    ///
    /// No memory.
    #[cfg(feature = "infallible")]
    pub fn iter(&self) -> impl Iterator<Item = (Any, Any)> + use<> {
        let mut flat = match self.try_to_flat() {
            Ok(flat) => flat.into_iter(),
            Err(error) => panic!("{error}"),
        };
        core::iter::from_fn(move || Some((flat.next()?, flat.next()?)))
    }

    /// The dict's object.
    #[must_use]
    pub fn as_object(&self) -> &ObjectArc<DictObj> {
        &self.0
    }

    /// The dict's object, given away.
    #[must_use]
    pub fn into_object(self) -> ObjectArc<DictObj> {
        self.0
    }

    /// A dict by its object.
    #[must_use]
    pub fn from_object(object: ObjectArc<DictObj>) -> Self {
        Self(object)
    }
}

/// The pair that an entry of the table has written, if it says so.
fn pair(entry: impl FnOnce(*mut RawAny) -> i32) -> Option<(Any, Any)> {
    let mut pair = [RawAny::NONE; 2];
    if entry(pair.as_mut_ptr()) != status::FOUND {
        return None;
    }
    let [key, value] = pair;
    // SAFETY: two owned values were written.
    Some(unsafe { (Any::from_raw(key), Any::from_raw(value)) })
}

#[cfg(feature = "infallible")]
impl<K: Into<Any>, V: Into<Any>> FromIterator<(K, V)> for Dict {
    /// # Panics
    ///
    /// No memory.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        match Self::try_from_pairs(pairs) {
            Ok(dict) => dict,
            Err(error) => panic!("{error}"),
        }
    }
}

impl From<Dict> for Any {
    fn from(dict: Dict) -> Self {
        dict.0.into()
    }
}

crate::values::out_of_any!(Dict);

impl TryFrom<AnyView<'_>> for Dict {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        view.try_into().map(Self)
    }
}
