//! Fields that can change: references read and replaced under the owner's slot lock, scalars as
//! relaxed atomics.
//!
//! The danger (design section 5, hazard 11): a reader loads the pointer, another thread replaces and
//! drops the object, the reader counts up freed memory. The lock closes the gap between the load and
//! the increment; nothing else happens under it, and the old value is dropped after it.
//!
//! Where the runtime has to act, because an object's bit 63 is set, it may run anything. So a strong
//! slot counts under the lock and has the runtime settle after it; a weak one takes another weak
//! reference under the lock, and upgrades after it.

use core::ptr::NonNull;

use crate::abi::{RawAny};
use crate::header::ObjectHeader;
use crate::count::Taken;
use crate::raw_bytes::raw_bytes;
use crate::refs::{
    dec_ref, dec_weak, inc_ref, inc_unsettled, inc_weak, settle_inc, try_upgrade, upgrade,
};

/// Holds the lock, and gives it back on every way out.
struct Locked<'a>(&'a ObjectHeader, u32);

impl<'a> Locked<'a> {
    #[inline]
    fn new(owner: &'a ObjectHeader) -> Self {
        Self(owner, owner.lock_slots())
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock_slots(self.1);
    }
}

/// Makes a strong reference to what a weak slot holds, outside of the lock; false if it is dead.
///
/// # Safety
///
/// `object` cannot lose the reference that the slot owns while `locked` is held.
#[cold]
#[inline(never)]
unsafe fn upgrade_unlocked(locked: Locked<'_>, object: NonNull<ObjectHeader>) -> bool {
    // SAFETY: the slot owns one; ours keeps the space once the lock is gone.
    unsafe { inc_weak(object) };
    drop(locked);
    // SAFETY: the weak reference just taken, given back after its last use.
    unsafe {
        let alive = upgrade(object);
        dec_weak(object);
        alive
    }
}

/// What `look` makes of the object that the slot holds, which stays the slot's; `None` for null. A
/// frontend that knows the object by another reference needs none of its own.
///
/// # Safety
///
/// As [`slot_load`]. `look` runs under the lock: it runs no foreign code, allocates, frees and counts
/// nothing, and takes no slot's lock.
#[inline]
pub unsafe fn slot_look<R>(
    owner: &ObjectHeader,
    slot: *mut *mut ObjectHeader,
    look: impl FnOnce(NonNull<ObjectHeader>) -> Option<R>,
) -> Option<R> {
    let _locked = Locked::new(owner);
    // SAFETY: nobody writes while we hold the lock, and the slot owns a reference.
    look(NonNull::new(unsafe { *slot })?)
}

/// A strong reference to what the slot holds; `None` for null.
///
/// # Safety
///
/// `slot` is a strong object slot of the live object `owner`, and everybody changes it through
/// [`slot_store`] only.
#[inline]
#[must_use]
pub unsafe fn slot_load(
    owner: &ObjectHeader,
    slot: *mut *mut ObjectHeader,
) -> Option<NonNull<ObjectHeader>> {
    let locked = Locked::new(owner);
    // SAFETY: nobody writes while we hold the lock.
    let object = NonNull::new(unsafe { *slot })?;
    // SAFETY: the slot owns a reference, and cannot lose it while we hold the lock.
    let unsettled = unsafe { inc_unsettled(object) };
    drop(locked);
    if unsettled {
        // SAFETY: just counted.
        unsafe { settle_inc(object) };
    }
    Some(object)
}

/// Puts an owned reference (or null) into the slot and returns the old one, owned by the caller,
/// who drops it after; no lock is held then.
///
/// # Safety
///
/// As [`slot_load`]; `new` is null or an owned strong reference.
#[inline]
#[must_use]
pub unsafe fn slot_store(
    owner: &ObjectHeader,
    slot: *mut *mut ObjectHeader,
    new: *mut ObjectHeader,
) -> *mut ObjectHeader {
    let _locked = Locked::new(owner);
    // SAFETY: nobody else reads or writes while we hold the lock.
    unsafe { core::mem::replace(&mut *slot, new) }
}

/// A strong reference to what a weak slot points to; `None` for null and for dead objects.
///
/// # Safety
///
/// `slot` is a weak object slot of the live object `owner`, changed through [`slot_store`] only
/// (with weak references).
#[inline]
#[must_use]
pub unsafe fn weak_slot_load(
    owner: &ObjectHeader,
    slot: *mut *mut ObjectHeader,
) -> Option<NonNull<ObjectHeader>> {
    let locked = Locked::new(owner);
    // SAFETY: nobody writes while we hold the lock.
    let object = NonNull::new(unsafe { *slot })?;
    // SAFETY: the slot owns a weak reference, and cannot lose it while we hold the lock.
    let alive = match unsafe { try_upgrade(object) } {
        Taken::Counted => true,
        Taken::Dead => false,
        // SAFETY: as above.
        Taken::Slow => unsafe { upgrade_unlocked(locked, object) },
    };
    alive.then_some(object)
}

