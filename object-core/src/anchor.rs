//! Which runtime table this copy of the code uses.
//!
//! Every shared library has its own copy of this static. It is set once: by first use (the copy
//! runs its own runtime) or by adopting a table that was handed in, and never changes after.

use crate::settle::Settled;
use crate::table::RuntimeTable;

static TABLE: Settled<RuntimeTable> = Settled::new();

/// The table, if it was settled.
#[inline]
pub(crate) fn settled() -> Option<&'static RuntimeTable> {
    TABLE.get()
}

/// Settles for `table` unless one was settled before; returns the one in force.
pub(crate) fn settle(table: &'static RuntimeTable) -> &'static RuntimeTable {
    TABLE.settle(table)
}
