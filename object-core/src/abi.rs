//! The structs that libraries share byte by byte. `docs/abi.md` documents each; they change only
//! with the major version, the runtime table alone grows at its end with the minor one.

use core::ffi::c_void;
use core::mem::offset_of;

use static_assertions::const_assert_eq;

use crate::header::ObjectHeader;

/// A borrowed run of bytes, UTF-8 where it is text. `data` may be null when `len` is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ByteSlice {
    /// First byte.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

// SAFETY: a ByteSlice is an address and a length; who dereferences it argues for that.
unsafe impl Send for ByteSlice {}
// SAFETY: as above.
unsafe impl Sync for ByteSlice {}

impl ByteSlice {
    /// The empty run.
    pub const EMPTY: Self = Self { data: core::ptr::null(), len: 0 };

    /// Borrows `bytes`; the lifetime is the caller's to keep.
    #[must_use]
    pub const fn new(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    ///
    /// `data` and `len` name bytes that stay readable and unchanged for `'a`.
    #[must_use]
    pub const unsafe fn as_bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the caller's contract.
        unsafe { core::slice::from_raw_parts(self.data, self.len) }
    }

    /// The text; bytes that are no UTF-8 come out as a remark, never as undefined behaviour.
    ///
    /// # Safety
    ///
    /// As [`as_bytes`](Self::as_bytes).
    #[must_use]
    pub const unsafe fn as_str<'a>(self) -> &'a str {
        // SAFETY: the caller's contract.
        match core::str::from_utf8(unsafe { self.as_bytes() }) {
            Ok(text) => text,
            Err(_) => "<not UTF-8>",
        }
    }
}

/// The eight bytes of a value; which field holds is told by the type index beside them.
#[repr(C)]
#[derive(Clone, Copy)]
pub union AnyValue {
    /// `INT`, `BOOL`.
    pub int: i64,
    /// `FLOAT`.
    pub float: f64,
    /// Objects.
    pub object: *mut ObjectHeader,
    /// `OPAQUE_PTR`, `RAW_STR`, `BYTE_SLICE_PTR`, `RVALUE_REF`.
    pub pointer: *mut c_void,
    /// `SMALL_STR`, `SMALL_BYTES`: the length stands in `small_len`.
    pub bytes: [u8; 8],
}

/// A value of any type: 16 bytes, aligned to 8. Whether it owns its object is said by who holds it.
// align(8): an i64 alone is aligned to 4 on some 32-bit targets.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct RawAny {
    /// What the value is.
    pub type_index: i32,
    /// Length of a small string or bytes; 0 for everything else.
    pub small_len: u32,
    /// The value.
    pub value: AnyValue,
}

const_assert_eq!(size_of::<RawAny>(), 16);
const_assert_eq!(align_of::<RawAny>(), 8);
const_assert_eq!(offset_of!(RawAny, small_len), 4);
const_assert_eq!(offset_of!(RawAny, value), 8);

// SAFETY: a RawAny is bytes; objects behind it are Send and Sync by the `Object` contract, and who
// reads the value argues for that.
unsafe impl Send for RawAny {}
// SAFETY: as above.
unsafe impl Sync for RawAny {}

impl core::fmt::Debug for RawAny {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // SAFETY: every bit pattern is an i64.
        let bits = unsafe { self.value.int };
        write!(f, "RawAny(type {}, len {}, {bits:#x})", self.type_index, self.small_len)
    }
}

impl RawAny {
    /// No value.
    pub const NONE: Self =
        Self { type_index: crate::type_index::NONE, small_len: 0, value: AnyValue { int: 0 } };

    /// An object's address; the caller says whether a reference goes with it.
    #[inline]
    #[must_use]
    pub const fn object(type_index: i32, object: *mut ObjectHeader) -> Self {
        // On 32-bit targets the upper half of the eight bytes is zero as well.
        let mut raw = Self { type_index, ..Self::NONE };
        raw.value.object = object;
        raw
    }

    /// An integer.
    #[inline]
    #[must_use]
    pub const fn int(value: i64) -> Self {
        Self { type_index: crate::type_index::INT, small_len: 0, value: AnyValue { int: value } }
    }

    /// A float.
    #[inline]
    #[must_use]
    pub const fn float(value: f64) -> Self {
        let type_index = crate::type_index::FLOAT;
        Self { type_index, small_len: 0, value: AnyValue { float: value } }
    }

    /// A bool.
    #[inline]
    #[must_use]
    pub const fn bool(value: bool) -> Self {
        let type_index = crate::type_index::BOOL;
        Self { type_index, small_len: 0, value: AnyValue { int: value as i64 } }
    }

