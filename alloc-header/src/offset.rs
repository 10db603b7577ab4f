//! Block layouts on this target: where the body begins, and how large the block is.

use crate::error::LayoutError;
use crate::width;

/// Bodies up to this alignment lie at one fixed offset per allocator: they are *near*. Bytes.
pub const NEAR_ALIGN: usize = width::NEAR_ALIGN as usize;
/// Every body is aligned to this at least, so that the header in front of it is. Bytes.
pub const MIN_ALIGN: usize = 8;
/// The alignment that is promised everywhere; a larger one is served until the sums overflow.
/// Bytes.
pub const MAX_ALIGN: usize = 1 << 16;

const MAX_SIZE: u64 = isize::MAX as u64;

/// Where the body begins, in bytes from the block's start: `prefix` rounded up to `align`.
///
/// # Errors
///
/// `align` is not a power of two, or the offset exceeds `isize::MAX`.
///
/// # Examples
///
/// ```
/// use alloc_header::body_offset;
///
/// assert_eq!(body_offset(24, 1), Ok(24));
/// assert_eq!(body_offset(24, 16), Ok(32));
/// assert_eq!(body_offset(24, 4096), Ok(4096));
/// assert!(body_offset(24, 12).is_err());
/// assert!(body_offset(usize::MAX, 16).is_err());
/// ```
pub const fn body_offset(prefix: usize, align: usize) -> Result<usize, LayoutError> {
    match width::body_offset(prefix as u64, align as u64, MAX_SIZE) {
        // No loss: the offset is at most `isize::MAX`.
        Ok(offset) => Ok(offset as usize),
        Err(error) => Err(error),
    }
}

/// A block with room for a prefix and a body, all numbers in bytes.
///
/// # Invariants
///
/// - `align` is a power of two, `MIN_ALIGN` at least.
/// - `body_offset` is a multiple of `align`, and not less than the prefix asked for.
/// - `body_offset` plus the body's size is `size`.
/// - `size` rounded up to `align` is at most `isize::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLayout {
    size: usize,
    align: usize,
    body_offset: usize,
}

impl BlockLayout {
    /// The block for `prefix` bytes of words in front of a body of `size` bytes at alignment
    /// `align`.
    ///
    /// An alignment under [`MIN_ALIGN`] is raised to it.
    ///
    /// # Errors
    ///
    /// `align` is not a power of two, or the block exceeds `isize::MAX` bytes.
    pub const fn new(prefix: usize, size: usize, align: usize) -> Result<Self, LayoutError> {
        // Only true alignments are raised: 0 and 3 stay errors.
        let align = if align.is_power_of_two() && align < MIN_ALIGN {
            MIN_ALIGN
        } else {
            align
        };
        match width::block(prefix as u64, size as u64, align as u64, MAX_SIZE) {
            // INVARIANT: `width::block` gives these sums; none exceeds `isize::MAX`, so no cast
            // loses.
            Ok(sums) => Ok(Self {
                size: sums.size as usize,
                align: sums.align as usize,
                body_offset: sums.body_offset as usize,
            }),
            Err(error) => Err(error),
        }
    }

    /// Bytes of the whole block.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Alignment that the block's start must have.
    #[must_use]
    pub const fn align(&self) -> usize {
        self.align
    }

    /// Bytes from the block's start to the body.
    #[must_use]
    pub const fn body_offset(&self) -> usize {
        self.body_offset
    }
}
