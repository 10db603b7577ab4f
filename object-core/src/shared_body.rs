//! What the bodies of containers have in common: their lock, how they are made and deleted, how
//! values are copied out of them.
//!
//! These files are the engine behind the runtime table's `list_*`, `map_*` and `dict_*`: only the
//! copy of the code that the process's table belongs to runs them.
//!
//! The lock guards everything in a mutable body. Under it memory is asked for and given back, and
//! references are counted up where that is arithmetic. Nothing is dropped, no foreign code runs, and
//! no other lock is taken. What leaves a container leaves it under the lock and is dropped after it.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::abi::RawAny;
use crate::header::{DELETE_BODY, DELETE_SPACE, ObjectHeader};
use crate::refs::{dec_weak, inc_weak, try_inc, upgrade};
use crate::slots::raw_dec;

/// How a waiting thread passes its time.
pub(crate) struct Relax;

impl spin::RelaxStrategy for Relax {
    #[inline]
    fn relax() {
        // The holder may have been put to sleep in the middle of a long move: let it run.
        crate::primitive::relax(u32::MAX);
    }
}

/// The lock of a mutable body.
pub(crate) type Lock<T> = spin::mutex::SpinMutex<T, Relax>;

/// What a container's body begins with. The rest of it is the engine's alone.
///
/// # Safety
///
/// `repr(C)`, an [`ObjectHeader`] first.
pub(crate) unsafe trait Body: Send + Sync + Sized {
    /// The type's number.
    const TYPE_INDEX: i32;
}

/// Makes an object of a body, whose header is written here; no memory: the body comes back.
pub(crate) fn place<T: Body>(body: T) -> Result<NonNull<T>, T> {
    // The engine's own table names this registry.
    let block = alloc_header::REGISTRY.allocate(size_of::<T>(), align_of::<T>(), T::TYPE_INDEX);
    let Ok(block) = block else { return Err(body) };
    let object = block.cast::<T>();
    // SAFETY: an uninitialised block of that size and alignment, behind an allocation header; the
    // deleter is the body's. The header is written last.
    unsafe {
        object.write(body);
        object.cast().write(ObjectHeader::placed(T::TYPE_INDEX, 0, delete::<T>));
    }
    Ok(object)
}

/// The deleter of a body.
unsafe extern "C" fn delete<T: Body>(object: *mut c_void, bits: i32) {
    if bits & DELETE_BODY != 0 {
        // SAFETY: the last strong reference went: nobody else reads the body. Values are dropped by
        // their own deleters, which do not unwind.
        unsafe { object.cast::<T>().drop_in_place() };
    }
    if bits & DELETE_SPACE != 0 {
        if let Some(body) = NonNull::new(object) {
            // SAFETY: `place` put it behind an allocation header; nobody reaches the space any more.
            unsafe { alloc_header::delete(body) };
        }
    }
}

/// In `small_len` of an object's copy, while it is made: the reference it owns is weak.
const WEAK: u32 = u32::MAX;

/// A copy of a value, under the lock. An object that the runtime counts (bit 63) is held weakly until
/// [`settle`]: counting it may run anything.
///
/// # Safety
///
/// The value is alive while the lock is held.
#[inline]
pub(crate) unsafe fn copy(value: &RawAny) -> RawAny {
    let mut copy = *value;
    if let Some(object) = value.as_object() {
        // SAFETY: the container owns a reference, and cannot lose it while the lock is held.
        unsafe {
            if !try_inc(object) {
                inc_weak(object);
                copy.small_len = WEAK;
            }
        }
    }
    copy
}

/// Makes copies owned, after the lock. False: an object has died meanwhile, and nothing is owned any
/// more; the container holds another value by now, so start again.
///
/// # Safety
///
/// Made by [`copy`]; no lock is held.
#[inline]
#[must_use]
pub(crate) unsafe fn settle(copies: &mut [RawAny]) -> bool {
    if copies.iter().all(|copy| copy.small_len != WEAK) {
        return true;
    }
    // SAFETY: the caller's contract.
    unsafe { settle_weak(copies) }
}

#[cold]
unsafe fn settle_weak(copies: &mut [RawAny]) -> bool {
    let mut alive = true;
    for copy in copies.iter_mut().filter(|copy| copy.small_len == WEAK) {
        let Some(object) = copy.as_object() else { continue };
        copy.small_len = 0;
        // SAFETY: the weak reference that `copy` took, given back after its last use.
        unsafe {
            if !upgrade(object) {
                alive = false;
                *copy = RawAny::NONE;
            }
            dec_weak(object);
        }
    }
    if !alive {
        for copy in copies {
            // SAFETY: each owns a strong reference, or none; it is not used again.
            unsafe { raw_dec(copy) };
        }
    }
    alive
}
