//! The frozen layouts. There is no test code: compiling it is the check. A number here moves only
//! with the major version of the ABI.

#![cfg(not(loom))]

use std::ffi::c_void;
use std::mem::offset_of;

use alloc_header::{
    AllocHeader, AllocateFn, AllocatorEntry, DeleteSpace, MAX_ALIGN, MIN_ALIGN, NEAR_ALIGN,
    Registry, TiedHeader,
};
use static_assertions::{assert_impl_all, assert_type_eq_all, const_assert, const_assert_eq};

// Headers: the same bytes on every pointer width, the function in the last word.
#[allow(dead_code, reason = "Rust 1.85 sees no use in the assertions")]
const WORD: usize = size_of::<usize>();
const_assert_eq!(size_of::<AllocHeader>(), 8);
const_assert_eq!(AllocHeader::SIZE, 8);
const_assert_eq!(offset_of!(AllocHeader, delete_space), 8 - WORD);
const_assert_eq!(size_of::<TiedHeader>(), 16);
const_assert_eq!(TiedHeader::SIZE, 16);
const_assert_eq!(offset_of!(TiedHeader, word), 0);
const_assert_eq!(offset_of!(TiedHeader, base), 8);
const_assert!(align_of::<TiedHeader>() <= MIN_ALIGN);

// What C sees of entries and of the registry.
const_assert_eq!(size_of::<AllocatorEntry>(), 2 * WORD);
const_assert_eq!(align_of::<AllocatorEntry>(), WORD);
const_assert_eq!(size_of::<Registry>(), 2 * WORD);
const_assert_eq!(align_of::<Registry>(), WORD);
const_assert_eq!(size_of::<Option<DeleteSpace>>(), WORD);
assert_type_eq_all!(DeleteSpace, unsafe extern "C" fn(*mut c_void));
assert_type_eq_all!(
    AllocateFn,
    unsafe extern "C" fn(usize, usize, i32, *mut c_void) -> *mut c_void
);

const_assert_eq!(NEAR_ALIGN, 16);
const_assert_eq!(MIN_ALIGN, 8);
const_assert_eq!(MAX_ALIGN, 65536);

assert_impl_all!(AllocatorEntry: Send, Sync);
assert_impl_all!(Registry: Send, Sync);
assert_impl_all!(TiedHeader: Send, Sync);
