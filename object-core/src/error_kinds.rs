//! What can go wrong below the level of [`Error`](crate::Error) objects.

use core::fmt;

pub use alloc_header::AllocError;

pub(crate) use crate::register_error::RegisterError;

/// Why an object was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewError {
    /// The backing had no block.
    Alloc(AllocError),
    /// The object's type could not be registered.
    Register(RegisterError),
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc(error) => error.fmt(f),
            Self::Register(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for NewError {}

impl From<AllocError> for NewError {
    fn from(error: AllocError) -> Self {
        Self::Alloc(error)
    }
}

impl From<RegisterError> for NewError {
    fn from(error: RegisterError) -> Self {
        Self::Register(error)
    }
}

/// An object was not made; the value that was to become one comes back.
pub struct PlaceError<T> {
    /// The value, as it was handed in.
    pub value: T,
    /// Why.
    pub cause: NewError,
}

impl<T> fmt::Debug for PlaceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaceError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for PlaceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> core::error::Error for PlaceError<T> {}

/// A container gained or lost something, or moved it, after the version that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed;

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the container changed while it was iterated")
    }
}

impl core::error::Error for Changed {}

/// Where in a container a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The element at this index.
    Element(usize),
    /// The key of this pair, counted from 0.
    Key(usize),
    /// The value of this pair, counted from 0.
    Value(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(at) => write!(f, "element {at}"),
            Self::Key(at) => write!(f, "key {at}"),
            Self::Value(at) => write!(f, "value {at}"),
        }
    }
}

/// A value is not of the type that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CastError {
    expected: &'static str,
    got: i32,
    place: Option<Place>,
    or_none: bool,
}

impl CastError {
    pub(crate) const fn new(expected: &'static str, got: i32) -> Self {
        Self { expected, got, place: None, or_none: false }
    }

    /// The same error, where None would have done too.
    pub(crate) const fn or_none(self) -> Self {
        Self { or_none: true, ..self }
    }

    /// The same error, of a value in a container: the message begins with its place.
    #[must_use]
    pub const fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// What was asked for.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// The number of the type that came.
    #[must_use]
    pub const fn got(&self) -> i32 {
        self.got
    }

    /// Where in a container the value is; `None` if it is in none.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.place
    }
}

impl fmt::Display for CastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        let or_none = if self.or_none { " or None" } else { "" };
        write!(f, "expected {}{or_none}, got {}", self.expected, crate::types::TypeName(self.got))
    }
}

impl core::error::Error for CastError {}