    /// The object's address, if the value is an object.
    #[inline]
    #[must_use]
    pub const fn as_object(&self) -> Option<core::ptr::NonNull<ObjectHeader>> {
        if crate::type_index::is_object(self.type_index) {
            // SAFETY: the type index says that the pointer field was written; reading an address
            // has no other condition.
            core::ptr::NonNull::new(unsafe { self.value.object })
        } else {
            None
        }
    }
}

/// A packed call: `args` are borrowed for the call, `result` is written once, owned by the caller.
///
/// Returns a [`call_status`]. Never unwinds.
pub type SafeCall = unsafe extern "C" fn(
    function: *mut c_void,
    args: *const RawAny,
    num_args: i32,
    result: *mut RawAny,
) -> i32;

/// What a [`SafeCall`] answers, and a [`LendCall`].
pub mod call_status {
    /// The result is in its place, and the caller's.
    pub const OK: i32 = 0;
    /// An owned `Error` is there.
    pub const FAILED: i32 = 1;
    /// Of a [`LendCall`](super::LendCall) only: an object that lives as long as the caller holds the arguments, and
    /// is not the caller's. No number that anybody fails with by chance ("lent").
    pub const BORROWED: i32 = 0x6C65_6E74;
}

/// A packed call whose result may be borrowed from its arguments: as a [`SafeCall`], which is there beside it, but
/// that it may answer [`BORROWED`](call_status::BORROWED).
pub type LendCall = SafeCall;

/// How a field is stored, and so what a reader may read at its offset.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// 1 byte, signed.
    I8 = 1,
    /// 2 bytes, signed.
    I16 = 2,
    /// 4 bytes, signed.
    I32 = 3,
    /// 8 bytes, signed.
    I64 = 4,
    /// 1 byte, unsigned.
    U8 = 5,
    /// 2 bytes, unsigned.
    U16 = 6,
    /// 4 bytes, unsigned.
    U32 = 7,
    /// 8 bytes, unsigned.
    U64 = 8,
    /// IEEE single.
    F32 = 9,
    /// IEEE double.
    F64 = 10,
    /// One byte, 0 or 1.
    Bool = 11,
    /// A [`RawAny`] that holds a string.
    Str = 12,
    /// A [`RawAny`] that holds bytes.
    Bytes = 13,
    /// A pointer to an object, which owns a strong reference; null is "no value yet", or None if
    /// the field is optional.
    Object = 14,
    /// A pointer to an object, which owns a weak reference; null is None.
    Weak = 15,
    /// A [`RawAny`] that holds anything.
    Any = 16,
}

impl FieldKind {
    /// Every kind, by its number.
    pub const ALL: [Self; 16] = [
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F32,
        Self::F64,
        Self::Bool,
        Self::Str,
        Self::Bytes,
        Self::Object,
        Self::Weak,
        Self::Any,
    ];

    /// Bytes the field takes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::Object | Self::Weak => size_of::<*mut ObjectHeader>(),
            Self::Str | Self::Bytes | Self::Any => size_of::<RawAny>(),
        }
    }

    /// Alignment the field takes.
    #[must_use]
    pub const fn align(self) -> usize {
        match self {
            Self::Str | Self::Bytes | Self::Any => align_of::<RawAny>(),
            other => other.size(),
        }
    }

    /// The kind of a number from a table; `None` for numbers this version does not know.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        let mut i = 0;
        while i < Self::ALL.len() {
            if Self::ALL[i] as u8 == number {
                return Some(Self::ALL[i]);
            }
            i += 1;
        }
        None
    }

    /// Whether the field owns references, and so takes part in dropping and in the slot lock.
    #[must_use]
    pub const fn owns_references(self) -> bool {
        matches!(self, Self::Str | Self::Bytes | Self::Object | Self::Weak | Self::Any)
    }
}

/// Bits of [`FieldInfo::flags`].
pub mod field_flags {
    /// Set once, at construction; readers take no lock.
    pub const FROZEN: u32 = 1;
    /// The field may be None (kinds `Object`, `Str`, `Bytes`, and `Any` with a `value_kind`).
    pub const OPTIONAL: u32 = 1 << 1;
}

