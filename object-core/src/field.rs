//! Fields as the type table knows them: which Rust types can be one, and reading and writing them
//! by reflection.
//!
//! A plain Rust field (`i64`, `Str`, `ObjectArc<T>`) is *frozen*: safe code reads it through `&T`
//! without a lock, so nobody may ever write it. A field that can change is a
//! [`MutField`](crate::MutField).

use core::any::TypeId;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use crate::abi::{FieldInfo, FieldKind, RawAny, field_flags};
use crate::any::{Any, AnyView};
use crate::arc::{ObjectArc, ObjectRef};
use crate::array::Array;
use crate::error_kinds::{CastError, RegisterError};
use crate::errors::Error;
use crate::dict::Dict;
use crate::function::Function;
use crate::header::ObjectHeader;
use crate::items::ItemsLen;
use crate::list::List;
use crate::map::Map;
use crate::object::Object;

use crate::refs::inc_weak;
use crate::slots::{
    any_slot_load, any_slot_swap, drop_strong, drop_weak, raw_dec, raw_inc, slot_load, slot_store,
    weak_slot_load,
};
use crate::str::{Bytes, Str};
use crate::type_index as index;
use crate::types::TypeName;
use crate::values::narrow;
use crate::weak::WeakObjectArc;

/// A Rust type that can be a reflected field.
///
/// Integers up to 64 bits, `f32`, `f64`, `bool`, [`Str`], [`Bytes`], [`Any`], [`ObjectArc<T>`] and
/// [`WeakObjectArc<T>`], [`Array`], [`List`], [`Map`], [`Dict`], [`Function`] and [`Error`], the handles also as an `Option`, the
/// others as an [`Optional`](crate::Optional); each of these in a [`MutField`](crate::MutField) if it can change.
///
/// # Safety
///
/// Its layout is `KIND`'s, and any thread may copy it by reference counting as `KIND` says.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field that frontends see",
    label = "no kind of field",
    note = "fields are integers up to 64 bits, `f32`, `f64`, `bool`, `Str`, `Bytes`, `Any`, `Array`, \
            `List`, `Map`, `Dict`, `Function`, `Error`, `ObjectArc<T>`, `Option<ObjectArc<T>>`, `WeakObjectArc<T>`, \
            `Optional` of what is no handle, and `MutField` of these if they can change"
)]
pub unsafe trait FieldType: Sized {
    /// How it is stored.
    const KIND: FieldKind;
    /// Of kind Any: what it holds if it is not None.
    const VALUE: Option<FieldKind> = None;
    /// [`field_flags`].
    const FLAGS: u32 = field_flags::FROZEN;

    /// For objects: the type it must be an instance of.
    ///
    /// # Errors
    ///
    /// The table's refusal of that type.
    fn object_type() -> Result<i32, RegisterError> {
        Ok(index::OBJECT)
    }

    /// Whether that is the Rust type's: a type is still being registered when its fields are asked,
    /// so that one of its own type cannot have the number yet.
    fn is_object_of(_rust_type: TypeId) -> bool {
        false
    }
}

macro_rules! field_types {
    ($($type:ty => $kind:ident),* $(,)?) => {$(
        // SAFETY: the kind is named for this very type.
        unsafe impl FieldType for $type {
            const KIND: FieldKind = FieldKind::$kind;
        }
    )*};
}
field_types!(
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    f32 => F32, f64 => F64, bool => Bool, Str => Str, Bytes => Bytes, Any => Any,
);

// SAFETY: a transparent pointer that owns a strong reference.
#[expect(clippy::needless_maybe_sized, reason = "as at the struct")]
unsafe impl<T: Object + ?Sized> FieldType for ObjectArc<T> {
    const KIND: FieldKind = FieldKind::Object;

    fn object_type() -> Result<i32, RegisterError> {
        T::type_index()
    }

    fn is_object_of(rust_type: TypeId) -> bool {
        rust_type == TypeId::of::<T>()
    }
}

// SAFETY: as above, and not null.
#[expect(clippy::needless_maybe_sized, reason = "as at the struct")]
unsafe impl<T: Object + ?Sized> HandleField for ObjectArc<T> {}

/// A handle, whose `Option` is a field too.
///
/// # Safety
///
/// It is transparent over an [`ObjectArc`].
pub unsafe trait HandleField: FieldType {}

// SAFETY: `None` is null by the null-pointer optimisation of a transparent NonNull, of kind Object.
unsafe impl<H: HandleField> FieldType for Option<H> {
    const KIND: FieldKind = FieldKind::Object;
    const FLAGS: u32 = field_flags::FROZEN | field_flags::OPTIONAL;

