//! Where blocks come from: any allocator.

use object_core::alloc_header::allocator_api2::alloc::Allocator;
use object_core::alloc_header::{AllocatorBacking, AllocatorEntry};
use object_core::registry;

/// A place that blocks come from: an allocator that was made one, or the one that was in force.
#[derive(Debug, Clone, Copy)]
pub struct Backing(&'static AllocatorEntry);

impl Backing {
    /// Makes a backing of an allocator; it stays for as long as the process, because its objects may.
    ///
    /// Two backings of one type stay apart: each block finds its own way back.
    ///
    /// # Panics
    ///
    /// No memory for the backing itself, a few words.
    #[must_use]
    pub fn new<A: Allocator + Send + Sync + 'static>(allocator: A) -> Self {
        Self(Box::leak(Box::new(AllocatorBacking::new(allocator))).entry())
    }

    /// The one in force.
    ///
    /// In a library, ask from inside [`export_library!`](crate::export_library!) or later, so that it is
    /// the process's.
    #[must_use]
    pub fn current() -> Self {
        Self(registry().backing())
    }

    /// Puts it in force and returns the one before, which can be put back. As [`set_backing`].
    pub fn set(self) -> Self {
        Self(registry().set_backing(self.0))
    }
}

/// The same place.
impl PartialEq for Backing {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Backing {}

/// Takes the blocks of all objects made from now on, by any library and any frontend of this process, from
/// `allocator`; returns the backing before.
///
/// Before or after `import tieback`, and while objects live: each is freed by the function in its own
/// header, with the size and alignment that were asked for. An allocator that has nothing left makes
/// constructors return their error (`MemoryError` in Python). It is called on any thread, must not unwind,
/// and must not make objects itself.
///
/// In a library, call it from inside [`export_library!`](crate::export_library!) or later.
///
/// ```
/// use rust_binding::allocator_api2::alloc::Global;
/// use rust_binding::prelude::*;
/// use rust_binding::{Backing, set_backing};
///
/// let before = set_backing(Global);
/// let text = Str::from("a text too long for the value itself");
/// let ours = before.set();
/// assert!(ours != before && Backing::current() == before);
/// drop(text); // back to `ours`
/// ```
///
/// # Panics
///
/// As [`Backing::new`].
pub fn set_backing<A: Allocator + Send + Sync + 'static>(allocator: A) -> Backing {
    Backing::new(allocator).set()
}
