//! The process's functions by name: the engine behind the runtime table's `function_*`.

use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::abi::ByteSlice;
use crate::table::{VisitAbout, function_status as status};
use crate::header::ObjectHeader;
use crate::room::copied;
use crate::refs::{dec_ref, inc_ref, inc_unsettled, is_function, settle_inc};

/// A strong reference to a function.
struct Held(NonNull<ObjectHeader>);

// SAFETY: functions are Send and Sync by the `Object` contract.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { dec_ref(self.0) };
    }
}

/// What a name means.
struct Named {
    held: Held,
    /// Empty if nothing is known.
    doc: Vec<u8>,
    signature: Vec<u8>,
}

type ByName = HashMap<Vec<u8>, Named>;

static FUNCTIONS: spin::RwLock<Option<ByName>> = spin::RwLock::new(None);

/// The table's `function_register`.
pub(crate) unsafe extern "C" fn register(
    name: ByteSlice,
    function: *mut ObjectHeader,
    override_existing: i32,
) -> i32 {
    let nothing = ByteSlice::EMPTY;
    // SAFETY: the table's contract.
    unsafe { register_documented(name, function, override_existing, nothing, nothing) }
}

/// The table's `function_register_documented`.
pub(crate) unsafe extern "C" fn register_documented(
    name: ByteSlice,
    function: *mut ObjectHeader,
    override_existing: i32,
    doc: ByteSlice,
    signature: ByteSlice,
) -> i32 {
    // SAFETY: the table's contract: null or a live object.
    if !unsafe { is_function(function) } {
        return status::NOT_A_FUNCTION;
    }
    let Some(function) = NonNull::new(function) else { return status::NOT_A_FUNCTION };
    // SAFETY: the table's contract: readable.
    let copies = unsafe { [name, doc, signature].map(|text| copied(text.as_bytes())) };
    let [Ok(name), Ok(doc), Ok(signature)] = copies else { return status::OUT_OF_MEMORY };
    // SAFETY: alive by the table's contract; this reference is the map's.
    unsafe { inc_ref(function) };
    let named = Named { held: Held(function), doc, signature };
    let mut guard = FUNCTIONS.write();
    let map = guard.get_or_insert_with(HashMap::new);
    if map.try_reserve(1).is_err() {
        drop(guard);
        return status::OUT_OF_MEMORY;
    }
    assert!(map.len() < map.capacity(), "room was made"); // so that none is made below
    // What leaves the map is dropped after the lock: a closure's drop may call back into the table.
    let (answer, leaving) = match map.entry(name) {
        Entry::Occupied(mut there) if override_existing != 0 => {
            (status::OK, Some(there.insert(named)))
        }
        Entry::Occupied(_) => (status::TAKEN, Some(named)),
        Entry::Vacant(free) => {
            free.insert(named);
            (status::OK, None)
        }
    };
    drop(guard);
    drop(leaving);
    answer
}

/// The table's `function_get`.
pub(crate) unsafe extern "C" fn get(name: ByteSlice) -> *mut ObjectHeader {
    // SAFETY: the table's contract: readable.
    let name = unsafe { name.as_bytes() };
    let guard = FUNCTIONS.read();
    let Some(named) = guard.as_ref().and_then(|map| map.get(name)) else { return null_mut() };
    let function = named.held.0;
    // SAFETY: the map holds a reference while we hold the lock.
    let unsettled = unsafe { inc_unsettled(function) };
    drop(guard);
    if unsettled {
        // SAFETY: just counted. Outside of the lock: the runtime may run anything.
        unsafe { settle_inc(function) };
    }
    function.as_ptr()
}

/// The table's `function_remove`.
pub(crate) unsafe extern "C" fn remove(name: ByteSlice) -> i32 {
    // SAFETY: the table's contract: readable.
    let name = unsafe { name.as_bytes() };
    let leaving = FUNCTIONS.write().as_mut().and_then(|map| map.remove(name));
    i32::from(leaving.is_some()) // dropped here, after the lock
}

/// The table's `function_names`.
pub(crate) unsafe extern "C" fn names(
    context: *mut c_void,
    visit: unsafe extern "C" fn(context: *mut c_void, name: ByteSlice),
) {
    let guard = FUNCTIONS.read();
    for name in guard.iter().flat_map(HashMap::keys) {
        // SAFETY: the table's contract for `visit`.
        unsafe { visit(context, ByteSlice::new(name)) };
    }
}

/// The table's `function_about`. Looks through all names: who asks shows it to somebody.
pub(crate) unsafe extern "C" fn about(
    function: *mut ObjectHeader,
    context: *mut c_void,
    visit: VisitAbout,
) -> i32 {
    let guard = FUNCTIONS.read();
    let names = guard.iter().flatten().filter(|(_, named)| named.held.0.as_ptr() == function);
    let best = names.min_by_key(|(name, named)| (named.doc.is_empty(), named.signature.is_empty(), *name));
    let Some((name, named)) = best else { return 0 };
    let [name, doc, signature] = [name, &named.doc, &named.signature].map(|text| ByteSlice::new(text));
    // SAFETY: the table's contract for `visit`.
    unsafe { visit(context, name, doc, signature) };
    1
}

/// The guard of a lock that is held across a fork.
///
/// # Invariants
///
/// Touched by whoever has the lock.
#[cfg(all(unix, feature = "std"))]
struct Guard(core::cell::UnsafeCell<Option<spin::RwLockWriteGuard<'static, Option<ByName>>>>);

// SAFETY: by the invariant, one thread at a time.
#[cfg(all(unix, feature = "std"))]
unsafe impl Sync for Guard {}

#[cfg(all(unix, feature = "std"))]
static GUARD: Guard = Guard(core::cell::UnsafeCell::new(None));

/// Takes the lock, if nobody has it, until somebody [lets go](let_go).
#[cfg(all(unix, feature = "std"))]
pub(crate) fn hold() -> bool {
    let guard = FUNCTIONS.try_write();
    let held = guard.is_some();
    if held {
        // SAFETY: the lock is ours. INVARIANT: so is this.
        unsafe { *GUARD.0.get() = guard };
    }
    held
}

/// # Safety
///
/// The lock was [held](hold), by this thread or by one that is not in this process, and is not used.
#[cfg(all(unix, feature = "std"))]
pub(crate) unsafe fn let_go() {
    // SAFETY: the caller's contract: the lock is ours, or left to us, until this guard is dropped.
    drop(unsafe { (*GUARD.0.get()).take() });
}

/// In a forked child, the lock [held](hold): readers that found it shut had counted themselves for a moment
/// and are no more.
///
/// # Safety
///
/// There is no other thread.
#[cfg(all(unix, feature = "std"))]
pub(crate) unsafe fn forget_readers() {
    for _ in 0..FUNCTIONS.reader_count() {
        // SAFETY: counted, and nobody's.
        unsafe { FUNCTIONS.force_read_decrement() };
    }
}

/// Held by tests that hold the locks of names, or ask whether somebody does: they are the process's.
#[cfg(test)]
pub(crate) static ALONE: spin::Mutex<()> = spin::Mutex::new(());

/// Whether nobody holds the lock.
#[cfg(test)]
pub(crate) fn is_unlocked() -> bool {
    FUNCTIONS.try_write().is_some()
}
