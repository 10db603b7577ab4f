//! Which storages there are that were ever kept: what a trim looks through.
//!
//! Storage is listed when it is first kept, and until it is freed, so that a revival and the next drop cost
//! nothing here. The list is a bit for every address at which storage can begin, in pieces for the regions
//! of memory that have any: a quarter of a byte for 32 of storage, where storage lies close.
//!
//! The lock of a storage's shard is also what holds an object's `delete_space` off while a trim looks at
//! the object (see [`mark`]). Held for moments, by threads that neither wait nor allocate Python memory.
//!
//! [`mark`]: crate::tie::mark

use core::hash::BuildHasherDefault;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use object_core::ObjectHeader;
use pyo3::ffi;
use spin::mutex::SpinMutex;
use spin::relax::Yield;

use crate::py::near::Near;
use crate::py::refs;
use crate::py::storage::{as_wrapper, state, storage};
use crate::tie::Wrapper;
use crate::tie::lock::peek;
use crate::tie::mark;
use crate::tie::word::State;

/// A region is 64 KiB.
const REGION: u32 = 16;
/// What addresses of storage are multiples of: the interpreter's allocator sees to it.
const GRAIN: u32 = if size_of::<usize>() == 8 { 4 } else { 3 };
const WORDS: usize = 1 << (REGION - GRAIN - 6);
/// By the low 4 bits of a region's number, which [`Near`] leaves out.
const SHARDS: usize = 16;

/// A bit for each grain of a region.
///
/// # Invariants
///
/// A bit is set only where storage begins that is there and says that it is listed; so many are set.
struct Region {
    set: u32,
    bits: [u64; WORDS],
}

type Regions = HashMap<usize, Region, BuildHasherDefault<Near>>;

static LISTED: [SpinMutex<Regions, Yield>; SHARDS] =
    [const { SpinMutex::new(HashMap::with_hasher(BuildHasherDefault::new())) }; SHARDS];

/// The region of an address, its shard, and the word and bit in it.
fn place(address: usize) -> (usize, &'static SpinMutex<Regions, Yield>, usize, u64) {
    let region = address >> REGION;
    let grain = (address >> GRAIN) & (WORDS * 64 - 1);
    (
        region,
        &LISTED[region % SHARDS],
        grain / 64,
        1 << (grain % 64),
    )
}

/// Lists storage that is about to be kept for the first time. Where there is no memory for that it is not
/// listed: kept all the same, until its object dies; no trim finds it.
///
/// # Safety
///
/// The storage is the caller's alone.
#[cold]
pub(crate) unsafe fn list(wrapper: *mut ffi::PyObject) {
    let (region, shard, word, bit) = place(wrapper.addr());
    let mut regions = shard.lock();
    if regions.try_reserve(1).is_err() {
        return;
    }
    // SAFETY: the caller's contract.
    unsafe { storage(wrapper) }.mark(state::LISTED, true);
    // INVARIANT: it is there, and says that it is listed.
    let region = regions.entry(region).or_insert(Region {
        set: 0,
        bits: [0; WORDS],
    });
    region.set += u32::from(region.bits[word] & bit == 0);
    region.bits[word] |= bit;
}

/// Takes storage off that is about to be freed.
#[cold]
pub(crate) fn unlist(wrapper: *mut ffi::PyObject) {
    let (number, shard, word, bit) = place(wrapper.addr());
    let mut regions = shard.lock();
    // Not found: forgotten after a fork.
    let Some(region) = regions.get_mut(&number) else {
        return;
    };
    region.set -= u32::from(region.bits[word] & bit != 0);
    region.bits[word] &= !bit;
    if region.set == 0 {
        regions.remove(&number);
    }
}

/// An object's block is about to go, and its word says that it keeps this storage: whether it still does,
/// behind whoever trims. `there`: the storage may be touched, and is the caller's from here on.
pub(crate) fn is_left(word: &AtomicUsize, kept: Wrapper, there: bool) -> bool {
    let object = kept.as_ptr().cast::<ffi::PyObject>();
    let (_, shard, ..) = place(object.addr());
    let _held = shard.lock();
    if peek(word).state() != State::Inactive(kept) {
        return false;
    }
    if there {
        // SAFETY: the word keeps it, and who trims is not at it. A trim finds no mark from here on.
        let handle = unsafe { &storage(object).handle };
        handle.store(null_mut(), Ordering::Relaxed);
    }
    true
}

/// The regions that have storage, now.
pub(crate) fn regions() -> Vec<usize> {
    LISTED
        .iter()
        .flat_map(|shard| shard.lock().keys().copied().collect::<Vec<_>>())
        .collect()
}

/// Looks through a region: storage that is kept, and that `take` takes for the object it is kept for,
/// is off the list, and goes to `taken`. Does nothing where `enter` declines.
///
/// Both are quiet: they are called with the region's lock held. The object's block is there while `take` runs.
pub(crate) fn look_through<G>(
    number: usize,
    enter: impl FnOnce() -> Option<G>,
    mut take: impl FnMut(Wrapper, NonNull<ObjectHeader>) -> bool,
    taken: &mut Vec<Wrapper>,
) {
    let mut regions = LISTED[number % SHARDS].lock();
    let (Some(region), Some(_entered)) = (regions.get_mut(&number), enter()) else {
        return;
    };
    for (index, word) in region.bits.iter_mut().enumerate() {
        let mut left = *word;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            left ^= bit;
            let grain = index * 64 + bit.trailing_zeros() as usize;
            let address = (number << REGION) | (grain << GRAIN);
            let wrapper = core::ptr::with_exposed_provenance_mut::<ffi::PyObject>(address);
            // SAFETY: by the region's invariant the storage is there: who frees it unlists it first.
            let there = unsafe { storage(wrapper) };
            let Some(object) = mark::look(&there.handle) else {
                continue;
            };
            let wrapper = as_wrapper(wrapper);
            let trimmed = take(wrapper, object);
            mark::look_away(&there.handle, object, trimmed);
            if trimmed {
                there.mark(state::LISTED, false);
                *word ^= bit;
                region.set -= 1;
                taken.push(wrapper);
            }
        }
    }
    if region.set == 0 {
        regions.remove(&number);
    }
}

/// In a forked child. With a GIL whoever held a lock was only looking; without one it may have been in the
/// middle of a change, and what is listed there is forgotten, to be freed with its objects.
///
/// # Safety
///
/// No other thread is there.
pub(crate) unsafe fn reset_after_fork() {
    for shard in &LISTED {
        if shard.try_lock().is_some() {
            continue;
        }
        // SAFETY: whoever held it is not in this process.
        unsafe { shard.force_unlock() };
        if !refs::QUIET {
            core::mem::forget(core::mem::take(&mut *shard.lock()));
        }
    }
}
