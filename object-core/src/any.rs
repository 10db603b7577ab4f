//! [`Any`], an owned value of any type, and [`AnyView`], a borrowed one.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::{AnyValue, RawAny};
use crate::arc::{ObjectArc, ObjectRef};
use crate::error_kinds::{CastError, NewError};
use crate::header::ObjectHeader;
use crate::object::Object;
use crate::refs::inc_ref;
use crate::raw_bytes::raw_bytes;
use crate::slots::{raw_dec, raw_inc};
use crate::str::{Bytes, Str};
use crate::type_index as index;
use crate::types::is_instance;

/// A value of any type: none, bool, int, float, string, bytes, address or object. 16 bytes.
///
/// # Invariants
///
/// Holds none of the types that only a view may hold (`RAW_STR`, `BYTE_SLICE_PTR`, `RVALUE_REF`);
/// if it holds an object it owns a strong reference.
#[repr(transparent)]
pub struct Any(RawAny);

/// A value somebody else owns, for `'a`: call arguments are views.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct AnyView<'a>(RawAny, PhantomData<&'a Any>);

impl Any {
    /// No value.
    pub const NONE: Self = Self(RawAny::NONE);

    /// Takes over an owned value.
    ///
    /// # Safety
    ///
    /// It keeps the type's invariants, and the caller gives it away.
    #[inline]
    #[must_use]
    pub const unsafe fn from_raw(raw: RawAny) -> Self {
        Self(raw)
    }

    /// Gives the value to the caller.
    #[inline]
    #[must_use]
    pub fn into_raw(this: Self) -> RawAny {
        ManuallyDrop::new(this).0
    }

    /// Borrows the value.
    #[inline]
    #[must_use]
    pub const fn view(&self) -> AnyView<'_> {
        AnyView(self.0, PhantomData)
    }

    /// The bytes of the value, where they are.
    #[inline]
    #[must_use]
    pub const fn as_raw(&self) -> &RawAny {
        &self.0
    }

    /// What it holds.
    #[inline]
    #[must_use]
    pub const fn type_index(&self) -> i32 {
        self.0.type_index
    }

    /// Whether it holds nothing.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.type_index == index::NONE
    }

    /// The value as a `T`.
    ///
    /// # Errors
    ///
    /// It is of another type; the error names both.
    pub fn get<'a, T: TryFrom<AnyView<'a>, Error = CastError>>(&'a self) -> Result<T, CastError> {
        T::try_from(self.view())
    }

    /// The object, taken out.
    ///
    /// # Errors
    ///
    /// It is no object of that type: the value comes back.
    pub fn into_object<T: Object>(self) -> Result<ObjectArc<T>, Self> {
        match T::type_index() {
            Ok(wanted) if is_object_of(self.0.type_index, wanted) && T::DISTINCT => {
                match Self::into_raw(self).as_object() {
                    // SAFETY: the type table says that it is a T; the reference moves over.
                    Some(object) => Ok(unsafe { ObjectArc::from_raw(object.cast()) }),
                    None => Err(Self::NONE),
                }
            }
            _ => Err(self),
        }
    }
}

impl<'a> AnyView<'a> {
    /// No value.
    pub const NONE: Self = Self(RawAny::NONE, PhantomData);

    /// Borrows a value by its bytes.
    ///
    /// # Safety
    ///
    /// What it points to lives for `'a`.
    #[inline]
    #[must_use]
    pub const unsafe fn from_raw(raw: RawAny) -> Self {
        Self(raw, PhantomData)
    }

    /// The bytes of the value.
    #[inline]
    #[must_use]
    pub const fn raw(&self) -> &RawAny {
        &self.0
    }

    /// What it holds.
    #[inline]
    #[must_use]
    pub const fn type_index(&self) -> i32 {
        self.0.type_index
    }

    /// An integer.
    #[inline]
    #[must_use]
    pub const fn int(value: i64) -> Self {
        Self(RawAny::int(value), PhantomData)
    }

    /// Borrows an object.
    #[inline]
    #[must_use]
    pub fn object<T: Object>(object: &'a ObjectArc<T>) -> Self {
        let number = ObjectArc::header(object).type_index();
        Self(RawAny::object(number, ObjectArc::as_ptr(object).as_ptr().cast()), PhantomData)
    }

    /// Bytes of a string or bytes value.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        // SAFETY: alive for 'a, and so for the borrow.
        unsafe { raw_bytes(&self.0) }
    }

    /// Text of a string value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.0.type_index {
            index::SMALL_STR | index::STR | index::RAW_STR => {
                core::str::from_utf8(self.as_bytes()?).ok()
            }
            _ => None,
        }
    }

    /// An owned value: takes a reference of its own, copies what only a view may point to.
    ///
    /// # Errors
    ///
    /// No memory for a copied string.
    #[inline]
    pub fn try_to_owned(self) -> Result<Any, NewError> {
        let raw = self.0;
        if let Some(object) = raw.as_object() {
            // SAFETY: alive for 'a.
            unsafe { inc_ref(object) };
            // INVARIANT: the reference just taken is the Any's.
            return Ok(Any(raw));
        }
        // In parts, and not as what this returns: an object's way through here is in registers. (In
        // memory it would be written in parts, and read whole: a stall of the processor's.)
        let mut copy = Any::NONE;
        // SAFETY: alive for 'a.
        unsafe { try_copy(raw.type_index, raw.small_len, raw.value, &mut copy) }?;
        Ok(copy)
    }
}