    fn object_type() -> Result<i32, RegisterError> {
        H::object_type()
    }

    fn is_object_of(rust_type: TypeId) -> bool {
        H::is_object_of(rust_type)
    }
}

// SAFETY: a transparent pointer, null or owning a weak reference.
#[expect(clippy::needless_maybe_sized, reason = "as at the struct")]
unsafe impl<T: Object + ?Sized> FieldType for WeakObjectArc<T> {
    const KIND: FieldKind = FieldKind::Weak;

    fn object_type() -> Result<i32, RegisterError> {
        T::type_index()
    }

    fn is_object_of(rust_type: TypeId) -> bool {
        rust_type == TypeId::of::<T>()
    }
}

macro_rules! handle_fields {
    ($($handle:ty => $number:ident),* $(,)?) => {$(
        // SAFETY: transparent over an ObjectArc.
        unsafe impl FieldType for $handle {
            const KIND: FieldKind = FieldKind::Object;

            fn object_type() -> Result<i32, RegisterError> {
                Ok(index::$number)
            }
        }

        // SAFETY: as above.
        unsafe impl HandleField for $handle {}
    )*};
}
handle_fields!(
    Array => ARRAY, List => LIST, Map => MAP, Dict => DICT, Function => FUNCTION, Error => ERROR,
);

// SAFETY: one u64, aligned to 8, that does not change once the object is shared.
unsafe impl FieldType for ItemsLen {
    const KIND: FieldKind = FieldKind::U64;
}

/// A field's place in a Rust struct, made by [`field!`](crate::field!).
#[derive(Debug)]
pub struct FieldOf<T, F> {
    offset: usize,
    _of: PhantomData<fn(T) -> F>,
}

impl<T: Object, F: FieldType> FieldOf<T, F> {
    /// # Safety
    ///
    /// An `F` lies at `offset` in a `T`. (`select` only names the type.)
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn at(offset: usize, _select: fn(&T) -> &F) -> Self {
        Self { offset, _of: PhantomData }
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }
}

/// A field of an object struct, for [`TypeBuilder::field`](crate::TypeBuilder::field):
/// `field!(Package, name)`.
#[macro_export]
macro_rules! field {
    ($object:ty, $field:ident) => {{
        let offset = core::mem::offset_of!($object, $field);
        let select: fn(&$object) -> &_ = |object| &object.$field;
        // SAFETY: the offset and the type are those of the same field.
        #[allow(unsafe_code)]
        let field = unsafe { $crate::FieldOf::at(offset, select) };
        field
    }};
}

/// The address of a field.
///
/// # Safety
///
/// The field is one of the object's.
unsafe fn place<T>(object: NonNull<ObjectHeader>, field: &FieldInfo) -> *mut T {
    // SAFETY: inside the body, and aligned: the table checked it at registration.
    unsafe { object.as_ptr().byte_add(field.offset as usize).cast() }
}

/// A copy of a field's value. Null objects are None.
///
/// # Safety
///
/// The object is alive, of the type that `field` belongs to, and the field is initialised.
#[must_use]
pub unsafe fn read_field(object: NonNull<ObjectHeader>, field: &FieldInfo) -> Any {
    // SAFETY: in the whole match the kind tells what lies at the place; scalars are only ever written
    // as atomics of their size, references under the lock unless frozen; what a frozen field or the
    // lock keeps alive can be counted up.
    unsafe {
        let header = object.as_ref();
        match field.kind() {
            Some(FieldKind::I8) => Any::from(load8(object, field) as i8),
            Some(FieldKind::U8) => Any::from(load8(object, field)),
            Some(FieldKind::Bool) => Any::from(load8(object, field) != 0),
            Some(FieldKind::I16) => Any::from(load16(object, field) as i16),
            Some(FieldKind::U16) => Any::from(load16(object, field)),
            Some(FieldKind::I32) => Any::from(load32(object, field) as i32),
            Some(FieldKind::U32) => Any::from(load32(object, field)),
            Some(FieldKind::F32) => Any::from(f64::from(f32::from_bits(load32(object, field)))),
            Some(FieldKind::U64) => unsigned(load64(object, field)),
            Some(FieldKind::I64) => Any::from(load64(object, field) as i64),
            Some(FieldKind::F64) => Any::from(f64::from_bits(load64(object, field))),
            Some(FieldKind::Str | FieldKind::Bytes | FieldKind::Any) => {
                let slot = place::<RawAny>(object, field);
                let value = if field.is_frozen() {
                    raw_inc(&*slot);
                    Any::from_raw(*slot)
                } else {
                    Any::from_raw(any_slot_load(header, slot))
                };
                match field.value_kind() {
                    Some(FieldKind::U64) if value.type_index() == index::INT => {
                        unsigned(value.as_raw().value.int as u64)
                    }
                    _ => value,
                }
            }
            Some(FieldKind::Object) => {
                let slot = place::<*mut ObjectHeader>(object, field);
                let value = if field.is_frozen() {
                    NonNull::new(*slot).map(|value| ObjectRef::from_borrowed(value))
                } else {
                    slot_load(header, slot).map(|value| ObjectRef::from_raw(value))
                };
                Any::from(value)
            }
            Some(FieldKind::Weak) => {
                let slot = place::<*mut ObjectHeader>(object, field);
                Any::from(weak_slot_load(header, slot).map(|value| ObjectRef::from_raw(value)))
            }
            None => Any::NONE,
        }
    }
}

