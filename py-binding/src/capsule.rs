//! The table behind the capsule `tieback._core._table`: how extension modules reach the one tie.
//!
//! An extension module that is built on this crate has its own copy of the code, but no tie of its own:
//! it finds this table and calls the functions in it. Version first, size second, grown only at its
//! end, as the runtime table is (`docs/abi.md`, section 14).

use core::ffi::CStr;

use object_core::ObjectHeader;
use object_core::abi::RawAny;
use object_core::table::RuntimeTable;
use pyo3::ffi;

/// Layouts and meanings below belong to this number.
pub const CAPSULE_MAJOR: u16 = 1;
/// Grows when the table grows.
pub const CAPSULE_MINOR: u16 = 0;
/// The capsule's name, which is also where it is: attribute `_table` of `tieback._core`.
pub const CAPSULE_NAME: &CStr = c"tieback._core._table";

/// What `tieback._core` does for other modules. Every function is called attached, and answers a
/// failure with NULL or -1 and a Python exception.
#[repr(C)]
#[derive(Debug)]
pub struct CapsuleTable {
    /// [`CAPSULE_MAJOR`].
    pub major: u16,
    /// [`CAPSULE_MINOR`].
    pub minor: u16,
    /// Bytes of this table.
    pub size: u32,
    /// The process's runtime: a module adopts it before it touches anything else.
    pub runtime: *const RuntimeTable,
    /// A new reference to what a borrowed value shows as: an object as its one wrapper.
    pub wrap: unsafe extern "C" fn(value: *const RawAny) -> *mut ffi::PyObject,
    /// The native object of a wrapper, with a reference of the caller's own.
    pub borrow: unsafe extern "C" fn(wrapper: *mut ffi::PyObject) -> *mut ObjectHeader,
    /// Any Python object as an owned native value, written to `out`; 0 or -1.
    pub value: unsafe extern "C" fn(object: *mut ffi::PyObject, out: *mut RawAny) -> i32,
    /// Makes a subclass of `tieback.Object` show a type from here on; 0 or -1.
    pub register_class: unsafe extern "C" fn(type_index: i32, class: *mut ffi::PyTypeObject) -> i32,
    /// The class that shows a type, made if there is none yet; borrowed, and kept for ever.
    pub class_of: unsafe extern "C" fn(type_index: i32) -> *mut ffi::PyTypeObject,
    /// Raises an error (borrowed) as the exception it is.
    pub raise: unsafe extern "C" fn(error: *mut ObjectHeader),
    /// The exception that is set, as an owned error, and clears it; NULL if none is set.
    pub take_raised: unsafe extern "C" fn() -> *mut ObjectHeader,
}

// SAFETY: immutable; what the address leads to lives as long as the process.
unsafe impl Send for CapsuleTable {}
// SAFETY: as above.
unsafe impl Sync for CapsuleTable {}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<CapsuleTable>() == 72 && align_of::<CapsuleTable>() == 8);
    assert!(offset_of!(CapsuleTable, minor) == 2 && offset_of!(CapsuleTable, size) == 4);
    assert!(offset_of!(CapsuleTable, runtime) == 8 && offset_of!(CapsuleTable, wrap) == 16);
    assert!(offset_of!(CapsuleTable, borrow) == 24 && offset_of!(CapsuleTable, value) == 32);
    assert!(offset_of!(CapsuleTable, register_class) == 40);
    assert!(offset_of!(CapsuleTable, class_of) == 48 && offset_of!(CapsuleTable, raise) == 56);
    assert!(offset_of!(CapsuleTable, take_raised) == 64);
};
