//! The sums of a block, in `u64` against the largest object of a pointer width, and what in its
//! prefix depends on the width.
//!
//! Asking for the limit makes one piece of code serve 16-, 32- and 64-bit targets, and lets one
//! host check all three. [`BlockLayout`](crate::BlockLayout) is the same for the target at hand;
//! headers and prefixes are laid out by [`pad`] and [`prefix`].

use crate::error::LayoutError;

/// `isize::MAX` of a 16-bit target: the most bytes one object may have there.
pub const MAX_16: u64 = i16::MAX as u64;
/// `isize::MAX` of a 32-bit target.
pub const MAX_32: u64 = i32::MAX as u64;
/// `isize::MAX` of a 64-bit target.
pub const MAX_64: u64 = i64::MAX as u64;

/// Size, alignment and body offset of a block, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// The whole block.
    pub size: u64,
    /// What the block's start must be aligned to.
    pub align: u64,
    /// From the block's start to the body.
    pub body_offset: u64,
}

/// Bodies up to this alignment lie at one fixed offset per allocator: they are *near*. Bytes.
pub const NEAR_ALIGN: u64 = 16;

/// Bytes beside a pointer of `pointer` bytes in a word of the header, which has 8 on every width.
///
/// (No room is left beside wider ones; then the headers are not 8 and 16 bytes, and do not compile.)
#[must_use]
pub const fn pad(pointer: usize) -> usize {
    8usize.saturating_sub(pointer)
}

/// Bytes in front of a body at alignment `align` for an allocator whose words take `words` bytes, a
/// multiple of 8; `u64::MAX`, which no block has room for, if they are too many.
///
/// ```text
///   near:  [ padding to 16 | words | body     the same for every near alignment
///   far:   [ offset, 8     | words | body     the offset is at one place in front of the body
/// ```
#[must_use]
pub const fn prefix(words: u64, align: u64) -> u64 {
    if align > NEAR_ALIGN {
        return words.saturating_add(8);
    }
    match words.checked_next_multiple_of(NEAR_ALIGN) {
        Some(prefix) => prefix,
        None => u64::MAX,
    }
}

/// Where the body begins: the first multiple of `align` with `prefix` bytes in front of it.
///
/// # Errors
///
/// `align` is not a power of two, or the offset exceeds `max`.
pub const fn body_offset(prefix: u64, align: u64, max: u64) -> Result<u64, LayoutError> {
    if !align.is_power_of_two() {
        return Err(LayoutError::align(align));
    }
    //   0        prefix   offset
    //   [ words  | padding | body
    //            \_ < align bytes
    match prefix.checked_add(align - 1) {
        Some(past) if past & !(align - 1) <= max => Ok(past & !(align - 1)),
        _ => Err(LayoutError::overflow(prefix, 0, align, max)),
    }
}

/// The block for `prefix` bytes of words and a body of `size` bytes at alignment `align`.
///
/// # Errors
///
/// `align` is not a power of two, or the block, rounded up to `align`, exceeds `max`.
pub const fn block(prefix: u64, size: u64, align: u64, max: u64) -> Result<Sums, LayoutError> {
    let body_offset = match body_offset(prefix, align, max) {
        Ok(offset) => offset,
        Err(_) if align.is_power_of_two() => {
            return Err(LayoutError::overflow(prefix, size, align, max));
        }
        Err(bad_align) => return Err(bad_align),
    };
    //   0            offset          offset + size     rounded up: <= max, as `Layout` asks
    //   [ prefix     | body          | ................|
    match body_offset.checked_add(size) {
        Some(total) => match total.checked_add(align - 1) {
            Some(past) if past & !(align - 1) <= max => Ok(Sums {
                size: total,
                align,
                body_offset,
            }),
            _ => Err(LayoutError::overflow(prefix, size, align, max)),
        },
        None => Err(LayoutError::overflow(prefix, size, align, max)),
    }
}
