//! What can go wrong: no memory, no such layout, a frontend slot that is taken.

use core::error::Error;
use core::fmt;

/// A request that the allocator in force did not serve.
///
/// It keeps the layout that was asked for, both numbers in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError {
    size: usize,
    align: usize,
}

impl AllocError {
    /// The error for a body of `size` bytes at alignment `align`.
    #[must_use]
    pub const fn new(size: usize, align: usize) -> Self {
        Self { size, align }
    }

    /// Size of the body asked for, in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        self.size
    }

    /// Alignment of the body asked for, in bytes.
    #[must_use]
    pub const fn align(self) -> usize {
        self.align
    }
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, align } = self;
        write!(
            f,
            "no block for a body of {size} bytes at alignment {align}"
        )
    }
}

impl Error for AllocError {}

/// A layout that cannot exist: a bad alignment, or a sum past the largest object of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutError(Fault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Align {
        align: u64,
    },
    Overflow {
        prefix: u64,
        size: u64,
        align: u64,
        max: u64,
    },
}

impl LayoutError {
    pub(crate) const fn align(align: u64) -> Self {
        Self(Fault::Align { align })
    }

    pub(crate) const fn overflow(prefix: u64, size: u64, align: u64, max: u64) -> Self {
        Self(Fault::Overflow {
            prefix,
            size,
            align,
            max,
        })
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Fault::Align { align } => write!(f, "alignment {align} is not a power of two"),
            Fault::Overflow {
                prefix,
                size,
                align,
                max,
            } => write!(
                f,
                "a prefix of {prefix} bytes and a body of {size} bytes at alignment {align} \
                 exceed the {max} bytes that one object may have"
            ),
        }
    }
}

impl Error for LayoutError {}

/// The frontend slot already holds a tying frontend; the caller's was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontendTaken(());

impl FrontendTaken {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for FrontendTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this process already has a tying frontend, and one is the most there can be: \
             use the one that is registered instead of registering a second",
        )
    }
}

impl Error for FrontendTaken {}
