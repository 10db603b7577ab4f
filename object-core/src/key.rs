//! What makes two values one key: as Python has it.
//!
//! `1`, `1.0` and `True` are one key, `0.0` and `-0.0` too, and every NaN equals every NaN. An int and
//! a float are equal if they are the same number, exactly: `2**53 + 1` is not `2.0**53`. Strings and
//! bytes compare by content, however they are stored, and so do arrays, as the tuples that they are:
//! item by item, each as a key. Other objects are themselves, and nothing else is; a carrier is what it
//! carries.

use core::hash::{Hash, Hasher};
use core::ptr::NonNull;

use crate::abi::RawAny;
use crate::header::ObjectHeader;
use crate::raw_bytes::raw_bytes;
use crate::type_index as index;

/// What carriers begin with.
#[repr(C)]
struct CarrierHead {
    header: ObjectHeader,
    carried: *mut core::ffi::c_void,
}

/// Where a carrier says what it carries.
pub(crate) const CARRIED_OFFSET: usize = core::mem::offset_of!(CarrierHead, carried);

/// What arrays begin with.
#[repr(C)]
struct ArrayHead {
    header: ObjectHeader,
    data: *const RawAny,
    size: i64,
}

/// Where an array says where its items are.
pub(crate) const DATA_OFFSET: usize = core::mem::offset_of!(ArrayHead, data);

/// Where an array says how many they are.
pub(crate) const SIZE_OFFSET: usize = core::mem::offset_of!(ArrayHead, size);

/// Arrays in arrays are compared by content this deep; below they are themselves, so that no nesting
/// overflows the stack, and one array at two places in each of many levels is not looked at for ever.
const DEEPEST: u32 = 16;

/// The items of an array as keys, at its depth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Items<'a> {
    items: &'a [RawAny],
    depth: u32,
}

impl<'a> Items<'a> {
    fn keys(self) -> impl Iterator<Item = Option<Key<'a>>> {
        // SAFETY: an array's items live as long as it does.
        self.items.iter().map(move |item| unsafe { Key::at(item, self.depth + 1) })
    }
}

impl PartialEq for Items<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.items.len() == other.items.len() && self.keys().eq(other.keys())
    }
}

impl Eq for Items<'_> {}

impl Hash for Items<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.items.len().hash(state);
        self.keys().for_each(|key| key.hash(state));
    }
}

/// A value as a key. Equality and hash are derived: each number has one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    None,
    Int(i64),
    /// The bits of a float that is no `i64`; one pattern for all NaNs.
    Float(u64),
    Str(&'a [u8]),
    Bytes(&'a [u8]),
    Array(Items<'a>),
    Pointer(usize),
    Object(usize),
    Carried(usize),
}

impl<'a> Key<'a> {
    /// The key that a value is; `None` for values that are none: a reference on the move, a null
    /// address, a number that is not used.
    ///
    /// # Safety
    ///
    /// What `raw` points to outlives the borrow.
    pub(crate) unsafe fn of(raw: &'a RawAny) -> Option<Self> {
        // SAFETY: the caller's contract.
        unsafe { Self::at(raw, 0) }
    }

    /// # Safety
    ///
    /// As [`of`](Self::of).
    unsafe fn at(raw: &'a RawAny, depth: u32) -> Option<Self> {
        // SAFETY: in the whole match the type says which field of the value was written.
        unsafe {
            Some(match raw.type_index {
                index::NONE => Self::None,
                index::INT | index::BOOL => Self::Int(raw.value.int),
                index::FLOAT => Self::of_float(raw.value.float),
                index::OPAQUE_PTR => Self::Pointer(raw.value.pointer.addr()),
                index::STR | index::SMALL_STR => Self::Str(raw_bytes(raw)?),
                index::BYTES | index::SMALL_BYTES | index::BYTE_SLICE_PTR => {
                    Self::Bytes(raw_bytes(raw)?)
                }
                // As it is copied: what is no UTF-8 becomes bytes.
                index::RAW_STR => match raw_bytes(raw)? {
                    text if core::str::from_utf8(text).is_ok() => Self::Str(text),
                    bytes => Self::Bytes(bytes),
                },
                index::OPAQUE => {
                    let carrier = raw.as_object()?.cast::<CarrierHead>();
                    Self::Carried((*carrier.as_ptr()).carried.addr())
                }
                index::ARRAY if depth < DEEPEST => {
                    let array = raw.as_object()?.cast::<ArrayHead>().as_ref();
                    let items = match NonNull::new(array.data.cast_mut()) {
                        Some(data) => core::slice::from_raw_parts(data.as_ptr(), array.size as usize),
                        None => &[],
                    };
                    Self::Array(Items { items, depth })
                }
                _ => Self::Object(raw.as_object()?.addr().get()),
            })
        }
    }

    fn of_float(value: f64) -> Self {
        /// 2^63, exactly: the first float above every `i64`.
        const ABOVE: f64 = 9_223_372_036_854_775_808.0;
        if (-ABOVE..ABOVE).contains(&value) {
            // Truncates; the way back is exact, so it is equal for whole numbers only.
            let whole = value as i64;
            if whole as f64 == value {
                return Self::Int(whole);
            }
        }
        Self::Float(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
    }
}
