//! The mutable map: the engine behind the runtime table's `dict_*`.

use core::ffi::c_void;
use core::ptr::null_mut;

use crate::abi::RawAny;
use crate::header::ObjectHeader;
use crate::key::Key;
use crate::map_body::{fill, with_room};
use crate::ordered::{Ordered, Pair};
use crate::owned::Owned;
use crate::shared_body::{Body, Lock, copy, place, settle};
use crate::table::{ANY_VERSION, container_status as status};
use crate::type_index;

#[repr(C)]
struct DictBody {
    header: ObjectHeader,
    state: Lock<State>,
}

struct State {
    /// Grows when a key comes or goes; not when a value is replaced.
    version: u64,
    pairs: Ordered,
}

// SAFETY: values are Send and Sync by the `Object` contract.
unsafe impl Send for DictBody {}
// SAFETY: as above, and what changes changes under the lock.
unsafe impl Sync for DictBody {}

// SAFETY: repr(C), header first.
unsafe impl Body for DictBody {
    const TYPE_INDEX: i32 = type_index::DICT;
}

/// # Safety
///
/// A live dict, for `'a`.
unsafe fn body<'a>(dict: *mut ObjectHeader) -> &'a Lock<State> {
    // SAFETY: the caller's contract; dicts are made here and nowhere else.
    unsafe { &(*dict.cast::<DictBody>()).state }
}

/// A pair that the caller owns from here on.
///
/// # Safety
///
/// Room for two values.
unsafe fn give(pair: Pair, out: *mut RawAny) {
    // SAFETY: the caller's contract.
    unsafe {
        out.write(pair.key.into_raw());
        out.add(1).write(pair.value.into_raw());
    }
}

/// The table's `dict_new`.
pub(crate) unsafe extern "C" fn new(pairs: *mut RawAny, num_pairs: usize) -> *mut ObjectHeader {
    let Ok(table) = with_room(num_pairs) else { return null_mut() };
    let state = Lock::new(State { version: 0, pairs: table });
    let Ok(dict) = place(DictBody { header: ObjectHeader::new(), state }) else {
        return null_mut();
    };
    // SAFETY: made just now, and nobody else has it, so that dropping under the lock harms nobody;
    // the table's contract for the pairs.
    unsafe {
        fill(&mut (*dict.as_ptr()).state.get_mut().pairs, pairs, num_pairs);
    }
    dict.as_ptr().cast()
}

/// The table's `dict_len`.
pub(crate) unsafe extern "C" fn len(dict: *mut ObjectHeader, version: *mut u64) -> usize {
    // SAFETY: the table's contract: a live dict, and null or a variable.
    unsafe {
        let state = body(dict).lock();
        if let Some(version) = version.as_mut() {
            *version = state.version;
        }
        state.pairs.len()
    }
}

/// The table's `dict_get`.
pub(crate) unsafe extern "C" fn get(
    dict: *mut ObjectHeader,
    key: *const RawAny,
    out: *mut RawAny,
) -> i32 {
    // SAFETY: the table's contract: a live dict, a live value, room for a value.
    unsafe {
        let Some(key) = Key::of(&*key) else { return status::ABSENT };
        let state = body(dict).lock();
        let Some(place) = state.pairs.find(key) else { return status::ABSENT };
        let mut found = [copy(state.pairs.value(place).raw())];
        drop(state);
        settle(&mut found);
        if let Some(out) = out.as_mut() {
            *out = found[0];
        } else {
            drop(Owned::new(found[0]));
        }
        status::FOUND
    }
}

/// The table's `dict_set`.
pub(crate) unsafe extern "C" fn set(
    dict: *mut ObjectHeader,
    key: *mut RawAny,
    value: *mut RawAny,
    replace: i32,
) -> i32 {
    // SAFETY: the table's contract: a live dict, two owned values.
    unsafe {
        let mut state = body(dict).lock();
        let place = Key::of(&*key).and_then(|key| state.pairs.find(key));
        if let Some(place) = place {
            if replace != 0 {
                *value = state.pairs.replace(place, Owned::new(*value)).into_raw();
            }
            return status::FOUND;
        }
        if state.pairs.try_reserve(1).is_err() {
            return status::OUT_OF_MEMORY;
        }
        state.pairs.push(Owned::new(*key), Owned::new(*value));
        state.version += 1;
        (*key, *value) = (RawAny::NONE, RawAny::NONE);
        status::ABSENT
    }
}