/// A u64 past `i64::MAX` has no value of its own: it comes out as a float.
fn unsigned(value: u64) -> Any {
    i64::try_from(value).map_or_else(|_| Any::from(value as f64), Any::from)
}

/// Checks `value` against a field and returns it as the field stores it.
///
/// # Errors
///
/// `TypeError` or `OverflowError`; the message names what was expected and what came.
pub fn convert_for(field: &FieldInfo, value: AnyView<'_>) -> Result<Any, Error> {
    let nullable = field.is_optional() || field.kind() == Some(FieldKind::Weak);
    if nullable && value.type_index() == index::NONE {
        return Ok(Any::NONE);
    }
    let or_none = |error: CastError| if nullable { error.or_none() } else { error };
    let limits = |low: i64, high: i64| {
        let wide = i64::try_from(value).map_err(or_none)?;
        if (low..=high).contains(&wide) {
            return Ok(Any::from(wide));
        }
        Err(Error::format(
            "OverflowError",
            format_args!("expected an int from {low} to {high}, got {wide}"),
        ))
    };
    let kind = match field.kind() {
        // None is back already.
        Some(FieldKind::Any) => field.value_kind().or(Some(FieldKind::Any)),
        kind => kind,
    };
    match kind {
        Some(FieldKind::I8) => limits(i8::MIN.into(), i8::MAX.into()),
        Some(FieldKind::I16) => limits(i16::MIN.into(), i16::MAX.into()),
        Some(FieldKind::I32) => limits(i32::MIN.into(), i32::MAX.into()),
        Some(FieldKind::I64) => limits(i64::MIN, i64::MAX),
        Some(FieldKind::U8) => limits(0, u8::MAX.into()),
        Some(FieldKind::U16) => limits(0, u16::MAX.into()),
        Some(FieldKind::U32) => limits(0, u32::MAX.into()),
        Some(FieldKind::U64) => limits(0, i64::MAX),
        Some(FieldKind::F32) => {
            let wide = f64::try_from(value).map_err(or_none)?;
            if let Some(narrow) = narrow(wide) {
                return Ok(Any::from(f64::from(narrow)));
            }
            Err(Error::format(
                "OverflowError",
                format_args!("expected a float of 32 bits (f32), got {wide:e}"),
            ))
        }
        Some(FieldKind::F64) => Ok(Any::from(f64::try_from(value).map_err(or_none)?)),
        Some(FieldKind::Bool) => Ok(Any::from(bool::try_from(value).map_err(or_none)?)),
        Some(FieldKind::Str) => Ok(Any::from(Str::try_from(value).map_err(or_none)?)),
        Some(FieldKind::Bytes) => Ok(Any::from(Bytes::try_from(value).map_err(or_none)?)),
        Some(FieldKind::Any) => Ok(value.try_to_owned()?),
        Some(FieldKind::Object | FieldKind::Weak) => match value.object_of(field.type_index) {
            Ok(object) => Ok(Any::from(object)),
            // A moved object that is gone is None as well.
            Err(index::NONE) if nullable => Ok(Any::NONE),
            Err(got) => {
                let (expected, or_none) =
                    (TypeName(field.type_index), if nullable { " or None" } else { "" });
                Err(Error::format(
                    "TypeError",
                    format_args!("expected {expected}{or_none}, got {}", TypeName(got)),
                ))
            }
        },
        None => Err(Error::new("TypeError", "the field is of a kind that this version does not know")),
    }
}

