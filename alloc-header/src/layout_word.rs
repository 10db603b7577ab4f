//! A block's size and alignment in one 8-byte word of the prefix.
//!
//! Rust's allocators want the layout back when a block is freed; C's do not, so nothing else keeps
//! it.

use core::alloc::Layout;

use static_assertions::const_assert_eq;

use crate::header::AllocHeader;
use crate::offset::BlockLayout;

/// Bits 0-7: log2 of the alignment. Bits 8-63: the size in bytes.
///
/// # Invariants
///
/// The two form a valid [`Layout`] of a non-zero size.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct LayoutWord(u64);

impl LayoutWord {
    const ALIGN_BITS: u32 = 8;

    /// `None` for a block past 2^56 bytes (no allocator has it) or an empty one.
    pub(crate) fn pack(block: &BlockLayout) -> Option<Self> {
        let size = block.size() as u64;
        if size == 0 || size >> (u64::BITS - Self::ALIGN_BITS) != 0 {
            return None;
        }
        // INVARIANT: `BlockLayout`'s invariants are those of a `Layout`; the size was checked
        // above.
        Some(Self(
            size << Self::ALIGN_BITS | u64::from(block.align().trailing_zeros()),
        ))
    }

    /// The layout of the whole block; its size is not zero.
    pub(crate) fn layout(self) -> Layout {
        let size = (self.0 >> Self::ALIGN_BITS) as usize;
        let align = 1usize << (self.0 & ((1 << Self::ALIGN_BITS) - 1));
        // SAFETY: by the type invariant.
        unsafe { Layout::from_size_align_unchecked(size, align) }
    }
}

/// A header with the block's layout in front of it: what the Rust backings write.
#[repr(C)]
pub(crate) struct SizedHeader {
    pub(crate) layout: LayoutWord,
    pub(crate) base: AllocHeader,
}

const_assert_eq!(size_of::<SizedHeader>(), 16);
