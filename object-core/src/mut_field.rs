//! [`MutField`]: a field that can change while others read it.
//!
//! # Why no data race is possible from safe code
//!
//! The value lies in an `UnsafeCell` that nobody can borrow: it is only ever copied out, copied in or
//! exchanged, here and by reflection, and both go by the field's kind.
//!
//! - **Scalars** (integers, floats, bool) are atomics of their size, relaxed: a reader sees one value or the
//!   other, never half of each. They order nothing else; publish other data through a reference.
//! - **References** (objects, weak references, strings, `Any`) are read and exchanged under the slot lock, a
//!   bit in the owner's header that every language takes (`slots`). The reader takes its own reference
//!   under the lock, so what it gets is alive. The lock's release and acquire also order what was
//!   written into an object before it was stored.
//!
//! The lock is the object's own, so it holds with the GIL, without it, and with no Python at all. Old values
//! are dropped after the lock is free: a destructor may touch the same field.
//!
//! A method takes the owner because the lock is the owner's; a field that is not the owner's panics.
//! While the owner is unique, or was not placed yet, `&mut` is exclusive as everywhere in Rust.

use core::any::TypeId;
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use crate::abi::{FieldInfo, FieldKind, RawAny, field_flags};
use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{CastError, RegisterError};
use crate::errors::Error;
use crate::field::{FieldType, convert_for, read_field, write_field};
use crate::header::ObjectHeader;
use crate::object::Object;
use crate::optional::Optional;
use crate::refs::inc_weak;
use crate::slots::{any_slot_load, any_slot_swap, raw_dec, slot_load, slot_store, weak_slot_copy};
use crate::str::{Bytes, Str};
use crate::type_index as index;

/// What a [`MutField`] can hold: every [`FieldType`], and the `Option` of what an [`Optional`] holds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field that frontends see",
    label = "no kind of field",
    note = "fields are integers up to 64 bits, `f32`, `f64`, `bool`, `Str`, `Bytes`, each also as an `Option`, \
            `Any`, `Array`, `List`, `Map`, `Dict`, `Function`, `Error`, `ObjectArc<T>`, these also as an `Option`, and \
            `WeakObjectArc<T>`"
)]
pub trait MutValue: Sized {
    /// What lies in the object.
    type Field: FieldType;

    /// As it lies there.
    #[doc(hidden)]
    fn into_field(self) -> Self::Field;

    /// As it is read.
    #[doc(hidden)]
    fn from_field(field: Self::Field) -> Self;
}

impl<F: FieldType> MutValue for F {
    type Field = F;

    fn into_field(self) -> F {
        self
    }

    fn from_field(field: F) -> F {
        field
    }
}

macro_rules! optional_values {
    ($($value:ty),* $(,)?) => {$(
        impl MutValue for Option<$value> {
            type Field = Optional<$value>;

            fn into_field(self) -> Optional<$value> {
                self.into()
            }

            fn from_field(field: Optional<$value>) -> Self {
                field.into()
            }
        }
    )*};
}
optional_values!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool, Str, Bytes);

/// A field of type `F` that can change while others read it.
///
/// # Invariants
///
/// After the owner was placed, the value is reached through [`read_field`] and [`write_field`] only.
#[repr(transparent)]
#[derive(Debug)]
pub struct MutField<F: MutValue>(UnsafeCell<F::Field>);

// SAFETY: by the type invariant every access is atomic or under the owner's slot lock.
unsafe impl<F: MutValue> Sync for MutField<F> where F::Field: Send {}

// SAFETY: transparent over its field.
unsafe impl<F: MutValue> FieldType for MutField<F> {
    const KIND: FieldKind = F::Field::KIND;
    const VALUE: Option<FieldKind> = F::Field::VALUE;
    const FLAGS: u32 = F::Field::FLAGS & !field_flags::FROZEN;

    fn object_type() -> Result<i32, RegisterError> {
        F::Field::object_type()
    }

    fn is_object_of(rust_type: TypeId) -> bool {
        F::Field::is_object_of(rust_type)
    }
}

impl<F: MutValue> MutField<F> {
    /// A field with its first value.
    #[must_use]
    pub fn new(value: F) -> Self {
        Self::from_field(value.into_field())
    }

