//! The mutable list: the engine behind the runtime table's `list_*`.

use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr::null_mut;

use crate::abi::RawAny;
use crate::header::ObjectHeader;
use crate::owned::Owned;
use crate::room::with_room;
use crate::shared_body::{Body, Lock, copy, place, settle};
use crate::table::{ANY_VERSION, container_status as status};
use crate::type_index;

#[repr(C)]
struct ListBody {
    header: ObjectHeader,
    state: Lock<State>,
}

struct State {
    /// Grows when a value comes or goes or moves; not when one is replaced in its place.
    version: u64,
    values: Vec<Owned>,
}

// SAFETY: values are Send and Sync by the `Object` contract.
unsafe impl Send for ListBody {}
// SAFETY: as above, and what changes changes under the lock.
unsafe impl Sync for ListBody {}

// SAFETY: repr(C), header first.
unsafe impl Body for ListBody {
    const TYPE_INDEX: i32 = type_index::LIST;
}

/// # Safety
///
/// A live list, for `'a`.
unsafe fn body<'a>(list: *mut ObjectHeader) -> &'a Lock<State> {
    // SAFETY: the caller's contract; lists are made here and nowhere else.
    unsafe { &(*list.cast::<ListBody>()).state }
}

/// Moves `count` values from `from` behind the end of `to`, which has room for them.
///
/// # Safety
///
/// The values are readable (not read if there are none), owned, and given away.
unsafe fn append(to: &mut Vec<Owned>, from: *const RawAny, count: usize) {
    if count == 0 {
        return;
    }
    debug_assert!(to.capacity() - to.len() >= count);
    // SAFETY: readable by the caller's contract; room behind the end by its contract as well; an
    // Owned is transparent over a RawAny.
    unsafe {
        to.as_mut_ptr().add(to.len()).copy_from_nonoverlapping(from.cast(), count);
        to.set_len(to.len() + count);
    }
}

/// The table's `list_new`.
pub(crate) unsafe extern "C" fn new(values: *mut RawAny, num_values: usize) -> *mut ObjectHeader {
    let Ok(room) = with_room(num_values) else { return null_mut() };
    let state = Lock::new(State { version: 0, values: room });
    let Ok(list) = place(ListBody { header: ObjectHeader::new(), state }) else {
        return null_mut();
    };
    // SAFETY: made just now, and nobody else has it; the table's contract for the values.
    unsafe { append(&mut (*list.as_ptr()).state.get_mut().values, values, num_values) };
    list.as_ptr().cast()
}

/// The table's `list_len`.
pub(crate) unsafe extern "C" fn len(list: *mut ObjectHeader, version: *mut u64) -> usize {
    // SAFETY: the table's contract: a live list, and null or a variable.
    unsafe {
        let state = body(list).lock();
        if let Some(version) = version.as_mut() {
            *version = state.version;
        }
        state.values.len()
    }
}

/// The table's `list_get`.
pub(crate) unsafe extern "C" fn get(
    list: *mut ObjectHeader,
    index: usize,
    version: u64,
    out: *mut RawAny,
) -> i32 {
    // SAFETY: the table's contract: a live list, room for a value.
    unsafe {
        let state = body(list).lock();
        if version != ANY_VERSION && version != state.version {
            return status::CHANGED;
        }
        let Some(value) = state.values.get(index) else { return status::ABSENT };
        let mut found = [copy(value.raw())];
        drop(state);
        settle(&mut found);
        out.write(found[0]);
        status::FOUND
    }
}

/// The table's `list_swap`.
pub(crate) unsafe extern "C" fn swap(
    list: *mut ObjectHeader,
    index: usize,
    value: *mut RawAny,
) -> i32 {
    // SAFETY: the table's contract: a live list, an owned value.
    unsafe {
        let mut state = body(list).lock();
        let Some(there) = state.values.get_mut(index) else { return status::ABSENT };
        let old = core::mem::replace(there, Owned::new(*value));
        *value = old.into_raw();
        status::FOUND
    }
}

/// The table's `list_read`.
pub(crate) unsafe extern "C" fn read(
    list: *mut ObjectHeader,
    start: usize,
    out: *mut RawAny,
    room: usize,
    version: *mut u64,
) -> usize {
    // SAFETY: the table's contract: a live list, room for as many values, null or a variable.
    unsafe {
        let state = body(list).lock();
        let len = state.values.len();
        let from = state.values.get(start..).unwrap_or(&[]);
        let count = from.len().min(room);
        for (i, value) in from[..count].iter().enumerate() {
            out.add(i).write(copy(value.raw()));
        }
        if let Some(version) = version.as_mut() {
            *version = state.version;
        }
        drop(state);
        if count != 0 {
            settle(core::slice::from_raw_parts_mut(out, count));
        }
        len
    }
}

/// The table's `list_splice`.
pub(crate) unsafe extern "C" fn splice(
    list: *mut ObjectHeader,
    start: usize,
    stop: usize,
    values: *mut RawAny,
    num_values: usize,
    removed: *mut RawAny,
    version: u64,
) -> isize {
    // What goes and is not asked for, and the memory of what was replaced whole: dropped after the
    // lock.
    let mut gone: Vec<Owned> = Vec::new();
    // SAFETY: the table's contract: a live list, owned values, null or room for what is removed.
    unsafe {
        let mut state = body(list).lock();
        if version != ANY_VERSION && version != state.version {
            return status::CHANGED as isize;
        }
        let len = state.values.len();
        let start = start.min(len);
        let stop = stop.clamp(start, len);
        let going = stop - start;
        let no_memory = status::OUT_OF_MEMORY as isize;
        if going == len && removed.is_null() {
            // The whole of it.
            if gone.try_reserve_exact(num_values).is_err() {
                return no_memory;
            }
            append(&mut gone, values, num_values);
            core::mem::swap(&mut state.values, &mut gone);
        } else {
            if (removed.is_null() && gone.try_reserve_exact(going).is_err())
                || state.values.try_reserve(num_values.saturating_sub(going)).is_err()
            {
                return no_memory;
            }
            let first = state.values.as_mut_ptr();
            let to = if removed.is_null() { gone.as_mut_ptr() } else { removed.cast() };
            // Nothing is there twice or not at all when the length is set: nothing unwinds between.
            state.values.set_len(0);
            first.add(start).copy_to_nonoverlapping(to, going);
            first.add(stop).copy_to(first.add(start + num_values), len - stop);
            if num_values > 0 {
                first.add(start).copy_from_nonoverlapping(values.cast(), num_values);
            }
            state.values.set_len(len - going + num_values);
            if removed.is_null() {
                gone.set_len(going);
            }
        }
        if going > 0 || num_values > 0 {
            state.version += 1;
        }
        drop(state);
        drop(gone);
        going as isize
    }
}


/// The list's part of the table's `container_visit`.
///
/// # Safety
///
/// A live list; `visit` may be called with `context`.
pub(crate) unsafe fn visit(
    list: *mut ObjectHeader,
    context: *mut c_void,
    visit: unsafe extern "C" fn(*mut c_void, *const RawAny),
) -> bool {
    // SAFETY: the caller's contract.
    let Some(state) = (unsafe { body(list) }).try_lock() else { return false };
    for value in &state.values {
        // SAFETY: the caller's contract; alive under the lock.
        unsafe { visit(context, value.raw()) };
    }
    true
}
