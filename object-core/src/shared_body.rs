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
use crate::refs::{inc_unsettled, settle_inc};

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
        ObjectHeader::place(object.cast(), T::TYPE_INDEX, 0, delete::<T>);
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

/// In `small_len` of an object's copy, until [`settle`]: the runtime has to be told of it.
const UNSETTLED: u32 = u32::MAX;

/// A copy of a value, under the lock. It is owned, but [`settle`] is still to come: what the runtime
/// does about an object whose bit 63 is set may be anything.
///
/// # Safety
///
/// The value is alive while the lock is held.
#[inline]
pub(crate) unsafe fn copy(value: &RawAny) -> RawAny {
    let mut copy = *value;
    if let Some(object) = value.as_object() {
        // SAFETY: the container owns a reference, and cannot lose it while the lock is held.
        if unsafe { inc_unsettled(object) } {
            copy.small_len = UNSETTLED;
        }
    }
    copy
}

/// Finishes copies, after the lock.
///
/// # Safety
///
/// Made by [`copy`]; no lock is held.
#[inline]
pub(crate) unsafe fn settle(copies: &mut [RawAny]) {
    for copy in copies.iter_mut().filter(|copy| copy.small_len == UNSETTLED) {
        // SAFETY: the caller's contract.
        unsafe { settle_one(copy) };
    }
}

#[cold]
unsafe fn settle_one(copy: &mut RawAny) {
    if let Some(object) = copy.as_object() {
        copy.small_len = 0;
        // SAFETY: `copy` counted it, and left the rest to us.
        unsafe { settle_inc(object) };
    }
}
