//! Fields and methods as the ABI lays them out, with whatever in them.

use object_core::abi::{ByteSlice, MethodInfo};

/// A field as the ABI lays it out; ours, because C fills it in.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawField {
    pub(super) name: ByteSlice,
    pub(super) doc: ByteSlice,
    pub(super) offset: u32,
    pub(super) kind: u8,
    pub(super) reserved: [u8; 3],
    pub(super) flags: u32,
    pub(super) type_index: i32,
}

/// A method likewise.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawMethod {
    pub(super) name: ByteSlice,
    pub(super) doc: ByteSlice,
    pub(super) function: *mut object_core::ObjectHeader,
    pub(super) flags: u32,
    pub(super) reserved: u32,
}

const _: () = assert!(size_of::<RawField>() == size_of::<object_core::abi::FieldInfo>());
const _: () = assert!(size_of::<RawMethod>() == size_of::<MethodInfo>());
