//! A hash table that keeps the order of insertion: pairs in a vector, their places in a table.
//!
//! ```text
//! places   { hash(k0): 0, hash(k2): 2, hash(k3): 3 }      hashbrown's
//! pairs    [ k0 v0 | hole | k2 v2 | k3 v3 ]               holes go when they outnumber the pairs
//! ```
//!
//! Removing leaves a hole, as in CPython: the pairs behind keep their places, so that a position goes
//! on meaning something to an iteration, and removal takes no longer in a large table. (indexmap
//! moves all pairs behind, or the last one into the gap.)

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::abi::RawAny;
use crate::key::Key;
use crate::room::{NoMemory, put};
use crate::owned::Owned;

/// Type number of the key of a hole: no value has it.
const HOLE: i32 = -1;

/// A key and its value, laid out for those who read a Map's pairs by address.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: Owned,
    pub(crate) value: Owned,
}

impl Pair {
    fn hole() -> Self {
        let key = RawAny { type_index: HOLE, ..RawAny::NONE };
        // SAFETY: no object's number, so nothing is owned.
        Self { key: unsafe { Owned::new(key) }, value: Owned::NONE }
    }

    const fn is_hole(&self) -> bool {
        self.key.raw().type_index == HOLE
    }
}

/// # Invariants
///
/// `places` holds each position of a pair that is no hole, under its key's hash; keys differ. No
/// position below `first` holds a pair, and the last one is no hole.
#[derive(Debug)]
pub(crate) struct Ordered {
    places: HashTable<usize>,
    pairs: Vec<Pair>,
    first: usize,
    hasher: DefaultHashBuilder,
}

impl Ordered {
    pub(crate) fn new() -> Self {
        Self {
            places: HashTable::new(),
            pairs: Vec::new(),
            first: 0,
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// How many pairs.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Room for as many pairs more; nothing has changed if there is none.
    pub(crate) fn try_reserve(&mut self, additional: usize) -> Result<(), NoMemory> {
        let holes = self.pairs.len() - self.len();
        if self.pairs.capacity() - self.pairs.len() < additional && holes > self.len() / 4 {
            self.close_holes();
        }
        self.pairs.try_reserve(additional).map_err(|_| NoMemory)?;
        let (hasher, pairs) = (&self.hasher, &self.pairs);
        let rehash = |&place: &usize| hasher.hash_one(pairs[place].key.key());
        self.places.try_reserve(additional, rehash).map_err(|_| NoMemory)
    }

    /// Where the key's pair is.
    #[inline]
    pub(crate) fn find(&self, key: Key<'_>) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let same = |&place: &usize| self.pairs[place].key.key() == key;
        self.places.find(self.hasher.hash_one(key), same).copied()
    }

    /// The value at a position that [`find`](Self::find) answered.
    #[inline]
    pub(crate) fn value(&self, place: usize) -> &Owned {
        &self.pairs[place].value
    }

    /// Replaces the value at a position that [`find`](Self::find) answered; the old one is returned.
    pub(crate) fn replace(&mut self, place: usize, value: Owned) -> Owned {
        core::mem::replace(&mut self.pairs[place].value, value)
    }

    /// Puts a pair at the end. The key is not there yet, and there is room for one.
    pub(crate) fn push(&mut self, key: Owned, value: Owned) {
        let (hasher, pairs) = (&self.hasher, &self.pairs);
        let rehash = |&place: &usize| hasher.hash_one(pairs[place].key.key());
        // INVARIANT: the position that the pair takes below, under its key's hash.
        assert!(self.places.len() < self.places.capacity(), "no room was made");
        self.places.insert_unique(hasher.hash_one(key.key()), pairs.len(), rehash);
        put(&mut self.pairs, Pair { key, value });
    }

    /// Takes the pair at a position out.
    pub(crate) fn remove(&mut self, place: usize) -> Pair {
        let hash = self.hasher.hash_one(self.pairs[place].key.key());
        if let Ok(found) = self.places.find_entry(hash, |&other| other == place) {
            found.remove();
        }
        let pair = core::mem::replace(&mut self.pairs[place], Pair::hole());
        // INVARIANT: holes at either end are passed over.
        while self.pairs.last().is_some_and(Pair::is_hole) {
            self.pairs.pop();
        }
        if place == self.first {
            while self.pairs.get(self.first).is_some_and(Pair::is_hole) {
                self.first += 1;
            }
        }
        self.first = self.first.min(self.pairs.len());
        let holes = self.pairs.len() - self.len();
        if holes > 8 && holes > self.len() {
            self.close_holes();
        }
        pair
    }

    /// The position of the first pair at `place` or behind it.
    #[inline]
    pub(crate) fn next(&self, place: usize) -> Option<usize> {
        let start = place.max(self.first);
        let behind = self.pairs.get(start..)?;
        behind.iter().position(|pair| !pair.is_hole()).map(|at| start + at)
    }

    /// The position of the last pair in front of `place`.
    #[inline]
    pub(crate) fn previous(&self, place: usize) -> Option<usize> {
        let before = &self.pairs[..place.min(self.pairs.len())];
        before.iter().rposition(|pair| !pair.is_hole())
    }

    /// The pair at a position that is no hole.
    #[inline]
    pub(crate) fn pair(&self, place: usize) -> &Pair {
        &self.pairs[place]
    }

    /// The pairs in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| !pair.is_hole())
    }

    /// All pairs at one address; only of a table that nothing was removed from.
    pub(crate) fn as_slice(&self) -> &[Pair] {
        debug_assert!(self.pairs.len() == self.len(), "holes");
        &self.pairs
    }

    /// Moves the pairs together. Asks for no memory: as many places fit as before.
    fn close_holes(&mut self) {
        self.pairs.retain(|pair| !pair.is_hole()); // holes own nothing
        self.places.clear();
        self.first = 0;
        let (hasher, pairs) = (&self.hasher, &self.pairs);
        let hash_at = |place: usize| hasher.hash_one(pairs[place].key.key());
        for place in 0..pairs.len() {
            // INVARIANT: each position again, under the same hash.
            assert!(self.places.len() < self.places.capacity(), "as many fit as before");
            self.places.insert_unique(hash_at(place), place, |&place| hash_at(place));
        }
    }
}