/// Replaces a field's value; the old one is dropped after, outside of any lock.
///
/// # Errors
///
/// The value does not fit ([`convert_for`]); the field keeps the old one.
///
/// # Safety
///
/// The object is alive, of the type that `field` belongs to, the field is initialised; and it is
/// mutable, or the object is still being made and nobody else reads it.
pub unsafe fn write_field(
    object: NonNull<ObjectHeader>,
    field: &FieldInfo,
    value: AnyView<'_>,
) -> Result<(), Error> {
    let value = Any::into_raw(convert_for(field, value)?);
    // SAFETY: in the whole match `convert_for` answers a value of the field's kind; scalars are
    // written as atomics of their size, references exchanged under the lock.
    unsafe {
        let header = object.as_ref();
        match field.kind() {
            Some(FieldKind::I8 | FieldKind::U8 | FieldKind::Bool) => {
                let cell = &*place::<AtomicU8>(object, field);
                cell.store(value.value.int as u8, Ordering::Relaxed);
            }
            Some(FieldKind::I16 | FieldKind::U16) => {
                let cell = &*place::<AtomicU16>(object, field);
                cell.store(value.value.int as u16, Ordering::Relaxed);
            }
            Some(FieldKind::I32 | FieldKind::U32) => {
                let cell = &*place::<AtomicU32>(object, field);
                cell.store(value.value.int as u32, Ordering::Relaxed);
            }
            Some(FieldKind::F32) => {
                let cell = &*place::<AtomicU32>(object, field);
                cell.store((value.value.float as f32).to_bits(), Ordering::Relaxed);
            }
            Some(FieldKind::I64 | FieldKind::U64) => {
                let cell = &*place::<AtomicU64>(object, field);
                cell.store(value.value.int as u64, Ordering::Relaxed);
            }
            Some(FieldKind::F64) => {
                let cell = &*place::<AtomicU64>(object, field);
                cell.store(value.value.float.to_bits(), Ordering::Relaxed);
            }
            Some(FieldKind::Str | FieldKind::Bytes | FieldKind::Any) => {
                let old = any_slot_swap(header, place(object, field), value);
                raw_dec(&old);
            }
            Some(FieldKind::Object) => {
                let new = value.as_object().map_or(null_mut(), NonNull::as_ptr);
                drop_strong(slot_store(header, place(object, field), new));
            }
            Some(FieldKind::Weak) => {
                let new = value.as_object();
                if let Some(new) = new {
                    inc_weak(new);
                }
                let slot = place(object, field);
                drop_weak(slot_store(header, slot, new.map_or(null_mut(), NonNull::as_ptr)));
                raw_dec(&value); // the strong reference has served
            }
            None => raw_dec(&value),
        }
    }
    Ok(())
}

macro_rules! loads {
    ($($name:ident: $atomic:ty => $int:ty),* $(,)?) => {$(
        /// # Safety
        ///
        /// A scalar of this size lies at the field's place.
        unsafe fn $name(object: NonNull<ObjectHeader>, field: &FieldInfo) -> $int {
            // SAFETY: the caller's contract. Relaxed: a scalar orders nothing else.
            unsafe { &*place::<$atomic>(object, field) }.load(Ordering::Relaxed)
        }
    )*};
}
loads!(
    load8: AtomicU8 => u8,
    load16: AtomicU16 => u16,
    load32: AtomicU32 => u32,
    load64: AtomicU64 => u64,
);

/// Drops what a field owns. Nothing for scalars.
///
/// # Safety
///
/// As [`read_field`], and nobody reads the field any more.
pub(crate) unsafe fn drop_field(object: NonNull<ObjectHeader>, field: &FieldInfo) {
    // SAFETY: the kind tells what lies at the place; the caller's contract.
    unsafe {
        match field.kind() {
            Some(FieldKind::Str | FieldKind::Bytes | FieldKind::Any) => {
                let slot = place::<RawAny>(object, field);
                let value = core::mem::replace(&mut *slot, RawAny::NONE);
                raw_dec(&value);
            }
            Some(FieldKind::Object) => {
                let slot = place::<*mut ObjectHeader>(object, field);
                drop_strong(core::mem::replace(&mut *slot, null_mut()));
            }
            Some(FieldKind::Weak) => {
                let slot = place::<*mut ObjectHeader>(object, field);
                drop_weak(core::mem::replace(&mut *slot, null_mut()));
            }
            _ => {}
        }
    }
}
