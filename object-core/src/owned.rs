//! A value that a container's body owns. Below every handle, so on the raw struct.

use core::mem::ManuallyDrop;

use crate::abi::RawAny;
use crate::key::Key;
use crate::slots::raw_dec;

/// A value that is dropped with it.
///
/// # Invariants
///
/// Of a type that an owned value may have; if it is an object it owns a strong reference.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Owned(RawAny);

impl Owned {
    /// No value.
    pub(crate) const NONE: Self = Self(RawAny::NONE);

    /// Takes a value over.
    ///
    /// # Safety
    ///
    /// It keeps the type's invariants, and the caller gives it away.
    #[inline]
    pub(crate) const unsafe fn new(raw: RawAny) -> Self {
        // INVARIANT: the caller's contract.
        Self(raw)
    }

    /// Gives the value to the caller.
    #[inline]
    pub(crate) fn into_raw(self) -> RawAny {
        ManuallyDrop::new(self).0
    }

    /// The value; the reference stays here.
    #[inline]
    pub(crate) const fn raw(&self) -> &RawAny {
        &self.0
    }

    /// The value as a key.
    #[inline]
    pub(crate) fn key(&self) -> Key<'_> {
        // SAFETY: ours, and so alive. What is no key cannot be owned, but for numbers that nobody
        // uses.
        unsafe { Key::of(&self.0) }.unwrap_or(Key::None)
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: ours by the type invariant.
        unsafe { raw_dec(&self.0) };
    }
}
