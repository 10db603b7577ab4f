//! [`UniqueObject`]: the only way to `&mut`.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use crate::arc::ObjectArc;
use crate::error_kinds::PlaceError;
use crate::header::{Deleter, ObjectHeader, flags};
use crate::object::Object;
use crate::place::{commit, free};
use crate::refs::dec_ref;

/// The only reference, of any kind, to an object; so it can be changed freely, and moved out of.
///
/// `&mut T` lets safe code overwrite the value's header with another one, or take it elsewhere, so the
/// header's facts are kept here, and written anew when the object is shared; until then the header in
/// the body proves nothing.
///
/// # Invariants
///
/// The object is exactly a `T` (no heir), in a headed block; nobody else has a reference of any
/// kind; `type_index`, `extra_flags` and `deleter` are those it was placed with. The body's header has
/// no HEADED bit.
pub struct UniqueObject<T: Object> {
    object: NonNull<T>,
    type_index: i32,
    extra_flags: u32,
    deleter: Deleter,
    _owns: PhantomData<T>,
}

// SAFETY: it owns the object, which is Send and Sync by the `Object` contract.
unsafe impl<T: Object> Send for UniqueObject<T> {}
// SAFETY: as above; shared, it gives `&T` only.
unsafe impl<T: Object> Sync for UniqueObject<T> {}

impl<T: Object> UniqueObject<T> {
    /// Makes an object of `value`, not shared yet.
    ///
    /// # Errors
    ///
    /// No memory, or the type was refused: the value comes back.
    pub fn try_new(value: T) -> Result<Self, PlaceError<T>> {
        // SAFETY: nobody else has the new object's address.
        ObjectArc::try_new(value).map(|object| unsafe { Self::assume(object) })
    }

    /// Makes an object of `value`, not shared yet.
    ///
    /// # Panics
    ///
    /// No memory, or the type was refused.
    #[cfg(feature = "infallible")]
    #[must_use]
    pub fn new(value: T) -> Self {
        // SAFETY: nobody else has the new object's address.
        unsafe { Self::assume(ObjectArc::new(value)) }
    }

    /// # Safety
    ///
    /// The reference is the only one of any kind, to exactly a `T` in a headed block.
    pub(crate) unsafe fn assume(object: ObjectArc<T>) -> Self {
        let header = ObjectArc::header(&object);
        let (type_index, deleter) = (header.type_index(), header.deleter());
        let extra_flags = header.flags() & !(flags::HEADED | flags::SLOT_LOCK | flags::BUSY);
        header.disprove();
        let object = ObjectArc::into_raw(object);
        // INVARIANT: the caller's contract; the facts were read from the placed header, which proves
        // nothing from here on.
        Self { object, type_index, extra_flags, deleter, _owns: PhantomData }
    }

    /// Writes the header anew: one reference, the placed facts.
    fn restore_header(&self) {
        // SAFETY: placed in a headed block by the type invariant, and nobody else looks.
        unsafe { commit(self.object.cast(), self.type_index, self.extra_flags, self.deleter) };
    }

    /// The same reference, for sharing.
    #[must_use]
    pub fn share(this: Self) -> ObjectArc<T> {
        let this = ManuallyDrop::new(this);
        this.restore_header();
        // SAFETY: the one reference moves over.
        unsafe { ObjectArc::from_raw(this.object) }
    }

    /// The address, for the crate's own builders.
    pub(crate) fn as_ptr(this: &Self) -> NonNull<T> {
        this.object
    }

    /// Moves the value out and frees the block. The value's header is as new: it proves nothing
    /// about the value's next place.
    #[must_use]
    pub fn into_value(this: Self) -> T {
        const {
            assert!(!T::HAS_ITEMS, "a value with in-place items cannot leave its block");
        }
        let object = ManuallyDrop::new(this).object;
        // SAFETY: unique: the value is ours to move.
        let mut value = unsafe { object.read() };
        let header = (&raw mut value).cast::<ObjectHeader>();
        // SAFETY: every object begins with its header. INVARIANT: no HEADED bit on a moved value.
        unsafe { header.write(ObjectHeader::new()) };
        // SAFETY: in a headed block; nobody reaches it any more.
        unsafe { free(object.as_ptr().cast()) };
        value
    }
}

impl<T: Object> Drop for UniqueObject<T> {
    fn drop(&mut self) {
        self.restore_header();
        // SAFETY: the one reference of the header just written; this is its last use. The long way,
        // because a chain of unique handles must not nest either.
        unsafe { dec_ref(self.object.cast()) };
    }
}

impl<T: Object> ObjectArc<T> {
    /// The unique handle, if this is the only reference of any kind.
    ///
    /// # Errors
    ///
    /// It is not, or the object is (or, by [`EXACT`](Object::EXACT), could be) more than a `T`, or
    /// foreign code made it: the reference comes back.
    pub fn try_unique(this: Self) -> Result<UniqueObject<T>, Self> {
        let header = Self::header(&this);
        // The exact type: `&mut` to a parent's part would let a swap tear an heir apart.
        let exact = T::EXACT
            && T::type_index().is_ok_and(|number| number == header.type_index())
            && (header.flags() & flags::ITEMS != 0) == T::HAS_ITEMS;
        let counts = header.counts();
        if header.is_headed() && exact && counts.is_unique() && !counts.is_shared() {
            // SAFETY: nobody else has a reference that could be cloned meanwhile.
            Ok(unsafe { UniqueObject::assume(this) })
        } else {
            Err(this)
        }
    }
}

impl<T: Object> Deref for UniqueObject<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: alive by the type invariant.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Object> DerefMut for UniqueObject<T> {
    fn deref_mut(&mut self) -> &mut T {
        const {
            assert!(!T::HAS_ITEMS, "the head of in-place items is changed through `head_mut`");
        }
        // SAFETY: unique by the type invariant; `&mut self` makes it so for threads too.
        unsafe { self.object.as_mut() }
    }
}

impl<T: Object + fmt::Debug> fmt::Debug for UniqueObject<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
