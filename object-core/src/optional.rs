//! [`Optional`]: a field that holds a number, a bool, a string or bytes, or None.
//!
//! Rust lays an `Option<i64>` as it likes. A field that other languages read has one layout, so this is a
//! [`RawAny`](crate::abi::RawAny) that is None or a `T`: kind Str or Bytes, or kind Any with the number's kind beside it
//! ([`value_kind`](crate::abi::FieldInfo::value_kind)). It is what Python's `int | None` is stored as.

use core::fmt;
use core::marker::PhantomData;

use crate::abi::{FieldKind, field_flags};
use crate::any::{Any, AnyView};
use crate::field::FieldType;
use crate::str::{Bytes, Str};
use crate::type_index as index;

/// What an [`Optional`] can hold: integers up to 64 bits, `f32`, `f64`, `bool`, [`Str`] and [`Bytes`].
///
/// A handle needs no `Optional`: `Option<ObjectArc<T>>` is a field.
#[diagnostic::on_unimplemented(
    message = "`Optional<{Self}>` cannot be a field that frontends see",
    note = "it holds integers up to 64 bits, `f32`, `f64`, `bool`, `Str` or `Bytes`; handles are \
            `Option<ObjectArc<T>>`, `Option<Array>` and so on, and `Any` can be None by itself"
)]
pub trait OptionalValue: Sized + Clone + sealed::Sealed {
    /// How the field is stored: Str, Bytes or Any.
    #[doc(hidden)]
    const KIND: FieldKind;
    /// What the Any holds.
    #[doc(hidden)]
    const VALUE: Option<FieldKind>;

    #[doc(hidden)]
    fn into_value(self) -> Any;

    /// `None` for a value of another type.
    #[doc(hidden)]
    fn from_value(value: AnyView<'_>) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ident => $kind:ident as $wide:ty),* $(,)?) => {$(
        impl sealed::Sealed for $number {}

        impl OptionalValue for $number {
            const KIND: FieldKind = FieldKind::Any;
            const VALUE: Option<FieldKind> = Some(FieldKind::$kind);

            fn into_value(self) -> Any {
                Any::from(<$wide>::from(self))
            }

            fn from_value(value: AnyView<'_>) -> Option<Self> {
                value.try_into().ok()
            }
        }
    )*};
}
numbers!(
    i8 => I8 as i64, i16 => I16 as i64, i32 => I32 as i64, i64 => I64 as i64, u8 => U8 as i64,
    u16 => U16 as i64, u32 => U32 as i64, f32 => F32 as f64, f64 => F64 as f64, bool => Bool as bool,
);

impl sealed::Sealed for u64 {}

/// Stored as the `i64` of the same bits; [`read_field`](crate::read_field) knows.
impl OptionalValue for u64 {
    const KIND: FieldKind = FieldKind::Any;
    const VALUE: Option<FieldKind> = Some(FieldKind::U64);

    fn into_value(self) -> Any {
        Any::from(self as i64)
    }

    fn from_value(value: AnyView<'_>) -> Option<Self> {
        i64::try_from(value).ok().map(|bits| bits as u64)
    }
}

macro_rules! texts {
    ($($text:ident => $borrowed:ty, $small:ident, $large:ident);* $(;)?) => {$(
        impl sealed::Sealed for $text {}

        impl OptionalValue for $text {
            const KIND: FieldKind = FieldKind::$text;
            const VALUE: Option<FieldKind> = None;

            fn into_value(self) -> Any {
                Any::from(self)
            }

            fn from_value(value: AnyView<'_>) -> Option<Self> {
                value.try_into().ok()
            }
        }

        impl Optional<$text> {
            /// What it holds, borrowed.
            #[must_use]
            pub fn as_ref(&self) -> Option<&$text> {
                match self.value.type_index() {
                    // SAFETY: a value of one of the two types, whose bytes are the text's whole.
                    index::$small | index::$large => Some(unsafe {
                        &*core::ptr::from_ref(&self.value).cast::<$text>()
                    }),
                    _ => None,
                }
            }

            /// Its content.
            #[must_use]
            pub fn as_deref(&self) -> Option<&$borrowed> {
                self.as_ref().map(|text| &**text)
            }
        }
    )*};
}
texts!(Str => str, SMALL_STR, STR; Bytes => [u8], SMALL_BYTES, BYTES);

/// A field that is a `T` or None, of one layout in every language.
///
/// Frozen as it stands; one that changes is a [`MutField<Option<T>>`](crate::MutField).
///
/// ```
/// # #[cfg(all(feature = "infallible", feature = "default-backing"))] {
/// use object_core::{Optional, Str};
///
/// let nick: Optional<Str> = Some("Ada".into()).into();
/// assert_eq!(nick.as_deref(), Some("Ada"));
/// let born = Optional::from(1815i64);
/// assert_eq!((born.get(), Optional::<i64>::NONE.get()), (Some(1815), None));
/// # }
/// ```
///
/// # Invariants
///
/// The value is None or was made of a `T`, or a language that looks at no `value_kind` put another one there:
/// that is no `T`, and reads as `None`.
#[repr(transparent)]
#[derive(Clone)]
pub struct Optional<T> {
    value: Any,
    of: PhantomData<T>,
}

impl<T: OptionalValue> Optional<T> {
    /// No value.
    pub const NONE: Self = Self { value: Any::NONE, of: PhantomData };

    /// A copy of what it holds.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        if self.is_none() { None } else { T::from_value(self.value.view()) }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.value.type_index() == index::NONE
    }

    /// Whether it holds a value.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        !self.is_none()
    }
}

// SAFETY: transparent over an Any, whose layout the three kinds have; strings and bytes are those that
// their kinds hold. What changes is changed by reflection, which converts by kind and VALUE.
unsafe impl<T: OptionalValue> FieldType for Optional<T> {
    const KIND: FieldKind = T::KIND;
    const VALUE: Option<FieldKind> = T::VALUE;
    const FLAGS: u32 = field_flags::FROZEN | field_flags::OPTIONAL;
}

impl<T: OptionalValue> From<Option<T>> for Optional<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NONE, Self::from)
    }
}

impl<T: OptionalValue> From<T> for Optional<T> {
    fn from(value: T) -> Self {
        Self { value: value.into_value(), of: PhantomData }
    }
}

impl<T: OptionalValue> From<Optional<T>> for Option<T> {
    fn from(optional: Optional<T>) -> Self {
        optional.get()
    }
}

#[cfg(feature = "infallible")]
impl From<&str> for Optional<Str> {
    fn from(text: &str) -> Self {
        Str::from(text).into()
    }
}

impl<T: OptionalValue> Default for Optional<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T: OptionalValue + PartialEq> PartialEq for Optional<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: OptionalValue + Eq> Eq for Optional<T> {}

impl<T: OptionalValue + fmt::Debug> fmt::Debug for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