    /// A field with its first value, as it lies in the object; for constants.
    #[must_use]
    pub const fn from_field(value: F::Field) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the field lies in its owner.
    fn offset_in<O: Object>(&self, owner: &ObjectArc<O>) -> usize {
        let start = ObjectArc::as_ptr(owner).as_ptr().addr();
        let offset = core::ptr::from_ref(self).addr().wrapping_sub(start);
        let end = offset.checked_add(size_of::<F::Field>());
        assert!(
            offset >= size_of::<ObjectHeader>() && end.is_some_and(|end| end <= size_of::<O>()),
            "the field is not one of this object's: pass the object that the field is in"
        );
        // Where an i64 is aligned to 4 its atomic is not; the type table refuses such a field too.
        assert!(offset % F::Field::KIND.align() == 0, "the field must be aligned as its kind asks");
        offset
    }

    /// The field as reflection knows it.
    fn info<O: Object>(&self, owner: &ObjectArc<O>) -> FieldInfo {
        info_of::<Self>(self.offset_in(owner) as u32, F::Field::object_type().unwrap_or(index::OBJECT))
    }

    /// A copy of the value: the old one or the new one while another thread replaces it, alive.
    ///
    /// # Panics
    ///
    /// `owner` is not the object that the field is in.
    #[must_use]
    pub fn load<O: Object>(&self, owner: &ObjectArc<O>) -> F {
        let header = ObjectArc::header(owner);
        let place = self.place(owner);
        // SAFETY: an `F` lies at the place, stored as its kind says and changed in the same way; the
        // words read are one, with references of their own.
        F::from_field(unsafe {
            match F::Field::KIND {
                FieldKind::I8 | FieldKind::U8 | FieldKind::Bool => {
                    take_as(AtomicU8::from_ptr(place.cast()).load(Ordering::Relaxed))
                }
                FieldKind::I16 | FieldKind::U16 => {
                    take_as(AtomicU16::from_ptr(place.cast()).load(Ordering::Relaxed))
                }
                FieldKind::I32 | FieldKind::U32 | FieldKind::F32 => {
                    take_as(AtomicU32::from_ptr(place.cast()).load(Ordering::Relaxed))
                }
                FieldKind::I64 | FieldKind::U64 | FieldKind::F64 => {
                    take_as(AtomicU64::from_ptr(place.cast()).load(Ordering::Relaxed))
                }
                FieldKind::Str | FieldKind::Bytes | FieldKind::Any => {
                    take_as(any_slot_load(header, place.cast()))
                }
                FieldKind::Object => {
                    let object = slot_load(header, place.cast());
                    take_as(object.map_or(null_mut(), NonNull::as_ptr))
                }
                FieldKind::Weak => take_as(weak_slot_copy(header, place.cast())),
            }
        })
    }

    /// Replaces the value; the old one is dropped outside of any lock.
    ///
    /// # Panics
    ///
    /// `owner` is not the object that the field is in.
    pub fn store<O: Object>(&self, owner: &ObjectArc<O>, value: F) {
        drop(self.swap(owner, value));
    }

    /// Replaces the value and returns the old one, in one step.
    ///
    /// # Panics
    ///
    /// `owner` is not the object that the field is in.
    #[must_use = "`store` drops the old value"]
    pub fn swap<O: Object>(&self, owner: &ObjectArc<O>, value: F) -> F {
        let header = ObjectArc::header(owner);
        let place = self.place(owner);
        let value = value.into_field();
        // SAFETY: as in `load`; the new value's bytes, references included, move into the field, the
        // old one's out of it.
        F::from_field(unsafe {
            match F::Field::KIND {
                FieldKind::I8 | FieldKind::U8 | FieldKind::Bool => take_as(
                    AtomicU8::from_ptr(place.cast()).swap(take_as(value), Ordering::Relaxed),
                ),
                FieldKind::I16 | FieldKind::U16 => take_as(
                    AtomicU16::from_ptr(place.cast()).swap(take_as(value), Ordering::Relaxed),
                ),
                FieldKind::I32 | FieldKind::U32 | FieldKind::F32 => take_as(
                    AtomicU32::from_ptr(place.cast()).swap(take_as(value), Ordering::Relaxed),
                ),
                FieldKind::I64 | FieldKind::U64 | FieldKind::F64 => take_as(
                    AtomicU64::from_ptr(place.cast()).swap(take_as(value), Ordering::Relaxed),
                ),
                FieldKind::Str | FieldKind::Bytes | FieldKind::Any => {
                    take_as(any_slot_swap(header, place.cast(), take_as(value)))
                }
                FieldKind::Object | FieldKind::Weak => {
                    take_as(slot_store(header, place.cast(), take_as(value)))
                }
            }
        })
    }