/// One field of a type.
///
/// Rust code gets infos from the table, and cannot make its own, for [`name`](Self::name) reads where
/// they point:
///
/// ```compile_fail,E0616
/// use object_core::abi::{ByteSlice, FieldInfo};
///
/// fn forge(mut info: FieldInfo) -> &'static str {
///     info.name = ByteSlice { data: 8 as *const u8, len: 8 };
///     info.name()
/// }
/// ```
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    // Private: `name()` and `doc()` rely on them. C fills them in.
    pub(crate) name: ByteSlice,
    pub(crate) doc: ByteSlice,
    /// Bytes from the body's start.
    pub offset: u32,
    /// A [`FieldKind`] by number.
    pub kind: u8,
    /// For kind `Any` with [`OPTIONAL`](field_flags::OPTIONAL): the kind, by number, of the integer, float or
    /// bool that it holds if it is not None; 0 if that may be anything. For other kinds 0. (Since 1.3.)
    pub value_kind: u8,
    /// 0.
    pub reserved: [u8; 2],
    /// [`field_flags`].
    pub flags: u32,
    /// For objects and weak references: the type it must be an instance of. In a description it may
    /// be [`THIS`](crate::type_index::THIS).
    pub type_index: i32,
}

impl FieldInfo {
    /// Whether it is of a kind that says of which type its objects are.
    pub(crate) const fn names_type(&self) -> bool {
        self.kind == FieldKind::Object as u8 || self.kind == FieldKind::Weak as u8
    }
}

/// Bits of [`MethodInfo::flags`].
pub mod method_flags {
    /// Called without the object as first argument.
    pub const STATIC: u32 = 1;
}

/// One method of a type. A method named `__new__` (static) constructs: the class call calls it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MethodInfo {
    // Private, as in `FieldInfo`.
    pub(crate) name: ByteSlice,
    pub(crate) doc: ByteSlice,
    /// The function; the type table holds a reference.
    pub function: *mut ObjectHeader,
    /// [`method_flags`].
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// Bits of [`TypeInfo::flags`].
pub mod type_flags {
    /// Bodies are plain fields by the reflected layout and nothing else, so that a frontend can
    /// make, drop and copy them by reflection.
    pub const REFLECTED: u32 = 1;
}

/// What the runtime knows of a type; immutable and alive as long as the process.
#[repr(C)]
#[derive(Debug)]
pub struct TypeInfo {
    /// The type's number.
    pub type_index: i32,
    /// How many ancestors it has; the root has none.
    pub depth: i32,
    /// Its name in the process, such as `crate_graph.Package`.
    pub key: ByteSlice,
    /// Its documentation.
    pub doc: ByteSlice,
    /// `depth` ancestors, the root first, the parent last.
    pub ancestors: *const *const TypeInfo,
    /// Own fields, without the parents'.
    pub fields: *const FieldInfo,
    /// Own methods, without the parents'.
    pub methods: *const MethodInfo,
    /// How many fields.
    pub num_fields: u32,
    /// How many methods.
    pub num_methods: u32,
    /// Bytes of a body, without in-place items; 0 if opaque.
    pub size: u32,
    /// Alignment of a body.
    pub align: u32,
    /// [`type_flags`].
    pub flags: u32,
    // 0. Private, so that only the type table makes infos: their methods rely on the pointers.
    pub(crate) reserved: u32,
    /// A number made of size, alignment, flags, fields and parent: equal for equal layouts.
    pub fingerprint: u64,
}

// SAFETY: immutable after publication; the pointers lead to immutable, leaked memory, and to
// functions, which are Sync.
unsafe impl Send for TypeInfo {}
// SAFETY: as above.
unsafe impl Sync for TypeInfo {}

/// A type on its way into the table; everything is borrowed for the call and copied.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct TypeDesc {
    /// As in [`TypeInfo`].
    pub key: ByteSlice,
    /// As in [`TypeInfo`].
    pub doc: ByteSlice,
    /// The parent's number; [`OBJECT`](crate::type_index::OBJECT) for none.
    pub parent: i32,
    /// As in [`TypeInfo`].
    pub flags: u32,
    /// As in [`TypeInfo`]; with [`REFLECTED`](type_flags::REFLECTED) a header's at least, and the
    /// parent is reflected too.
    pub size: u32,
    /// As in [`TypeInfo`].
    pub align: u32,
    /// As in [`TypeInfo`].
    pub fields: *const FieldInfo,
    /// As in [`TypeInfo`]; functions are borrowed, the table takes its own references.
    pub methods: *const MethodInfo,
    /// How many fields.
    pub num_fields: u32,
    /// How many methods.
    pub num_methods: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    // What is private is pinned here, the rest in `tests/layout_abi.rs`.
    const_assert_eq!(offset_of!(FieldInfo, name), 0);
    const_assert_eq!(offset_of!(FieldInfo, doc), 16);
    const_assert_eq!(offset_of!(MethodInfo, name), 0);
    const_assert_eq!(offset_of!(MethodInfo, doc), 16);
    const_assert_eq!(offset_of!(TypeInfo, reserved), 84);
};
