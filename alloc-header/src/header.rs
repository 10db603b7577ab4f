//! The two headers, which end exactly where the body begins.
//!
//! ```text
//!   64-bit      body-16        body-8          body
//!               | word         | delete_space  | ...
//!   32-bit      body-16 -12    body-8  -4      body
//!               | word | pad   | pad   | ds    | ...
//!               \___________ TiedHeader ______/
//!                              \_ AllocHeader /
//! ```
//!
//! Their sizes are the same on every width, so one set of numbers holds everywhere.

use core::ffi::c_void;

use static_assertions::const_assert_eq;

use crate::primitive::sync::atomic::AtomicUsize;
use crate::width::pad;

/// Returns the whole block that `body` lies in.
///
/// Called once per block, with the very body pointer the allocator gave out (the body's own memory
/// is unspecified by then), on any thread, and from C frames: it must not unwind.
pub type DeleteSpace = unsafe extern "C" fn(body: *mut c_void);

/// Fills a word up to 8 bytes; nothing on 64-bit targets.
pub(crate) type Pad = [u8; pad(size_of::<usize>())];
pub(crate) const PAD: Pad = [0; pad(size_of::<usize>())];

/// The 8 bytes in front of every headed body.
///
/// Plain data: it is written once, before the body is handed out, and only read afterwards.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AllocHeader {
    pad: Pad,
    /// Frees the block; see [`DeleteSpace`].
    pub delete_space: DeleteSpace,
}

impl AllocHeader {
    /// Bytes in front of the body, on every pointer width.
    pub const SIZE: usize = 8;

    /// A header that frees its block by `delete_space`.
    pub const fn new(delete_space: DeleteSpace) -> Self {
        Self {
            pad: PAD,
            delete_space,
        }
    }
}

/// The 16 bytes in front of a body made through a tying frontend.
///
/// The word belongs to that frontend, which alone knows its bits; `0` before anything is tied.
#[repr(C)]
#[derive(Debug)]
pub struct TiedHeader {
    /// The back word. Shared by all threads that may look the object up.
    pub word: AtomicUsize,
    pad: Pad,
    /// The header every body has.
    pub base: AllocHeader,
}

impl TiedHeader {
    /// Bytes in front of the body, on every pointer width.
    pub const SIZE: usize = 16;

    /// A header with back word `word` that frees its block by `delete_space`.
    pub fn new(word: usize, delete_space: DeleteSpace) -> Self {
        Self {
            word: AtomicUsize::new(word),
            pad: PAD,
            base: AllocHeader::new(delete_space),
        }
    }
}

const_assert_eq!(size_of::<AllocHeader>(), AllocHeader::SIZE);
const_assert_eq!(size_of::<TiedHeader>(), TiedHeader::SIZE);
// The function sits in the last word, whatever the width.
const_assert_eq!(
    core::mem::offset_of!(AllocHeader, delete_space) + size_of::<DeleteSpace>(),
    AllocHeader::SIZE
);
const_assert_eq!(core::mem::offset_of!(TiedHeader, word), 0);
const_assert_eq!(
    core::mem::offset_of!(TiedHeader, base),
    TiedHeader::SIZE - AllocHeader::SIZE
);
