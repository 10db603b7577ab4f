//! [`Str`] and [`Bytes`]: short ones in the value itself, longer ones in an object.
//!
//! ```text
//! up to 7 bytes   { type: SMALL_STR, len, b0..b6 }                         no allocation
//! longer          { type: STR, 0, * } -> [ header | data * | size | bytes ... 0 ]
//!                                                    \__________/\__ data points here
//! ```

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::abi::{AnyValue, ByteSlice, RawAny};
use crate::arc::ObjectArc;
use crate::error_kinds::{NewError, RegisterError};
use crate::header::ObjectHeader;
use crate::items::ItemsHead;
use crate::object::Object;
use crate::raw_bytes::{TEXT_OFFSET, raw_bytes};
use crate::slots::{raw_dec, raw_inc};
use crate::type_index;

/// The longest text or bytes that fit into a value.
pub const SMALL_MAX: usize = 7;

macro_rules! byte_object {
    ($(#[$doc:meta])* $object:ident, $number:ident) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug)]
        pub struct $object {
            header: ObjectHeader,
            data: *const u8,
            size: usize,
        }

        // SAFETY: the bytes are immutable once the object is shared.
        unsafe impl Send for $object {}
        // SAFETY: as above.
        unsafe impl Sync for $object {}

        // SAFETY: repr(C), header first, a fixed type.
        unsafe impl Object for $object {
            const HAS_ITEMS: bool = true;

            fn type_index() -> Result<i32, RegisterError> {
                Ok(type_index::$number)
            }
        }

        // SAFETY: `size` is private and written by `set_items` only; one byte more than `size`
        // is laid, a NUL for C.
        unsafe impl ItemsHead for $object {
            type Item = u8;

            fn len(&self) -> usize {
                self.size
            }

            unsafe fn set_items(&mut self, items: NonNull<u8>, len: usize) {
                self.data = items.as_ptr();
                self.size = len - 1;
            }
        }

        impl $object {
            fn waiting() -> Self {
                Self { header: ObjectHeader::new(), data: core::ptr::null(), size: 0 }
            }

            /// The bytes, without the NUL behind them.
            #[must_use]
            pub fn bytes(&self) -> &[u8] {
                let bytes = ByteSlice { data: self.data, len: self.size };
                // SAFETY: set by the constructor to bytes that live as long as the object.
                unsafe { bytes.as_bytes() }
            }
        }
    };
}

byte_object!(
    /// A string object: UTF-8, with a NUL behind it.
    StrObj,
    STR
);
byte_object!(
    /// A bytes object, with a NUL behind it.
    BytesObj,
    BYTES
);

const _: () = {
    use static_assertions::const_assert_eq;
    const_assert_eq!(core::mem::offset_of!(StrObj, data), TEXT_OFFSET);
    const_assert_eq!(core::mem::offset_of!(BytesObj, data), TEXT_OFFSET);
};

/// `bytes` as a value: in place if short, else in an object of type `large`.
fn pack(bytes: &[u8], small: i32, large: i32) -> Result<RawAny, NewError> {
    if bytes.len() <= SMALL_MAX {
        let mut value = [0u8; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        let small_len = bytes.len() as u32;
        return Ok(RawAny { type_index: small, small_len, value: AnyValue { bytes: value } });
    }
    let byte = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let object: NonNull<ObjectHeader> = if large == type_index::STR {
        let made = ObjectArc::try_with_items(StrObj::waiting(), bytes.len() + 1, byte);
        ObjectArc::into_raw(made.map_err(|error| error.cause)?).cast()
    } else {
        let made = ObjectArc::try_with_items(BytesObj::waiting(), bytes.len() + 1, byte);
        ObjectArc::into_raw(made.map_err(|error| error.cause)?).cast()
    };
    Ok(RawAny::object(large, object.as_ptr()))
}

/// Where the text of `text` lies, by `text`'s own provenance: no reference is made, so the address
/// is good as long as the place (a short text) or the object (a longer one) is.
///
/// # Safety
///
/// `text` points to a live value.
pub(crate) unsafe fn text_place(text: *const Str) -> ByteSlice {
    // SAFETY: the caller's contract; a Str is transparent over a RawAny.
    unsafe {
        let raw = text.cast::<RawAny>();
        if (*raw).type_index == type_index::STR {
            let object = (*raw).value.object.cast::<StrObj>();
            ByteSlice { data: (*object).data, len: (*object).size }
        } else {
            ByteSlice { data: (&raw const (*raw).value).cast(), len: (*raw).small_len as usize }
        }
    }
}

macro_rules! byte_value {
    ($(#[$doc:meta])* $name:ident, $small:ident, $large:ident) => {
        $(#[$doc])*
        ///
        /// # Invariants
        ///
        /// Holds a value of its two types, and owns the object if it is one.
        #[repr(transparent)]
        pub struct $name(RawAny);

        impl $name {
            /// The empty one; allocates nothing.
            pub const EMPTY: Self = Self(RawAny {
                type_index: type_index::$small,
                small_len: 0,
                value: AnyValue { int: 0 },
            });

            /// Takes over an owned value.
            ///
            /// # Safety
            ///
            /// It is of one of the two types (and UTF-8, if a string), and the caller gives it away.
            #[must_use]
            pub const unsafe fn from_raw(raw: RawAny) -> Self {
                Self(raw)
            }

            /// Gives the value to the caller.
            #[must_use]
            pub fn into_raw(this: Self) -> RawAny {
                core::mem::ManuallyDrop::new(this).0
            }

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                // SAFETY: our object outlives the borrow.
                unsafe { raw_bytes(&self.0) }.unwrap_or(&[])
            }
        }

        impl Clone for $name {
            fn clone(&self) -> Self {
                // SAFETY: alive by the type invariant; the clone owns the reference just taken.
                unsafe { raw_inc(&self.0) };
                Self(self.0)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: ours by the type invariant.
                unsafe { raw_dec(&self.0) };
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::EMPTY
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.as_bytes().cmp(other.as_bytes())
            }
        }
    };
}

byte_value!(
    /// An immutable string, 16 bytes: up to 7 bytes of UTF-8 in place, longer ones shared.
    Str,
    SMALL_STR,
    STR
);
byte_value!(
    /// Immutable bytes, 16 bytes: up to 7 in place, more of them shared.
    Bytes,
    SMALL_BYTES,
    BYTES
);

impl Str {
    /// A copy of `text`.
    ///
    /// # Errors
    ///
    /// No memory (never for up to 7 bytes).
    pub fn try_new(text: &str) -> Result<Self, NewError> {
        // INVARIANT: `pack` answers one of the two types, owned; UTF-8 because a `str` is.
        pack(text.as_bytes(), type_index::SMALL_STR, type_index::STR).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Foreign code may have written the bytes: check, rather than trust, what is not ours.
        core::str::from_utf8(self.as_bytes()).unwrap_or("<not UTF-8>")
    }
}

impl Bytes {
    /// A copy of `bytes`.
    ///
    /// # Errors
    ///
    /// No memory (never for up to 7 bytes).
    pub fn try_new(bytes: &[u8]) -> Result<Self, NewError> {
        // INVARIANT: `pack` answers one of the two types, owned.
        pack(bytes, type_index::SMALL_BYTES, type_index::BYTES).map(Self)
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl core::hash::Hash for Str {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl core::hash::Hash for Bytes {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().fmt(f)
    }
}

#[cfg(feature = "infallible")]
impl From<&str> for Str {
    /// # Panics
    ///
    /// No memory; [`try_new`](Str::try_new) says so instead.
    fn from(text: &str) -> Self {
        Self::try_new(text).expect("no memory for a string")
    }
}

#[cfg(feature = "infallible")]
impl From<&[u8]> for Bytes {
    /// # Panics
    ///
    /// No memory; [`try_new`](Bytes::try_new) says so instead.
    fn from(bytes: &[u8]) -> Self {
        Self::try_new(bytes).expect("no memory for bytes")
    }
}
