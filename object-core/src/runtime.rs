//! One runtime a process: Unset, Own or Adopted.
//!
//! Every shared library that contains object-core has its own copy of its statics. They all must
//! use one table, or a type would have two numbers and a global function two homes. So a copy
//! *settles* once: by its first use it runs its **own** runtime; if a table is handed to it before
//! that, it **adopts** it. Handing it one later is an error, because objects may exist already.

use core::ffi::c_void;
use core::fmt;
use core::ptr::{NonNull, null_mut};

use alloc_header::{AllocatorEntry, Registry};

use crate::primitive::sync::atomic::{AtomicPtr, Ordering};
use crate::table::{ABI_MAJOR, ABI_MINOR, RuntimeTable};
use crate::{
    anchor, dict_body, functions, list_body, map_body, refs, sharing, slots, type_table, unraisable,
};

static OWN: RuntimeTable = RuntimeTable {
    major: ABI_MAJOR,
    minor: ABI_MINOR,
    size: size_of::<RuntimeTable>() as u32,
    registry: &raw const alloc_header::REGISTRY,
    count_slow_inc: sharing::slow_inc,
    count_slow_dec: sharing::slow_dec,
    count_slow_upgrade: sharing::slow_upgrade,
    inc_ref: refs::table_inc_ref,
    dec_ref: refs::table_dec_ref,
    inc_weak: refs::table_inc_weak,
    dec_weak: refs::table_dec_weak,
    upgrade: refs::table_upgrade,
    slot_load: slots::table_slot_load,
    slot_store: slots::table_slot_store,
    any_slot_load: slots::table_any_slot_load,
    any_slot_swap: slots::table_any_slot_swap,
    type_register: type_table::register,
    type_info: type_table::info,
    type_index_of_key: type_table::index_of_key,
    function_register: functions::register,
    function_get: functions::get,
    function_remove: functions::remove,
    function_names: functions::names,
    report_unraisable: unraisable::report,
    set_unraisable_hook: unraisable::set_hook,
    list_new: list_body::new,
    list_len: list_body::len,
    list_get: list_body::get,
    list_swap: list_body::swap,
    list_read: list_body::read,
    list_splice: list_body::splice,
    map_new: map_body::new,
    map_items: map_body::items,
    map_find: map_body::find,
    dict_new: dict_body::new,
    dict_len: dict_body::len,
    dict_get: dict_body::get,
    dict_set: dict_body::set,
    dict_remove: dict_body::remove,
    dict_pop: dict_body::pop,
    dict_step: dict_body::step,
    dict_read: dict_body::read,
    dict_clear: dict_body::clear,
    count_settle: sharing::settle,
    set_sharing: sharing::set,
    container_visit: dict_body::visit,
    function_register_documented: functions::register_documented,
    function_about: functions::about,
};

/// How this copy of the code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeState {
    /// Nothing was used yet.
    Unset,
    /// It runs its own runtime, and can hand its table to others.
    Own,
    /// It uses a table that was handed to it.
    Adopted,
}

/// Why a table was not adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptError {
    /// The table speaks another version: (its major, its minor).
    Version(u16, u16),
    /// The table is smaller than its version says: its size.
    Size(u32),
    /// This copy already runs its own runtime (or adopted another one), and objects may exist.
    Settled,
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(major, minor) => write!(
                f,
                "the host's runtime speaks ABI {major}.{minor}, this library needs \
                 {ABI_MAJOR}.{ABI_MINOR}; {}",
                if *major == ABI_MAJOR { "update the host" } else { "rebuild one of the two" }
            ),
            Self::Size(size) => write!(
                f,
                "the host's runtime table has {size} bytes, but its version says at least {}",
                size_of::<RuntimeTable>()
            ),
            Self::Settled => f.write_str(
                "this copy of object-core already runs its own runtime; hand it the table before \
                 its first use",
            ),
        }
    }
}

impl core::error::Error for AdoptError {}

