//! [`ObjectArc`]: a strong reference.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::error_kinds::{CastError, PlaceError};
use crate::header::ObjectHeader;
use crate::object::{Extends, Object};
use crate::place::place;
#[cfg(feature = "infallible")]
use crate::place::{Space, refused};
use crate::refs::{dec_ref, inc_ref};
use crate::types::is_instance;

/// A strong reference to an object: like `Arc`, but the counts are in the object, so that the
/// address alone is a handle in every language.
///
/// There is no `DerefMut`: an object that can be shared is changed through its slots, or while it is
/// unique, through [`UniqueObject`](crate::UniqueObject).
///
/// # Invariants
///
/// Points to a live object that begins with a `T`, derived from the block's own pointer, and owns
/// one strong reference.
#[repr(transparent)]
#[expect(
    clippy::needless_maybe_sized,
    reason = "the compiler would ask that of a struct whose last field holds one of its own type while it \
              asks whether that field is"
)]
pub struct ObjectArc<T: Object + ?Sized> {
    object: NonNull<T>,
    _owns: PhantomData<T>,
}

/// A strong reference to an object of any type.
pub type ObjectRef = ObjectArc<ObjectHeader>;

// SAFETY: objects are Send and Sync by the `Object` contract, the count is atomic, and any thread
// may run the deleter.
unsafe impl<T: Object> Send for ObjectArc<T> {}
// SAFETY: as above; a shared handle gives `&T` and clones.
unsafe impl<T: Object> Sync for ObjectArc<T> {}

impl<T: Object> ObjectArc<T> {
    /// Makes an object of `value`.
    ///
    /// # Errors
    ///
    /// No memory, or the type was refused: the value comes back.
    #[inline]
    pub fn try_new(value: T) -> Result<Self, PlaceError<T>> {
        // INVARIANT: the new object's one reference.
        Ok(Self { object: place(value)?, _owns: PhantomData })
    }

    /// Makes an object of `value`.
    ///
    /// # Panics
    ///
    /// No memory, or the type was refused; [`try_new`](Self::try_new) says so instead.
    #[cfg(feature = "infallible")]
    #[inline]
    #[must_use]
    pub fn new(value: T) -> Self {
        match Space::take() {
            // INVARIANT: the new object's one reference.
            Ok(space) => Self { object: space.place(value), _owns: PhantomData },
            Err(cause) => refused(cause),
        }
    }

    /// Takes over a strong reference.
    ///
    /// # Safety
    ///
    /// `object` is a live object that begins with a `T`, as `into_raw` or foreign code gave it, and
    /// the caller gives one strong reference away.
    #[inline]
    #[must_use]
    pub const unsafe fn from_raw(object: NonNull<T>) -> Self {
        // INVARIANT: the caller's contract.
        Self { object, _owns: PhantomData }
    }

    /// Takes a strong reference of its own.
    ///
    /// # Safety
    ///
    /// `object` is a live object that begins with a `T`, and stays alive during the call.
    #[inline]
    #[must_use]
    pub unsafe fn from_borrowed(object: NonNull<T>) -> Self {
        // SAFETY: alive by the caller's contract.
        unsafe { inc_ref(object.cast()) };
        // INVARIANT: the reference just taken.
        Self { object, _owns: PhantomData }
    }

    /// Gives the reference to the caller, as an address.
    #[inline]
    #[must_use]
    pub fn into_raw(this: Self) -> NonNull<T> {
        ManuallyDrop::new(this).object
    }

    /// The address; the reference stays here.
    #[inline]
    #[must_use]
    pub const fn as_ptr(this: &Self) -> NonNull<T> {
        this.object
    }

    /// The object's header.
    #[inline]
    #[must_use]
    pub fn header(this: &Self) -> &ObjectHeader {
        // SAFETY: every object begins with its header; alive by the type invariant.
        unsafe { this.object.cast::<ObjectHeader>().as_ref() }
    }

    /// Strong references now: a hint while others may hold some.
    #[must_use]
    pub fn strong_count(this: &Self) -> u32 {
        Self::header(this).counts().strong()
    }

    /// Weak references now: a hint while others may hold some.
    #[must_use]
    pub fn weak_count(this: &Self) -> u32 {
        Self::header(this).counts().weak()
    }

    /// Whether both are the same object.
    #[inline]
    #[must_use]
    pub fn ptr_eq<U: Object>(this: &Self, other: &ObjectArc<U>) -> bool {
        core::ptr::addr_eq(this.object.as_ptr(), other.object.as_ptr())
    }

    /// The same object as one of its parents' types.
    #[inline]
    #[must_use]
    pub fn upcast<P: Object>(this: Self) -> ObjectArc<P>
    where
        T: Extends<P>,
    {
        // SAFETY: `Extends` says that the object begins with a P; the reference moves over.
        unsafe { ObjectArc::from_raw(Self::into_raw(this).cast()) }
    }

    /// The same object as a `U`, if it is one.
    ///
    /// # Errors
    ///
    /// It is none: the reference comes back.
    #[inline]
    pub fn downcast<U: Object>(this: Self) -> Result<ObjectArc<U>, Self> {
        const {
            assert!(U::DISTINCT, "the type's number does not tell what items lie behind the body");
        }
        match Self::check::<U>(&this) {
            // SAFETY: the type table says that it is a U; the reference moves over.
            Ok(()) => Ok(unsafe { ObjectArc::from_raw(Self::into_raw(this).cast()) }),
            Err(_) => Err(this),
        }
    }

    /// Whether the object is a `U`.
    ///
    /// # Errors
    ///
    /// It is none; the error names both types.
    pub fn check<U: Object>(this: &Self) -> Result<(), CastError> {
        let got = Self::header(this).type_index();
        match U::type_index() {
            Ok(wanted) if is_instance(got, wanted) => Ok(()),
            Ok(wanted) => Err(CastError::new(crate::types::static_name(wanted), got)),
            Err(_) => Err(CastError::new("a type that could not be registered", got)),
        }
    }
}

impl<T: Object> Deref for ObjectArc<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: by the type invariant; shared handles only ever give `&T`.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Object> Clone for ObjectArc<T> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: alive by the type invariant.
        unsafe { Self::from_borrowed(self.object) }
    }
}

impl<T: Object> Drop for ObjectArc<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is ours by the type invariant, and this is its last use.
        unsafe { dec_ref(self.object.cast()) };
    }
}

/// The same object, as [`ptr_eq`](ObjectArc::ptr_eq): two objects with equal fields are two objects.
impl<T: Object> PartialEq for ObjectArc<T> {
    fn eq(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }
}

impl<T: Object> Eq for ObjectArc<T> {}

/// By identity, as `==`.
impl<T: Object> Hash for ObjectArc<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.object.hash(state);
    }
}

impl<T: Object + fmt::Debug> fmt::Debug for ObjectArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(feature = "infallible")]
impl<T: Object> From<T> for ObjectArc<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