    /// The field's address, by the owner's pointer: it may be written, which one made of `&self` may
    /// only inside of the cell.
    fn place<O: Object>(&self, owner: &ObjectArc<O>) -> *mut F::Field {
        let offset = self.offset_in(owner);
        // SAFETY: inside the body, checked there.
        unsafe { ObjectArc::as_ptr(owner).as_ptr().byte_add(offset).cast() }
    }

    /// A copy of the value as a `V`: [`load`](Self::load) and a conversion.
    ///
    /// # Errors
    ///
    /// The stored value is no `V`.
    ///
    /// # Panics
    ///
    /// `owner` is not the object that the field is in.
    pub fn get<O: Object, V>(&self, owner: &ObjectArc<O>) -> Result<V, Error>
    where
        V: for<'a> TryFrom<AnyView<'a>, Error = CastError>,
    {
        // SAFETY: the info was made of this field's own place and type.
        let value = unsafe { read_field(ObjectArc::as_ptr(owner).cast(), &self.info(owner)) };
        value.get::<V>().map_err(Error::from)
    }

    /// Replaces the value by one that is converted, as frontends do; the old one is dropped outside of
    /// any lock. [`store`](Self::store) takes what needs no conversion.
    ///
    /// # Errors
    ///
    /// The value does not fit the field; it keeps the old one.
    ///
    /// # Panics
    ///
    /// `owner` is not the object that the field is in.
    pub fn set<O: Object>(&self, owner: &ObjectArc<O>, value: impl Into<Any>) -> Result<(), Error> {
        let value = value.into();
        // SAFETY: the info was made of this field's own place and type, and it is a mutable field.
        unsafe { write_field(ObjectArc::as_ptr(owner).cast(), &self.info(owner), value.view()) }
    }
}

impl<F: MutValue + Default> Default for MutField<F> {
    fn default() -> Self {
        Self::new(F::default())
    }
}

/// A field's description, without a name.
const fn info_of<F: FieldType>(offset: u32, type_index: i32) -> FieldInfo {
    FieldInfo {
        name: crate::abi::ByteSlice::EMPTY,
        doc: crate::abi::ByteSlice::EMPTY,
        offset,
        kind: F::KIND as u8,
        value_kind: match F::VALUE {
            Some(kind) => kind as u8,
            None => 0,
        },
        reserved: [0; 2],
        flags: F::FLAGS,
        type_index,
    }
}

/// The same bytes as another type; what they own goes with them.
///
/// # Safety
///
/// They are a value of that type.
unsafe fn take_as<T, U>(value: T) -> U {
    debug_assert_eq!(size_of::<T>(), size_of::<U>(), "a kind of field has one size");
    let value = ManuallyDrop::new(value);
    // SAFETY: of one size, and a `U` by the caller's contract; the original is forgotten.
    unsafe { core::mem::transmute_copy(&*value) }
}

/// A value as a field of type `F` stores it, for code that fills a struct.
///
/// # Errors
///
/// `TypeError` or `OverflowError`, as [`convert_for`] says; `ValueError` for an object type that was
/// refused.
pub fn field_value<F: FieldType>(view: AnyView<'_>) -> Result<F, Error> {
    let value = convert_for(&info_of::<F>(0, F::object_type()?), view)?;
    let raw = Any::into_raw(value);
    // SAFETY: `convert_for` answers an owned value of the field's kind, and an object of its type.
    unsafe {
        Ok(match F::KIND {
            FieldKind::I8 | FieldKind::U8 | FieldKind::Bool => take_as(raw.value.int as u8),
            FieldKind::I16 | FieldKind::U16 => take_as(raw.value.int as u16),
            FieldKind::I32 | FieldKind::U32 => take_as(raw.value.int as u32),
            FieldKind::I64 | FieldKind::U64 => take_as(raw.value.int),
            FieldKind::F32 => take_as(raw.value.float as f32),
            FieldKind::F64 => take_as(raw.value.float),
            FieldKind::Str | FieldKind::Bytes | FieldKind::Any => take_as::<RawAny, F>(raw),
            FieldKind::Object => take_as(raw.as_object().map_or(null_mut(), NonNull::as_ptr)),
            FieldKind::Weak => {
                let object = raw.as_object();
                if let Some(object) = object {
                    inc_weak(object);
                }
                raw_dec(&raw); // the strong reference has served
                take_as(object.map_or(null_mut::<ObjectHeader>(), NonNull::as_ptr))
            }
        })
    }
}