/// A copy of what is no object.
///
/// # Errors
///
/// No memory for a string.
///
/// # Safety
///
/// What the value points to is alive.
unsafe fn try_copy(
    type_index: i32,
    small_len: u32,
    value: AnyValue,
    copy: &mut Any,
) -> Result<(), NewError> {
    // SAFETY: the caller's contract.
    let view = unsafe { AnyView::from_raw(RawAny { type_index, small_len, value }) };
    let bytes = || Bytes::try_new(view.as_bytes().unwrap_or(&[])).map(Any::from);
    *copy = match type_index {
        index::RAW_STR => match view.as_str() {
            Some(text) => Str::try_new(text).map(Any::from)?,
            None => bytes()?,
        },
        index::BYTE_SLICE_PTR => bytes()?,
        index::RVALUE_REF => Any::from(view.take_moved()),
        // INVARIANT: the others own nothing.
        _ => Any(view.0),
    };
    Ok(())
}

impl AnyView<'_> {
    /// The caller's variable behind an rvalue view.
    fn moved(&self) -> Option<&AtomicPtr<ObjectHeader>> {
        // SAFETY: an rvalue view points to the caller's variable, which holds an object or null and
        // is the callee's for the call; atomic, because views are copied and sent to threads.
        (self.0.type_index == index::RVALUE_REF)
            .then(|| unsafe { AtomicPtr::from_ptr(self.0.value.pointer.cast()) })
    }

    /// The object in the caller's variable, which is null afterwards; `None` for other views.
    fn take_moved(self) -> Option<ObjectRef> {
        let object = self.moved()?.swap(null_mut(), Ordering::AcqRel);
        // SAFETY: the reference was the variable's and is ours now.
        NonNull::new(object).map(|object| unsafe { ObjectRef::from_raw(object) })
    }

    /// Puts back what [`take_moved`](Self::take_moved) took and nobody could use.
    fn give_back(self, object: ObjectRef) {
        let Some(place) = self.moved() else { return };
        let raw = ObjectArc::as_ptr(&object).as_ptr();
        let (done, failed) = (Ordering::AcqRel, Ordering::Relaxed);
        if place.compare_exchange(null_mut(), raw, done, failed).is_ok() {
            let _ = ObjectArc::into_raw(object); // the variable's from here on
        }
    }

    /// The object, if it is of type `wanted` and the view's own: a handle that nobody has counted.
    ///
    /// # Errors
    ///
    /// The number of the type that came.
    #[inline]
    pub(crate) fn handle_of(&self, wanted: i32) -> Result<&ObjectRef, i32> {
        let got = self.type_index();
        if self.0.as_object().is_some() && is_object_of(got, wanted) {
            // SAFETY: an object's address, which is all that a handle is; it lives for the view, and so for
            // the borrow.
            return Ok(unsafe { &*(&raw const self.0.value.object).cast::<ObjectRef>() });
        }
        Err(got)
    }

    /// The object, if it is of type `wanted`: a reference of its own, or the one that was moved. A
    /// moved object that is of another type stays where it was.
    ///
    /// # Errors
    ///
    /// The number of the type that came.
    pub(crate) fn object_of(self, wanted: i32) -> Result<ObjectRef, i32> {
        if self.0.as_object().is_some() {
            return self.handle_of(wanted).cloned();
        }
        let Some(object) = self.take_moved() else {
            return Err(self.moved().map_or(self.type_index(), |_| index::NONE));
        };
        let got = ObjectArc::header(&object).type_index();
        if is_object_of(got, wanted) {
            return Ok(object);
        }
        self.give_back(object);
        Err(got)
    }
}

/// Whether a value of type `got` is taken as an object of type `wanted`. A string is a value, not "any
/// object": whether it is one inside depends on its length.
fn is_object_of(got: i32, wanted: i32) -> bool {
    let is_text = wanted == index::OBJECT && (got == index::STR || got == index::BYTES);
    !is_text && is_instance(got, wanted)
}

impl Clone for Any {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: alive by the type invariant; the clone owns the reference just taken.
        unsafe { raw_inc(&self.0) };
        Self(self.0)
    }
}

impl Drop for Any {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: ours by the type invariant.
        unsafe { raw_dec(&self.0) };
    }
}

impl Default for Any {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<()> for Any {
    fn from((): ()) -> Self {
        Self::NONE
    }
}

impl From<bool> for Any {
    fn from(value: bool) -> Self {
        Self(RawAny::bool(value))
    }
}

macro_rules! from_int {
    ($($int:ty),*) => {$(
        impl From<$int> for Any {
            fn from(value: $int) -> Self {
                Self(RawAny::int(i64::from(value)))
            }
        }
    )*};
}
from_int!(i8, i16, i32, i64, u8, u16, u32);

impl From<f64> for Any {
    fn from(value: f64) -> Self {
        Self(RawAny::float(value))
    }
}

impl From<Str> for Any {
    fn from(text: Str) -> Self {
        // INVARIANT: a string's own value, given away.
        Self(Str::into_raw(text))
    }
}

impl From<Bytes> for Any {
    fn from(bytes: Bytes) -> Self {
        // INVARIANT: the bytes' own value, given away.
        Self(Bytes::into_raw(bytes))
    }
}

#[cfg(feature = "infallible")]
impl From<&str> for Any {
    fn from(text: &str) -> Self {
        Str::from(text).into()
    }
}

impl<T: Object> From<ObjectArc<T>> for Any {
    fn from(object: ObjectArc<T>) -> Self {
        let number = ObjectArc::header(&object).type_index();
        // INVARIANT: the handle's reference moves over.
        Self(RawAny::object(number, ObjectArc::into_raw(object).as_ptr().cast()))
    }
}

impl<T: Into<Any>> From<Option<T>> for Any {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NONE, Into::into)
    }
}
