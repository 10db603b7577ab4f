//! Why a type was not registered.

use core::fmt;

use crate::table::{register_status};

/// Why a type was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The key is taken by a type with another size, alignment, fields or parent.
    Conflict,
    /// The parent is not registered.
    UnknownParent,
    /// An empty name, a field outside the body, an offset that is not aligned, a field's type that
    /// is not registered.
    BadDescription,
    /// No memory.
    OutOfMemory,
    /// The type table is full.
    TooMany,
    /// Two types have fields of each other's type, so that neither can be registered first.
    Circular,
}

impl RegisterError {
    /// From what the table's `type_register` answered.
    #[must_use]
    pub const fn from_status(status: i32) -> Self {
        match status {
            register_status::CONFLICT => Self::Conflict,
            register_status::UNKNOWN_PARENT => Self::UnknownParent,
            register_status::OUT_OF_MEMORY => Self::OutOfMemory,
            register_status::TOO_MANY => Self::TooMany,
            _ => Self::BadDescription,
        }
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflict => {
                "the type key is already registered with another layout (size, alignment, fields \
                 or parent); use another key"
            }
            Self::UnknownParent => "the parent type is not registered; register it first",
            Self::BadDescription => {
                "the type's description cannot be: a name is empty, or a field lies outside the \
                 body, in its header, or at an offset that is not aligned, or is of a type that is \
                 not registered"
            }
            Self::OutOfMemory => "no memory to register the type",
            Self::Circular => {
                "two types have fields of each other's type; declare one of the fields as an \
                 ObjectRef, which takes any object"
            }
            Self::TooMany => "the type table is full (262144 types)",
        })
    }
}

impl core::error::Error for RegisterError {}
