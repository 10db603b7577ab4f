//! The numbers of types: fixed ones below 128, handed out at run time from there on.
//!
//! Values in an [`Any`](crate::Any) and objects share one number space, so one compare tells what
//! an `Any` holds. The numbers are those of the tvm-ffi C ABI (`docs/abi.md`).

/// No value.
pub const NONE: i32 = 0;
/// An `i64`.
pub const INT: i32 = 1;
/// A `bool`, stored as 0 or 1 in 64 bits.
pub const BOOL: i32 = 2;
/// An `f64`.
pub const FLOAT: i32 = 3;
/// An address that nobody owns.
pub const OPAQUE_PTR: i32 = 4;
/// `const char*`, ends with NUL; only in an [`AnyView`](crate::AnyView).
pub const RAW_STR: i32 = 8;
/// `ByteSlice*`; only in an [`AnyView`](crate::AnyView).
pub const BYTE_SLICE_PTR: i32 = 9;
/// Address of an object pointer that the callee may take (and null); only in an
/// [`AnyView`](crate::AnyView).
pub const RVALUE_REF: i32 = 10;
/// A string of at most 7 bytes, in place.
pub const SMALL_STR: i32 = 11;
/// At most 7 bytes, in place.
pub const SMALL_BYTES: i32 = 12;

/// From here on the value is an object's address.
pub const STATIC_OBJECT_BEGIN: i32 = 64;
/// The root of all object types.
pub const OBJECT: i32 = 64;
/// A string object.
pub const STR: i32 = 65;
/// A bytes object.
pub const BYTES: i32 = 66;
/// An error.
pub const ERROR: i32 = 67;
/// A function.
pub const FUNCTION: i32 = 68;
/// An immutable array of values.
pub const ARRAY: i32 = 71;
/// An immutable map.
pub const MAP: i32 = 72;
/// Something of a frontend's that the runtime only carries.
pub const OPAQUE: i32 = 74;
/// A mutable list.
pub const LIST: i32 = 75;
/// A mutable map.
pub const DICT: i32 = 76;

/// In the description of a field, on its way into the table: of the type that is described.
pub const THIS: i32 = -1;

/// The first number handed out at run time.
pub const DYNAMIC_BEGIN: i32 = 128;
/// How many types a runtime can hold, the fixed ones included.
pub const LIMIT: i32 = 1 << 18;

/// Whether a value of this type is an object (a counted pointer).
#[inline]
#[must_use]
pub const fn is_object(type_index: i32) -> bool {
    type_index >= STATIC_OBJECT_BEGIN
}

/// The key of a type below 64, for messages; `None` for objects and unknown numbers.
#[must_use]
pub const fn value_name(type_index: i32) -> Option<&'static str> {
    Some(match type_index {
        NONE => "None",
        INT => "int",
        BOOL => "bool",
        FLOAT => "float",
        OPAQUE_PTR => "pointer",
        RAW_STR | SMALL_STR => "str",
        BYTE_SLICE_PTR | SMALL_BYTES => "bytes",
        RVALUE_REF => "moved object",
        _ => return None,
    })
}
