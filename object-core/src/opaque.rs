//! Carriers: objects that carry something of a frontend's, unseen by everybody else.

use core::ffi::c_void;

use crate::error_kinds::RegisterError;
use crate::header::ObjectHeader;
use crate::object::Object;
use crate::type_index;

/// The head of a carrier: what it carries, by address. Two carriers of one address are the same
/// key to a map.
#[repr(C)]
#[derive(Debug)]
pub struct OpaqueObj {
    header: ObjectHeader,
    carried: *mut c_void,
}

// SAFETY: an address; the frontend that made the carrier reads through it by its own rules.
unsafe impl Send for OpaqueObj {}
// SAFETY: as above.
unsafe impl Sync for OpaqueObj {}

// SAFETY: repr(C), header first, a fixed type.
unsafe impl Object for OpaqueObj {
    // A frontend's carrier is longer.
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::OPAQUE)
    }
}

const _: () = assert!(core::mem::offset_of!(OpaqueObj, carried) == crate::key::CARRIED_OFFSET);

impl OpaqueObj {
    /// The head of a frontend's carrier of `carried`.
    #[must_use]
    pub const fn new(carried: *mut c_void) -> Self {
        Self { header: ObjectHeader::new(), carried }
    }

    /// What it carries.
    #[must_use]
    pub const fn carried(&self) -> *mut c_void {
        self.carried
    }
}
