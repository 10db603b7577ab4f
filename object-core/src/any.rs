//! [`Any`], an owned value of any type, and [`AnyView`], a borrowed one.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use crate::abi::{RawAny};
use crate::arc::{ObjectArc, ObjectRef};
use crate::error_kinds::{CastError, NewError};
use crate::object::Object;
use crate::slots::{raw_dec, raw_inc};
use crate::str::{Bytes, Str, raw_bytes};
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
            Ok(wanted) if is_instance(self.0.type_index, wanted) && T::DISTINCT => {
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
    pub fn try_to_owned(self) -> Result<Any, NewError> {
        match self.0.type_index {
            index::RAW_STR => match self.as_str() {
                Some(text) => Str::try_new(text).map(Any::from),
                None => Bytes::try_new(self.as_bytes().unwrap_or(&[])).map(Any::from),
            },
            index::BYTE_SLICE_PTR => {
                Bytes::try_new(self.as_bytes().unwrap_or(&[])).map(Any::from)
            }
            index::RVALUE_REF => {
                // SAFETY: an rvalue view points to the caller's variable, which holds an object or
                // null; the callee may take it.
                let object = unsafe {
                    let place = self.0.value.pointer.cast::<*mut crate::ObjectHeader>();
                    core::mem::replace(&mut *place, core::ptr::null_mut())
                };
                Ok(match core::ptr::NonNull::new(object) {
                    // SAFETY: the reference was the variable's and is ours now.
                    Some(object) => Any::from(unsafe { ObjectRef::from_raw(object) }),
                    None => Any::NONE,
                })
            }
            _ => {
                // SAFETY: alive for 'a. INVARIANT: the reference just taken is the Any's.
                unsafe { raw_inc(&self.0) };
                Ok(Any(self.0))
            }
        }
    }
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

impl fmt::Debug for AnyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.type_index {
            index::NONE => f.write_str("None"),
            // SAFETY: an int.
            index::INT => write!(f, "{}", unsafe { self.0.value.int }),
            // SAFETY: a bool is stored as an int.
            index::BOOL => write!(f, "{}", unsafe { self.0.value.int } != 0),
            // SAFETY: a float.
            index::FLOAT => write!(f, "{:?}", unsafe { self.0.value.float }),
            number => match (self.as_str(), self.as_bytes()) {
                (Some(text), _) => write!(f, "{text:?}"),
                (None, Some(bytes)) => write!(f, "b\"{}\"", bytes.escape_ascii()),
                (None, None) => write!(f, "<{}>", crate::types::TypeName(number)),
            },
        }
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

// ---- into Any --------------------------------------------------------------------------------

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

        impl TryFrom<AnyView<'_>> for $int {
            type Error = CastError;

            fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
                let wide = i64::try_from(view)?;
                <$int>::try_from(wide).map_err(|_| CastError::new(stringify!($int), view.0.type_index))
            }
        }
    )*};
}
from_int!(i8, i16, i32, u8, u16, u32);

impl From<i64> for Any {
    fn from(value: i64) -> Self {
        Self(RawAny::int(value))
    }
}

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

// ---- out of Any ------------------------------------------------------------------------------

impl TryFrom<AnyView<'_>> for () {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.0.type_index {
            index::NONE => Ok(()),
            got => Err(CastError::new("None", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for bool {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.0.type_index {
            // SAFETY: the type says that the int was written.
            index::BOOL => Ok(unsafe { view.0.value.int } != 0),
            got => Err(CastError::new("bool", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for i64 {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.0.type_index {
            // SAFETY: the type says that the int was written; True is 1, as in Python.
            index::INT | index::BOOL => Ok(unsafe { view.0.value.int }),
            got => Err(CastError::new("int", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for f64 {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.0.type_index {
            // SAFETY: the type says that the float was written.
            index::FLOAT => Ok(unsafe { view.0.value.float }),
            // SAFETY: the type says that the int was written.
            index::INT | index::BOOL => Ok(unsafe { view.0.value.int } as f64),
            got => Err(CastError::new("float", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for Str {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match (view.as_str(), view.0.type_index) {
            (Some(_), index::STR | index::SMALL_STR) => {
                // SAFETY: alive for the view; the reference just taken is the Str's.
                unsafe { raw_inc(&view.0) };
                // SAFETY: one of the two types, and UTF-8 as just checked.
                Ok(unsafe { Self::from_raw(view.0) })
            }
            (Some(text), got) => Self::try_new(text).map_err(|_| CastError::new("str", got)),
            (None, got) => Err(CastError::new("str", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for Bytes {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match (view.0.type_index, view.as_bytes()) {
            (index::BYTES | index::SMALL_BYTES, Some(_)) => {
                // SAFETY: alive for the view; the reference just taken is the Bytes'.
                unsafe { raw_inc(&view.0) };
                // SAFETY: one of the two types.
                Ok(unsafe { Self::from_raw(view.0) })
            }
            (got @ index::BYTE_SLICE_PTR, Some(bytes)) => {
                Self::try_new(bytes).map_err(|_| CastError::new("bytes", got))
            }
            (got, _) => Err(CastError::new("bytes", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for Any {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        view.try_to_owned().map_err(|_| CastError::new("a value there is memory for", view.type_index()))
    }
}

impl<T: Object> TryFrom<AnyView<'_>> for ObjectArc<T> {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        const {
            assert!(T::DISTINCT, "the type's number does not tell what items lie behind the body");
        }
        if view.type_index() == index::RVALUE_REF {
            let owned = Any::try_from(view)?;
            let got = owned.type_index();
            return owned.into_object().map_err(|_| CastError::new(expected::<T>(), got));
        }
        match (T::type_index(), view.0.as_object()) {
            (Ok(wanted), Some(object)) if is_instance(view.0.type_index, wanted) => {
                // SAFETY: alive for the view; the type table says that it is a T.
                Ok(unsafe { Self::from_borrowed(object.cast()) })
            }
            _ => Err(CastError::new(expected::<T>(), view.0.type_index)),
        }
    }
}

fn expected<T: Object>() -> &'static str {
    T::type_index().map_or("a type that could not be registered", crate::types::static_name)
}

macro_rules! optional {
    ($($value:ty),*) => {$(
        impl TryFrom<AnyView<'_>> for Option<$value> {
            type Error = CastError;

            fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
                if view.type_index() == index::NONE { Ok(None) } else { view.try_into().map(Some) }
            }
        }
    )*};
}
optional!(bool, i64, f64, Str, Bytes);

impl<T: Object> TryFrom<AnyView<'_>> for Option<ObjectArc<T>> {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        if view.type_index() == index::NONE { Ok(None) } else { view.try_into().map(Some) }
    }
}
