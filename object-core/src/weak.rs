//! [`WeakObjectArc`]: a reference that keeps the space but not the object.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::arc::ObjectArc;
use crate::header::ObjectHeader;
use crate::object::Object;
use crate::refs::{dec_weak, inc_weak, upgrade};

/// A weak reference: to a parent, an observer, a cache's entry. [`upgrade`](Self::upgrade) gives the
/// object while it lives.
///
/// # Invariants
///
/// Null ("no object"), or points to an object whose space is there, and owns one weak reference.
#[repr(transparent)]
#[expect(
    clippy::needless_maybe_sized,
    reason = "the compiler would ask that of a struct whose last field holds one of its own type while it \
              asks whether that field is"
)]
pub struct WeakObjectArc<T: Object + ?Sized> {
    object: Option<NonNull<T>>,
    _names: PhantomData<T>,
}

// SAFETY: as for `ObjectArc`: all it can do is count, and become one.
unsafe impl<T: Object> Send for WeakObjectArc<T> {}
// SAFETY: as above.
unsafe impl<T: Object> Sync for WeakObjectArc<T> {}

impl<T: Object> WeakObjectArc<T> {
    /// A weak reference to nothing.
    #[inline]
    #[must_use]
    pub const fn null() -> Self {
        // INVARIANT: null.
        Self { object: None, _names: PhantomData }
    }

    /// Takes over a weak reference; null is nothing.
    ///
    /// # Safety
    ///
    /// Null, or an object that begins with a `T` (dead or alive) and of which the caller gives one
    /// weak reference away.
    #[inline]
    #[must_use]
    pub const unsafe fn from_raw(object: *mut T) -> Self {
        // INVARIANT: the caller's contract.
        Self { object: NonNull::new(object), _names: PhantomData }
    }

    /// Gives the reference to the caller, as an address.
    #[inline]
    #[must_use]
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).object.map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    /// The object, if it lives.
    #[inline]
    #[must_use]
    pub fn upgrade(&self) -> Option<ObjectArc<T>> {
        let object = self.object?;
        // SAFETY: the space is there by the type invariant.
        if unsafe { upgrade(object.cast::<ObjectHeader>()) } {
            // SAFETY: the upgrade took a strong reference.
            Some(unsafe { ObjectArc::from_raw(object) })
        } else {
            None
        }
    }

    /// Whether both point to the same object.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.object == other.object
    }
}

impl<T: Object> ObjectArc<T> {
    /// A weak reference to the object.
    #[inline]
    #[must_use]
    pub fn downgrade(this: &Self) -> WeakObjectArc<T> {
        let object = Self::as_ptr(this);
        // SAFETY: alive by the handle's invariant.
        unsafe { inc_weak(object.cast()) };
        // INVARIANT: the reference just taken.
        WeakObjectArc { object: Some(object), _names: PhantomData }
    }
}

impl<T: Object> Default for WeakObjectArc<T> {
    fn default() -> Self {
        Self::null()
    }
}

impl<T: Object> Clone for WeakObjectArc<T> {
    #[inline]
    fn clone(&self) -> Self {
        if let Some(object) = self.object {
            // SAFETY: the space is there by the type invariant.
            unsafe { inc_weak(object.cast()) };
        }
        // INVARIANT: null, or the reference just taken.
        Self { object: self.object, _names: PhantomData }
    }
}

impl<T: Object> Drop for WeakObjectArc<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.object {
            // SAFETY: the reference is ours, and this is its last use.
            unsafe { dec_weak(object.cast()) };
        }
    }
}

impl<T: Object> fmt::Debug for WeakObjectArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Weak)")
    }
}
