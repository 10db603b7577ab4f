//! Rust values out of an [`AnyView`].

use alloc::string::String;

use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::CastError;
use crate::object::Object;
use crate::room::{NoMemory, append};
use crate::slots::raw_inc;
use crate::str::{Bytes, Str};
use crate::type_index as index;
use crate::types::is_registered_object;

/// What a cast error expected if a copy could not be made.
const NO_MEMORY: &str = "a value there is memory for";

impl TryFrom<AnyView<'_>> for () {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.type_index() {
            index::NONE => Ok(()),
            got => Err(CastError::new("None", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for bool {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.type_index() {
            // SAFETY: the type says that the int was written.
            index::BOOL => Ok(unsafe { view.raw().value.int } != 0),
            got => Err(CastError::new("bool", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for i64 {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.type_index() {
            // SAFETY: the type says that the int was written; True is 1, as in Python.
            index::INT | index::BOOL => Ok(unsafe { view.raw().value.int }),
            got => Err(CastError::new("int", got)),
        }
    }
}

macro_rules! narrower {
    ($($int:ty),*) => {$(
        impl TryFrom<AnyView<'_>> for $int {
            type Error = CastError;

            fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
                let wide = i64::try_from(view)?;
                <$int>::try_from(wide)
                    .map_err(|_| CastError::new(stringify!($int), view.type_index()))
            }
        }
    )*};
}
narrower!(i8, i16, i32, u8, u16, u32, u64, usize, isize);

impl TryFrom<AnyView<'_>> for f64 {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.type_index() {
            // SAFETY: the type says that the float was written.
            index::FLOAT => Ok(unsafe { view.raw().value.float }),
            // SAFETY: the type says that the int was written.
            index::INT | index::BOOL => Ok(unsafe { view.raw().value.int } as f64),
            got => Err(CastError::new("float", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for f32 {
    type Error = CastError;

    /// Rounded to the nearest; one that is too large is refused, and not made infinite.
    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        let wide = f64::try_from(view)?;
        narrow(wide).ok_or(CastError::new("f32", view.type_index()))
    }
}

/// Rounded to the nearest; `None` if that would make a finite number infinite.
pub(crate) fn narrow(wide: f64) -> Option<f32> {
    let narrow = wide as f32;
    (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
}

/// What was expected of a value that has no text.
fn no_text(got: i32) -> CastError {
    match got {
        index::STR | index::SMALL_STR | index::RAW_STR => CastError::new("well-formed str", got),
        _ => CastError::new("str", got),
    }
}

impl TryFrom<AnyView<'_>> for Str {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match (view.as_str(), view.type_index()) {
            (Some(_), index::STR | index::SMALL_STR) => {
                // SAFETY: alive for the view; the reference just taken is the Str's.
                unsafe { raw_inc(view.raw()) };
                // SAFETY: one of the two types, and UTF-8 as just checked.
                Ok(unsafe { Self::from_raw(*view.raw()) })
            }
            (Some(text), got) => Self::try_new(text).map_err(|_| CastError::new(NO_MEMORY, got)),
            (None, got) => Err(no_text(got)),
        }
    }
}

/// A copy of the text.
impl TryFrom<AnyView<'_>> for String {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        let got = view.type_index();
        let Some(text) = view.as_str() else { return Err(no_text(got)) };
        let mut copy = Self::new();
        append(&mut copy, text).map_err(|NoMemory| CastError::new(NO_MEMORY, got))?;
        Ok(copy)
    }
}

impl TryFrom<AnyView<'_>> for Bytes {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match (view.type_index(), view.as_bytes()) {
            (index::BYTES | index::SMALL_BYTES, Some(_)) => {
                // SAFETY: alive for the view; the reference just taken is the Bytes'.
                unsafe { raw_inc(view.raw()) };
                // SAFETY: one of the two types.
                Ok(unsafe { Self::from_raw(*view.raw()) })
            }
            (got @ index::BYTE_SLICE_PTR, Some(bytes)) => {
                Self::try_new(bytes).map_err(|_| CastError::new(NO_MEMORY, got))
            }
            (got @ (index::BYTES | index::SMALL_BYTES | index::BYTE_SLICE_PTR), None) => {
                Err(CastError::new("well-formed bytes", got))
            }
            (got, _) => Err(CastError::new("bytes", got)),
        }
    }
}