/// The table in force. The first call of a copy that was handed none settles for its own.
#[inline]
#[must_use]
pub fn runtime() -> &'static RuntimeTable {
    match anchor::settled() {
        Some(table) => table,
        None => first_use(),
    }
}

#[cold]
fn first_use() -> &'static RuntimeTable {
    let table = anchor::settle(&OWN);
    #[cfg(all(unix, feature = "std"))]
    if core::ptr::eq(table, &OWN) {
        crate::fork::watch();
    }
    table
}

/// How this copy stands, without settling it.
#[must_use]
pub fn runtime_state() -> RuntimeState {
    match anchor::settled() {
        None => RuntimeState::Unset,
        Some(table) if core::ptr::eq(table, &OWN) => RuntimeState::Own,
        Some(_) => RuntimeState::Adopted,
    }
}

/// Whether a table can serve this copy: same major, at least this minor, as large as it says.
///
/// # Errors
///
/// [`AdoptError::Version`] or [`AdoptError::Size`].
///
/// # Safety
///
/// `table` points to at least 8 readable bytes, and to as many as it says.
pub unsafe fn check_table(table: *const RuntimeTable) -> Result<(), AdoptError> {
    // SAFETY: version and size are the first 8 bytes of every version; fields are read one by one,
    // because a shorter table must not be borrowed whole.
    let (major, minor, size) = unsafe { ((*table).major, (*table).minor, (*table).size) };
    if major != ABI_MAJOR || minor < ABI_MINOR {
        return Err(AdoptError::Version(major, minor));
    }
    if (size as usize) < size_of::<RuntimeTable>() {
        return Err(AdoptError::Size(size));
    }
    Ok(())
}

/// Uses `table` from here on. Adopting the table that is in force already is fine.
///
/// # Errors
///
/// [`AdoptError`]; then nothing has changed.
///
/// # Safety
///
/// `table` is a runtime table (its first 8 bytes say which version and size) that lives as long as
/// the process.
pub unsafe fn adopt(table: *const RuntimeTable) -> Result<(), AdoptError> {
    // SAFETY: the caller's contract.
    unsafe { check_table(table) }?;
    // SAFETY: as large as our version needs, by the check; alive by the caller's contract.
    let table: &'static RuntimeTable = unsafe { &*table };
    if core::ptr::eq(anchor::settle(table), table) { Ok(()) } else { Err(AdoptError::Settled) }
}

/// The registry in force: where blocks come from. In it the backing is set, for every library of the
/// process.
#[inline]
#[must_use]
pub fn registry() -> &'static Registry {
    // SAFETY: a table's registry lives as long as the table.
    unsafe { &*runtime().registry }
}

/// What allocations go through: [`registry`], as soon as one has asked for it, and until then one that
/// asks. So an allocation that finds nothing unusual has one load here, and no branch for the first use.
///
/// # Invariants
///
/// [`UNSETTLED`], or the registry of the table in force; both live as long as the process.
static IN_USE: AtomicPtr<Registry> = AtomicPtr::new((&raw const UNSETTLED).cast_mut());

static UNSETTLED: Registry = Registry::new(&SETTLING);

static SETTLING: AllocatorEntry =
    // SAFETY: what `settle_and_allocate` returns comes from an entry, or is null; it ignores the context,
    // may be called on any thread, and does not unwind.
    unsafe { AllocatorEntry::new(settle_and_allocate, null_mut()) };

extern "C" fn settle_and_allocate(
    size: usize,
    align: usize,
    type_index: i32,
    _: *mut c_void,
) -> *mut c_void {
    let settled = registry();
    // Release: a registry that was handed over is seen written. INVARIANT: it is the one in force, which
    // does not change any more.
    IN_USE.store(core::ptr::from_ref(settled).cast_mut(), Ordering::Release);
    settled.allocate(size, align, type_index).map_or(null_mut(), NonNull::as_ptr)
}

