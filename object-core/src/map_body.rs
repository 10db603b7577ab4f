//! The immutable map: the engine behind the runtime table's `map_*`.

use core::ptr::null_mut;

use crate::abi::RawAny;
use crate::header::ObjectHeader;
use crate::key::Key;
use crate::room::NoMemory;
use crate::ordered::Ordered;
use crate::owned::Owned;
use crate::shared_body::{Body, place};
use crate::type_index;

/// # Invariants
///
/// Nothing was ever removed, and nothing changes once the object is shared.
#[repr(C)]
struct MapBody {
    header: ObjectHeader,
    pairs: Ordered,
}

// SAFETY: immutable once shared; values are Send and Sync by the `Object` contract.
unsafe impl Send for MapBody {}
// SAFETY: as above.
unsafe impl Sync for MapBody {}

// SAFETY: repr(C), header first.
unsafe impl Body for MapBody {
    const TYPE_INDEX: i32 = type_index::MAP;
}

/// An empty table with room for `num_pairs`.
pub(crate) fn with_room(num_pairs: usize) -> Result<Ordered, NoMemory> {
    let mut pairs = Ordered::new();
    pairs.try_reserve(num_pairs)?;
    Ok(pairs)
}

/// Moves pairs into a table that has room for them. Of equal keys the first stays, with the last
/// value, as in Python.
///
/// # Safety
///
/// `pairs` are `2 * num_pairs` owned values, keys and values in turn, and given away.
pub(crate) unsafe fn fill(table: &mut Ordered, pairs: *const RawAny, num_pairs: usize) {
    for i in 0..num_pairs {
        // SAFETY: the caller's contract.
        let (key, value) = unsafe {
            (Owned::new(*pairs.add(2 * i)), Owned::new(*pairs.add(2 * i + 1)))
        };
        match table.find(key.key()) {
            Some(place) => drop(table.replace(place, value)),
            None => table.push(key, value),
        }
    }
}

/// The table's `map_new`.
pub(crate) unsafe extern "C" fn new(pairs: *mut RawAny, num_pairs: usize) -> *mut ObjectHeader {
    let Ok(table) = with_room(num_pairs) else { return null_mut() };
    let Ok(map) = place(MapBody { header: ObjectHeader::new(), pairs: table }) else {
        return null_mut();
    };
    // SAFETY: made just now, and nobody else has it; the table's contract for the pairs.
    // INVARIANT: it is filled before it is shared.
    unsafe { fill(&mut (*map.as_ptr()).pairs, pairs, num_pairs) };
    map.as_ptr().cast()
}

/// The table's `map_items`.
pub(crate) unsafe extern "C" fn items(
    map: *mut ObjectHeader,
    num_pairs: *mut usize,
) -> *const RawAny {
    // SAFETY: the table's contract: a live map, a variable.
    unsafe {
        let pairs = (*map.cast::<MapBody>()).pairs.as_slice();
        num_pairs.write(pairs.len());
        pairs.as_ptr().cast()
    }
}

/// The table's `map_find`.
pub(crate) unsafe extern "C" fn find(
    map: *mut ObjectHeader,
    key: *const RawAny,
) -> *const RawAny {
    // SAFETY: the table's contract: a live map, a live value.
    unsafe {
        let pairs = &(*map.cast::<MapBody>()).pairs;
        let place = Key::of(&*key).and_then(|key| pairs.find(key));
        place.map_or(core::ptr::null(), |place| pairs.value(place).raw())
    }
}