/// A weak reference to what a weak slot points to, dead or alive; null for null.
///
/// # Safety
///
/// As [`weak_slot_load`].
#[inline]
#[must_use]
pub unsafe fn weak_slot_copy(
    owner: &ObjectHeader,
    slot: *mut *mut ObjectHeader,
) -> *mut ObjectHeader {
    let _locked = Locked::new(owner);
    // SAFETY: nobody writes while we hold the lock.
    let object = unsafe { *slot };
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the slot owns a weak reference, and cannot lose it while we hold the lock.
        unsafe { inc_weak(object) };
    }
    object
}

/// An owned copy of what the slot holds.
///
/// # Safety
///
/// `slot` is an `Any` slot of the live object `owner`, changed through [`any_slot_swap`] only.
#[inline]
#[must_use]
pub unsafe fn any_slot_load(owner: &ObjectHeader, slot: *mut RawAny) -> RawAny {
    let locked = Locked::new(owner);
    // SAFETY: nobody writes while we hold the lock.
    let raw = unsafe { *slot };
    let Some(object) = raw.as_object() else { return raw };
    // SAFETY: as in `slot_load`.
    let unsettled = unsafe { inc_unsettled(object) };
    drop(locked);
    if unsettled {
        // SAFETY: just counted.
        unsafe { settle_inc(object) };
    }
    raw
}

/// Exchanges what the slot holds with `value`; both are owned.
///
/// # Safety
///
/// As [`any_slot_load`].
#[inline]
#[must_use]
pub unsafe fn any_slot_swap(owner: &ObjectHeader, slot: *mut RawAny, value: RawAny) -> RawAny {
    let _locked = Locked::new(owner);
    // SAFETY: nobody else reads or writes while we hold the lock.
    unsafe { core::mem::replace(&mut *slot, value) }
}

/// As [`any_slot_swap`], if the slot still holds the text (or None) that was `seen`; otherwise `value` comes back, still
/// owned by the caller.
///
/// # Errors
///
/// The slot holds another value.
///
/// # Safety
///
/// As [`any_slot_load`]; the caller owns a reference to what was `seen`, so that its address cannot
/// have become another object's.
pub(crate) unsafe fn any_slot_swap_if(
    owner: &ObjectHeader,
    slot: *mut RawAny,
    seen: &RawAny,
    value: RawAny,
) -> Result<RawAny, RawAny> {
    let _locked = Locked::new(owner);
    // SAFETY: nobody else reads or writes while we hold the lock.
    unsafe {
        let now = &mut *slot;
        let same = now.type_index == seen.type_index
            && match (now.as_object(), seen.as_object()) {
                (None, None) => raw_bytes(now) == raw_bytes(seen),
                (now, seen) => now == seen,
            };
        if same { Ok(core::mem::replace(now, value)) } else { Err(value) }
    }
}

/// Adds a reference to the object in `raw`, if it holds one.
///
/// # Safety
///
/// The object is alive.
#[inline]
pub unsafe fn raw_inc(raw: &RawAny) {
    if let Some(object) = raw.as_object() {
        // SAFETY: the caller's contract.
        unsafe { inc_ref(object) };
    }
}

/// Gives back the reference to the object in `raw`, if it holds one.
///
/// # Safety
///
/// `raw` owns it, and is not used as owning afterwards.
#[inline]
pub unsafe fn raw_dec(raw: &RawAny) {
    if let Some(object) = raw.as_object() {
        // SAFETY: the caller's contract.
        unsafe { dec_ref(object) };
    }
}

/// Gives back a reference taken out of a strong slot; null is nothing.
///
/// # Safety
///
/// Null or an owned strong reference.
pub unsafe fn drop_strong(object: *mut ObjectHeader) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the caller's contract.
        unsafe { dec_ref(object) };
    }
}

/// Gives back a reference taken out of a weak slot; null is nothing.
///
/// # Safety
///
/// Null or an owned weak reference.
pub unsafe fn drop_weak(object: *mut ObjectHeader) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the caller's contract.
        unsafe { dec_weak(object) };
    }
}

/// The table's `slot_load`.
pub(crate) unsafe extern "C" fn table_slot_load(
    owner: *mut ObjectHeader,
    slot: *mut *mut ObjectHeader,
) -> *mut ObjectHeader {
    // SAFETY: the table's contract is this function's.
    unsafe { slot_load(&*owner, slot) }.map_or(core::ptr::null_mut(), NonNull::as_ptr)
}

/// The table's `slot_store`.
pub(crate) unsafe extern "C" fn table_slot_store(
    owner: *mut ObjectHeader,
    slot: *mut *mut ObjectHeader,
    new: *mut ObjectHeader,
) -> *mut ObjectHeader {
    // SAFETY: the table's contract is this function's.
    unsafe { slot_store(&*owner, slot, new) }
}

/// The table's `any_slot_load`.
pub(crate) unsafe extern "C" fn table_any_slot_load(
    owner: *mut ObjectHeader,
    slot: *mut RawAny,
    out: *mut RawAny,
) {
    // SAFETY: the table's contract is this function's.
    unsafe { out.write(any_slot_load(&*owner, slot)) };
}

/// The table's `any_slot_swap`.
pub(crate) unsafe extern "C" fn table_any_slot_swap(
    owner: *mut ObjectHeader,
    slot: *mut RawAny,
    value: *mut RawAny,
) {
    // SAFETY: the table's contract is this function's; `value` is the caller's own variable.
    unsafe { *value = any_slot_swap(&*owner, slot, *value) };
}