/// The registry to allocate from: as [`registry`], but only for that.
#[inline(always)]
pub(crate) fn allocating() -> &'static Registry {
    // Acquire: pairs with the Release above.
    // SAFETY: by the invariant.
    unsafe { &*IN_USE.load(Ordering::Acquire) }
}

/// Here, because only here a table can be made whose slow functions are spies and the rest is real.
#[cfg(test)]
mod tests {
    extern crate std;

    use core::ffi::c_void;
    use core::ptr::{NonNull, null};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::boxed::Box;

    use super::{OWN, RuntimeTable, adopt, functions, sharing, type_table};
    use crate::abi::{ByteSlice, MethodInfo, TypeDesc};
    use crate::header::ObjectHeader;
    use crate::type_index;

    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static LOCKED: AtomicUsize = AtomicUsize::new(0);

    /// What a runtime that counts may need: both locks.
    fn spy() {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let free = functions::is_unlocked() && type_table::is_unlocked();
        LOCKED.fetch_add(usize::from(!free), Ordering::Relaxed);
    }

    unsafe extern "C" fn settle(object: *mut ObjectHeader) {
        spy();
        // SAFETY: the table's contract.
        unsafe { sharing::settle(object) };
    }

    unsafe extern "C" fn dec(object: *mut ObjectHeader) {
        spy();
        // SAFETY: the table's contract.
        unsafe { sharing::slow_dec(object) };
    }

    unsafe extern "C" fn upgrade(object: *mut ObjectHeader) -> i32 {
        spy();
        // SAFETY: the table's contract.
        unsafe { sharing::slow_upgrade(object) }
    }

    unsafe extern "C" fn delete(_: *mut c_void, _: i32) {}

    #[test]
    fn functions_with_bit_63_are_counted_outside_of_every_lock() {
        let _alone = functions::ALONE.lock();
        // SAFETY: plain words and function pointers.
        let own = unsafe { core::ptr::read(&raw const OWN) };
        let table = Box::leak(Box::new(RuntimeTable {
            count_settle: settle,
            count_slow_dec: dec,
            count_slow_upgrade: upgrade,
            ..own
        }));
        // SAFETY: a whole table that is never freed; nothing was used before.
        unsafe { adopt(table) }.unwrap();
        // SAFETY: a deleter that has nothing to do: the object is leaked.
        let object = unsafe { ObjectHeader::foreign(type_index::FUNCTION, delete) };
        let object = NonNull::from(Box::leak(Box::new(object)));
        let name = ByteSlice::new(b"runtime.flagged");
        let method = MethodInfo {
            name,
            doc: ByteSlice::EMPTY,
            function: object.as_ptr(),
            flags: 0,
            reserved: 0,
        };
        let desc = TypeDesc {
            key: ByteSlice::new(b"runtime.Flagged"),
            doc: ByteSlice::EMPTY,
            parent: type_index::OBJECT,
            flags: 0,
            size: 32,
            align: 8,
            fields: null(),
            methods: &raw const method,
            num_fields: 0,
            num_methods: 1,
        };
        // SAFETY: a live object that the spies count; everything lent is alive.
        let strong = unsafe {
            let counts = object.as_ref().counts();
            counts.set_shared();
            assert_eq!((table.function_register)(name, object.as_ptr(), 0), 0);
            let got = (table.function_get)(name);
            assert_eq!(got, object.as_ptr());
            (table.dec_ref)(got);
            let number = (table.type_register)(&raw const desc);
            assert!(number >= type_index::DYNAMIC_BEGIN);
            assert_eq!((table.type_register)(&raw const desc), number);
            assert_eq!((table.function_remove)(name), 1);
            counts.strong()
        };
        assert_eq!(strong, 2, "ours and the method's");
        // register (from 1), drop; a method given back; remove.
        assert_eq!(CALLS.load(Ordering::Relaxed), 4);
        assert_eq!(LOCKED.load(Ordering::Relaxed), 0, "counted under a lock");
    }
}