/// The table's `dict_remove`.
pub(crate) unsafe extern "C" fn remove(
    dict: *mut ObjectHeader,
    key: *const RawAny,
    pair: *mut RawAny,
) -> i32 {
    // SAFETY: the table's contract: a live dict, a live value, room for two values.
    unsafe {
        let Some(key) = Key::of(&*key) else { return status::ABSENT };
        let mut state = body(dict).lock();
        let Some(place) = state.pairs.find(key) else { return status::ABSENT };
        give(state.pairs.remove(place), pair);
        state.version += 1;
        status::FOUND
    }
}

/// The table's `dict_pop`.
pub(crate) unsafe extern "C" fn pop(dict: *mut ObjectHeader, pair: *mut RawAny) -> i32 {
    // SAFETY: the table's contract: a live dict, room for two values.
    unsafe {
        let mut state = body(dict).lock();
        let Some(place) = state.pairs.previous(usize::MAX) else { return status::ABSENT };
        give(state.pairs.remove(place), pair);
        state.version += 1;
        status::FOUND
    }
}

/// The table's `dict_step`.
pub(crate) unsafe extern "C" fn step(
    dict: *mut ObjectHeader,
    cursor: *mut usize,
    backwards: i32,
    version: u64,
    pair: *mut RawAny,
) -> i32 {
    // SAFETY: the table's contract: a live dict, a variable, room for two values.
    unsafe {
        let state = body(dict).lock();
        if version != ANY_VERSION && version != state.version {
            return status::CHANGED;
        }
        let place = if backwards != 0 {
            state.pairs.previous(*cursor)
        } else {
            state.pairs.next(*cursor)
        };
        let Some(place) = place else { return status::ABSENT };
        let there = state.pairs.pair(place);
        let mut found = [copy(there.key.raw()), copy(there.value.raw())];
        drop(state);
        settle(&mut found);
        *cursor = if backwards != 0 { place } else { place + 1 };
        pair.cast::<[RawAny; 2]>().write(found);
        status::FOUND
    }
}

/// The table's `dict_read`.
pub(crate) unsafe extern "C" fn read(
    dict: *mut ObjectHeader,
    pairs: *mut RawAny,
    room: usize,
    version: *mut u64,
) -> usize {
    // SAFETY: the table's contract: a live dict, room for as many pairs, null or a variable.
    unsafe {
        let state = body(dict).lock();
        let count = state.pairs.len().min(room);
        for (i, pair) in state.pairs.iter().take(count).enumerate() {
            pairs.add(2 * i).write(copy(pair.key.raw()));
            pairs.add(2 * i + 1).write(copy(pair.value.raw()));
        }
        if let Some(version) = version.as_mut() {
            *version = state.version;
        }
        let len = state.pairs.len();
        drop(state);
        if count != 0 {
            settle(core::slice::from_raw_parts_mut(pairs, 2 * count));
        }
        len
    }
}

/// The table's `dict_clear`.
pub(crate) unsafe extern "C" fn clear(dict: *mut ObjectHeader) {
    let empty = Ordered::new();
    // SAFETY: the table's contract: a live dict.
    let mut state = unsafe { body(dict).lock() };
    if state.pairs.len() == 0 {
        return;
    }
    let gone = core::mem::replace(&mut state.pairs, empty);
    state.version += 1;
    drop(state);
    drop(gone); // after the lock
}

/// The table's `container_visit`.
pub(crate) unsafe extern "C" fn visit(
    container: *mut ObjectHeader,
    context: *mut c_void,
    visit: unsafe extern "C" fn(*mut c_void, *const RawAny),
) -> i32 {
    // SAFETY: the table's contract: a live list or dict; `visit` may be called with `context`.
    unsafe {
        if (*container).type_index() == type_index::LIST {
            return i32::from(crate::list_body::visit(container, context, visit));
        }
        let Some(state) = body(container).try_lock() else { return 0 };
        for pair in state.pairs.iter() {
            visit(context, pair.key.raw());
            visit(context, pair.value.raw());
        }
        1
    }
}
