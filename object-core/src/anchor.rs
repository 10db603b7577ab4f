//! Which runtime table this copy of the code uses.
//!
//! Every shared library has its own copy of this static. It is set once: by first use (the copy
//! runs its own runtime) or by adopting a table that was handed in, and never changes after.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::table::{RuntimeTable};

static TABLE: AtomicPtr<RuntimeTable> = AtomicPtr::new(null_mut());

/// The table, if it was settled.
#[inline]
pub(crate) fn settled() -> Option<&'static RuntimeTable> {
    // Acquire: pairs with the Release in `settle`, so that the table's fields are seen written.
    let table = TABLE.load(Ordering::Acquire);
    // SAFETY: only `settle` writes it, with a reference that lives as long as the process.
    unsafe { table.as_ref() }
}

/// Settles for `table` unless one was settled before; returns the one in force.
pub(crate) fn settle(table: &'static RuntimeTable) -> &'static RuntimeTable {
    let new = core::ptr::from_ref(table).cast_mut();
    match TABLE.compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => table,
        // SAFETY: not null, and written from a `&'static`.
        Err(there) => unsafe { &*there },
    }
}
