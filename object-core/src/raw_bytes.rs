//! The bytes of string and bytes values, by the shared layouts alone.

use core::ptr::NonNull;

use crate::abi::{ByteSlice, RawAny};
use crate::header::ObjectHeader;
use crate::type_index;

/// What string and bytes objects begin with.
#[repr(C)]
struct TextHead {
    header: ObjectHeader,
    bytes: ByteSlice,
}

/// Where address and length of the bytes stand in a string or bytes object.
pub(crate) const TEXT_OFFSET: usize = core::mem::offset_of!(TextHead, bytes);

/// The bytes of a string or bytes value; `None` for anything else, and for an address that is null.
///
/// # Safety
///
/// What `raw` points to outlives the borrow.
pub(crate) unsafe fn raw_bytes(raw: &RawAny) -> Option<&[u8]> {
    match raw.type_index {
        type_index::SMALL_STR | type_index::SMALL_BYTES => {
            // SAFETY: the type says that the bytes were written; the length is at most 7.
            let bytes = unsafe { &raw.value.bytes };
            bytes[..7].get(..raw.small_len as usize)
        }
        type_index::STR | type_index::BYTES => {
            let object = raw.as_object()?.cast::<TextHead>();
            // SAFETY: the type says which object it is; alive by the caller's contract, and so are
            // its bytes, which do not change.
            Some(unsafe { object.as_ref().bytes.as_bytes() })
        }
        type_index::RAW_STR => {
            // SAFETY: the type says that an address was written.
            let text = NonNull::new(unsafe { raw.value.pointer })?;
            // SAFETY: alive by the caller's contract: a NUL-terminated string.
            Some(unsafe { core::ffi::CStr::from_ptr(text.as_ptr().cast()) }.to_bytes())
        }
        type_index::BYTE_SLICE_PTR => {
            // SAFETY: the type says that an address was written.
            let bytes = NonNull::new(unsafe { raw.value.pointer })?.cast::<ByteSlice>();
            // SAFETY: alive by the caller's contract: a run of bytes.
            Some(unsafe { bytes.as_ref().as_bytes() })
        }
        _ => None,
    }
}
