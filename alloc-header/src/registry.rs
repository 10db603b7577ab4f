//! The registry: which backing is in force, and the one frontend that may tie.
//!
//! ```text
//!   allocate --> frontend, if any --> layers its word over backing()
//!            \-> backing, otherwise
//! ```
//!
//! The frontend's entry asks for the backing at each allocation
//! ([`layer_allocate`](crate::layer_allocate)), so it makes no difference which of the two is set
//! first. An object is freed by the `delete_space` in its own header, never through a slot: slots
//! may change while objects live.

use core::ffi::c_void;
use core::ptr::NonNull;

#[cfg(feature = "default-backing")]
use crate::builtin::{DEFAULT_BACKING, try_allocate};
use crate::entry::{AllocatorEntry, FAILING_BACKING};
use crate::error::{AllocError, FrontendTaken};
use crate::slot::Slot;

/// The two slots, in C layout: `{ backing, frontend }`, two pointers.
///
/// All methods may be called from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct Registry {
    backing: Slot,
    frontend: Slot,
}

impl Registry {
    /// A registry with `initial` as its backing and no frontend. (Not `const` under `--cfg loom`.)
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(initial: &'static AllocatorEntry) -> Self {
        Self {
            backing: Slot::new(Some(initial)),
            frontend: Slot::new(None),
        }
    }

    /// A registry with `initial` as its backing and no frontend.
    #[cfg(loom)]
    pub fn new(initial: &'static AllocatorEntry) -> Self {
        Self {
            backing: Slot::new(Some(initial)),
            frontend: Slot::new(None),
        }
    }

    /// Where blocks come from now.
    #[inline]
    pub fn backing(&self) -> &'static AllocatorEntry {
        // The slot is never emptied; a registry that C made of zeros serves nothing instead of
        // crashing.
        self.backing.get().unwrap_or(&FAILING_BACKING)
    }

    /// Makes `entry` the backing and returns the previous one, so that it can be put back.
    ///
    /// Bodies made before stay valid, and go back to the backing they came from. `entry` must not
    /// be a frontend's (those ask [`backing`](Self::backing), that is, themselves, without end).
    pub fn set_backing(&self, entry: &'static AllocatorEntry) -> &'static AllocatorEntry {
        self.backing.replace(entry).unwrap_or(&FAILING_BACKING)
    }

    /// The tying frontend, if one is registered.
    #[inline]
    pub fn frontend(&self) -> Option<&'static AllocatorEntry> {
        self.frontend.get()
    }

    /// Makes `entry` the tying frontend, for the rest of the process.
    ///
    /// # Errors
    ///
    /// There is one already, be it this very one.
    pub fn register_frontend(&self, entry: &'static AllocatorEntry) -> Result<(), FrontendTaken> {
        if self.frontend.fill(entry) {
            Ok(())
        } else {
            Err(FrontendTaken::new())
        }
    }

    /// A headed body: from the frontend if there is one, else from the backing.
    ///
    /// As [`AllocatorEntry::allocate`].
    ///
    /// # Errors
    ///
    /// As [`AllocatorEntry::allocate`].
    #[inline]
    pub fn allocate(
        &self,
        size: usize,
        align: usize,
        type_index: i32,
    ) -> Result<NonNull<c_void>, AllocError> {
        // The backing that most programs have is called by name, so that it can be inlined, and compiled
        // for a size and an alignment that are constants.
        #[cfg(feature = "default-backing")]
        let body = if self.is_default() {
            try_allocate(size, align)
        } else {
            self.ask(size, align, type_index)
        };
        #[cfg(not(feature = "default-backing"))]
        let body = self.ask(size, align, type_index);
        body.ok_or_else(|| AllocError::new(size, align))
    }

    /// Whether bodies come from the default backing of this copy, and from no frontend.
    #[cfg(feature = "default-backing")]
    #[inline(always)]
    fn is_default(&self) -> bool {
        self.frontend.unlike(None) | self.backing.unlike(Some(&DEFAULT_BACKING)) == 0
    }

    /// A headed body from the backing, for a frontend to put its own header on; the default one called by
    /// name as above.
    #[inline(always)]
    pub(crate) fn back(
        &self,
        size: usize,
        align: usize,
        type_index: i32,
    ) -> Option<NonNull<c_void>> {
        #[cfg(feature = "default-backing")]
        if self.backing.holds(&DEFAULT_BACKING) {
            return try_allocate(size, align);
        }
        self.backing().allocate(size, align, type_index).ok()
    }

    /// A headed body from whichever entry it is.
    #[inline(never)]
    fn ask(&self, size: usize, align: usize, type_index: i32) -> Option<NonNull<c_void>> {
        let entry = self.frontend().unwrap_or_else(|| self.backing());
        entry.allocate(size, align, type_index).ok()
    }
}

#[cfg(all(not(loom), not(feature = "default-backing")))]
use crate::entry::FAILING_BACKING as INITIAL;
#[cfg(all(not(loom), feature = "default-backing"))]
use DEFAULT_BACKING as INITIAL;

/// The registry of this copy of the crate.
///
/// A process may hold several copies, one for each library that links the crate. The runtime table
/// of `object-core` carries a pointer to the one in force; only whoever owns that table goes by
/// this one. Absent under `--cfg loom`, where a model makes its own.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "default-backing")] {
/// use alloc_header::{REGISTRY, delete};
///
/// let body = REGISTRY.allocate(100, 64, 0)?;
/// assert_eq!(body.addr().get() % 64, 0);
/// // SAFETY: the body came from an entry, and nobody uses it any more.
/// unsafe { delete(body) };
/// # }
/// # Ok::<(), alloc_header::AllocError>(())
/// ```
#[cfg(not(loom))]
pub static REGISTRY: Registry = Registry::new(&INITIAL);
