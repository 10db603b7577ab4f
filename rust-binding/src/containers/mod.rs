//! Containers of one type each: [`Array<T>`], [`List<T>`], [`Map<K, V>`], [`Dict<K, V>`].
//!
//! Each is the handle of object-core, transparent over it, with a promise about what is in it. Of what
//! does not change the promise is checked once, when a value becomes one; of what every frontend may
//! change, at each look, so that those answer a `Result` that names the element.
//!
//! With the feature `serde` they go into formats and come back; a sequence inside of another container comes
//! back as an Array, since formats know no lists.
//!
//! ```
//! use rust_binding::containers::{Array, Dict, List};
//! use rust_binding::{Any, Error, IntoAny, Str};
//!
//! let list = List::<i64>::from_iter([1, 2]);
//! list.push(3)?;
//! assert_eq!(list.to_vec()?, [1, 2, 3]);
//!
//! let counts = Dict::<Str, i64>::try_new()?;
//! counts.insert("a", 1)?;
//! assert_eq!(counts.get("a")?, Some(1));
//! assert_eq!(format!("{counts:?}"), r#"{"a": 1}"#);
//!
//! // What is no such container comes back.
//! let mixed: Any = vec![Any::from(1), "two".into_any()?].into_any()?;
//! let (mixed, error) = Array::<i64>::try_cast(mixed).unwrap_err();
//! assert_eq!(error.to_string(), "element 1: expected int, got str");
//! assert!(Array::<Any>::try_cast(mixed).is_ok());
//! # Ok::<(), Error>(())
//! ```

mod array;

mod list;

mod map;

mod dict;

pub use array::Array;
pub use dict::Dict;
pub use list::List;
pub use map::Map;

use object_core::abi::FieldKind;
use object_core::{Any, CastError, Error, Place, RegisterError};

use crate::callee::FromAny;

/// A value that was checked before, or that is checked now, at its place.
pub(crate) fn at<T: FromAny>(value: &Any, place: Place) -> Result<T, CastError> {
    T::try_from(value.view()).map_err(|error| error.at(place))
}

/// Panics with an error's text, for `FromIterator` and `Extend`, which cannot answer one.
pub(crate) fn must<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Containers that make no promise about what a frontend put into them, as fields of an object.
macro_rules! field {
    ($($name:ident<$($given:ty),+> [$($param:ident),*] as $raw:ident),* $(,)?) => {$(
        // SAFETY: transparent over object-core's handle, which is such a field; it promises nothing of
        // what is in it, or looks each time.
        unsafe impl<$($param),*> object_core::FieldType for $name<$($given),+> {
            const KIND: FieldKind = <object_core::$raw as object_core::FieldType>::KIND;

            fn object_type() -> Result<i32, RegisterError> {
                <object_core::$raw as object_core::FieldType>::object_type()
            }
        }

        // SAFETY: as above.
        unsafe impl<$($param),*> object_core::HandleField for $name<$($given),+> {}
    )*};
}
field!(
    List<T> [T] as List, Dict<K, V> [K, V] as Dict, Array<Any> [] as Array, Map<Any, Any> [] as Map,
);

/// What a typed container has whichever it is: its casts, its printed form, its way out.
macro_rules! container {
    ($name:ident<$($param:ident),+> over $raw:ident) => {
        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                Self(self.0.clone(), PhantomData)
            }
        }

        impl<$($param),+> core::fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl<$($param: FromAny),+> $name<$($param),+> {
            /// A value as this, if it is one and what is in it is of the type.
            ///
            /// # Errors
            ///
            /// It is not: the value comes back, and the error says where.
            pub fn try_cast(value: impl Into<Any>) -> Result<Self, (Any, CastError)> {
                let value = value.into();
                match Self::try_from(value.view()) {
                    Ok(cast) => Ok(cast),
                    Err(error) => Err((value, error)),
                }
            }
        }

        impl<$($param),+> $name<$($param),+> {
            /// The same container, without the promise.
            #[must_use]
            pub fn as_untyped(&self) -> &object_core::$raw {
                &self.0
            }

            /// The same container, without the promise, given away.
            #[must_use]
            pub fn into_untyped(self) -> object_core::$raw {
                self.0
            }
        }

        impl<$($param: FromAny),+> TryFrom<AnyView<'_>> for $name<$($param),+> {
            type Error = CastError;

            fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
                let untyped = object_core::$raw::try_from(view)?;
                Self::check(&untyped)?;
                Ok(Self(untyped, PhantomData))
            }
        }

        impl<$($param: FromAny),+> TryFrom<Any> for $name<$($param),+> {
            type Error = CastError;

            fn try_from(value: Any) -> Result<Self, CastError> {
                Self::try_from(value.view())
            }
        }

        #[cfg(feature = "serde")]
        impl<$($param),+> serde::Serialize for $name<$($param),+> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de, $($param: FromAny),+> serde::Deserialize<'de> for $name<$($param),+> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let untyped = object_core::$raw::deserialize(deserializer)?;
                Self::check(&untyped).map_err(serde::de::Error::custom)?;
                Ok(Self(untyped, PhantomData))
            }
        }

        impl<$($param),+> From<$name<$($param),+>> for Any {
            fn from(container: $name<$($param),+>) -> Self {
                container.0.into()
            }
        }

        impl<$($param),+> IntoAny for $name<$($param),+> {
            fn into_any(self) -> Result<Any, Error> {
                Ok(self.0.into())
            }
        }
    };
}
pub(crate) use container;