impl TryFrom<AnyView<'_>> for Any {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        let number = view.type_index();
        let is_value = match view.raw().as_object() {
            Some(_) => is_registered_object(number),
            None => index::value_name(number).is_some(),
        };
        if !is_value {
            return Err(CastError::new("a value", number));
        }
        view.try_to_owned().map_err(|_| CastError::new(NO_MEMORY, view.type_index()))
    }
}

/// The number of the type asked for.
fn number_of<T: Object>(view: AnyView<'_>) -> Result<i32, CastError> {
    T::type_index()
        .map_err(|_| CastError::new("a type that could not be registered", view.type_index()))
}

impl<'a, T: Object> TryFrom<&'a AnyView<'_>> for &'a ObjectArc<T> {
    type Error = CastError;

    /// The handle as it is: nobody counts. What was moved in is no handle of the view's, but the callee's to
    /// take.
    fn try_from(view: &'a AnyView<'_>) -> Result<Self, CastError> {
        const {
            assert!(T::DISTINCT, "the type's number does not tell what items lie behind the body");
        }
        let wanted = number_of::<T>(*view)?;
        view.handle_of(wanted).map_err(|got| CastError::new(crate::types::static_name(wanted), got)).map(
            // SAFETY: the type table says that it is a T, and a handle is its address, whatever its type.
            |handle| unsafe { &*core::ptr::from_ref(handle).cast::<ObjectArc<T>>() },
        )
    }
}

impl<T: Object> TryFrom<AnyView<'_>> for ObjectArc<T> {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        const {
            assert!(T::DISTINCT, "the type's number does not tell what items lie behind the body");
        }
        let wanted = number_of::<T>(view)?;
        match view.object_of(wanted) {
            // SAFETY: the type table says that it is a T; the reference moves over.
            Ok(object) => Ok(unsafe { Self::from_raw(ObjectArc::into_raw(object).cast()) }),
            Err(got) => Err(CastError::new(crate::types::static_name(wanted), got)),
        }
    }
}

macro_rules! optional {
    ($($value:ty),*) => {$(
        impl TryFrom<AnyView<'_>> for Option<$value> {
            type Error = CastError;

            fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
                if view.type_index() == index::NONE {
                    return Ok(None);
                }
                view.try_into().map(Some).map_err(CastError::or_none)
            }
        }
    )*};
}
optional!(bool, i8, i16, i32, i64, u8, u16, u32, u64, usize, isize, f32, f64, Str, String, Bytes);

impl<T: Object> TryFrom<AnyView<'_>> for Option<ObjectArc<T>> {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        match view.try_into() {
            Ok(object) => Ok(Some(object)),
            // None, or a moved object that is gone.
            Err(error) if error.got() == index::NONE => Ok(None),
            Err(error) => Err(error.or_none()),
        }
    }
}

/// A value that is given up for what it holds: [`Any::get`].
macro_rules! out_of_any {
    ($($value:ty),* $(,)?) => {$(
        impl TryFrom<$crate::any::Any> for $value {
            type Error = $crate::error_kinds::CastError;

            fn try_from(value: $crate::any::Any) -> Result<Self, Self::Error> {
                value.get()
            }
        }
    )*};
}
pub(crate) use out_of_any;

out_of_any!(
    (), bool, i8, i16, i32, i64, u8, u16, u32, u64, usize, isize, f32, f64, Str, String, Bytes,
    Option<bool>, Option<i8>, Option<i16>, Option<i32>, Option<i64>, Option<u8>, Option<u16>, Option<u32>,
    Option<u64>, Option<usize>, Option<isize>, Option<f32>, Option<f64>, Option<Str>, Option<String>,
    Option<Bytes>,
);

impl<T: Object> TryFrom<Any> for ObjectArc<T> {
    type Error = CastError;

    fn try_from(value: Any) -> Result<Self, CastError> {
        value.get()
    }
}

impl<T: Object> TryFrom<Any> for Option<ObjectArc<T>> {
    type Error = CastError;

    fn try_from(value: Any) -> Result<Self, CastError> {
        value.get()
    }
}
