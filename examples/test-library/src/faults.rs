//! A backing whose n-th allocation fails, in front of the one that is there.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use rust_binding::object_core::alloc_header::AllocatorEntry;
use rust_binding::object_core::runtime;
use rust_binding::prelude::*;

/// Allocations until the one that fails; negative: none fails.
static LEFT: AtomicI64 = AtomicI64::new(-1);
/// What was there before, and what fails in front of it.
static ENTRIES: OnceLock<[&'static AllocatorEntry; 2]> = OnceLock::new();

extern "C" fn allocate(size: usize, align: usize, type_index: i32, _: *mut c_void) -> *mut c_void {
    if LEFT.load(Ordering::Relaxed) >= 0 && LEFT.fetch_sub(1, Ordering::Relaxed) == 0 {
        return null_mut();
    }
    let body = ENTRIES
        .get()
        .and_then(|[behind, _]| behind.allocate(size, align, type_index).ok());
    body.map_or(null_mut(), |body| body.as_ptr())
}

/// The `n`-th native allocation from now on fails, once; negative: none does, and all is as it was. Answers
/// whether the one asked for before has happened.
fn fail_allocation(n: i64) -> bool {
    // SAFETY: a table's registry lives as long as the process.
    let registry = unsafe { &*runtime().registry };
    let [behind, failing] = ENTRIES.get_or_init(|| {
        // SAFETY: `allocate` hands on what the entry behind it made, which keeps the contract; it
        // does not look at its context.
        let entry = unsafe { AllocatorEntry::new(allocate, null_mut()) };
        [registry.backing(), Box::leak(Box::new(entry))]
    });
    registry.set_backing(if n < 0 { behind } else { failing });
    LEFT.swap(n, Ordering::Relaxed) < 0
}

pub(crate) fn export(exports: &mut Exports) {
    exports.function("test_library.fail_allocation", fail_allocation);
}
