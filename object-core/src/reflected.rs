//! Types and objects made at run time, by reflection alone: a frontend's classes.
//!
//! ```text
//! [ ObjectHeader | parent's fields ... | own fields, each aligned as its kind asks | (pad to 8) ]
//! ```

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::abi::{ByteSlice, FieldInfo, FieldKind, TypeDesc, TypeInfo, type_flags};
use crate::arc::ObjectRef;
use crate::error_kinds::{NewError, RegisterError};
use crate::field::drop_field;
use crate::header::{DELETE_BODY, DELETE_SPACE, ObjectHeader, flags};
use crate::room::{put, with_room};
use crate::place::{allocate, commit, free};
use crate::runtime::runtime;
use crate::types::type_info;

/// A field of a type made at run time; its offset is chosen here.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its documentation.
    pub doc: &'a str,
    /// How it is stored.
    pub kind: FieldKind,
    /// For an optional `Any`: the kind of what it holds if it is not None; `None` for anything.
    pub value_kind: Option<FieldKind>,
    /// [`field_flags`](crate::abi::field_flags).
    pub flags: u32,
    /// For objects and weak references: the type it must be an instance of, or
    /// [`THIS`](crate::type_index::THIS).
    pub type_index: i32,
}

/// Registers a type of `fields` behind those of `parent`; its number.
///
/// # Errors
///
/// [`RegisterError`], among them [`Conflict`](RegisterError::Conflict) for a key that is taken, and
/// [`UnknownParent`](RegisterError::UnknownParent) for a parent whose bodies are not made by
/// reflection (only `Object` itself and types registered here are).
pub fn register_reflected(
    key: &str,
    doc: &str,
    parent: i32,
    fields: &[FieldSpec<'_>],
) -> Result<i32, RegisterError> {
    let start = if parent == crate::type_index::OBJECT {
        size_of::<ObjectHeader>() as u32
    } else {
        let info = type_info(parent).filter(|info| info.flags & type_flags::REFLECTED != 0);
        info.ok_or(RegisterError::UnknownParent)?.size
    };
    let mut end = start;
    let mut infos = with_room(fields.len()).map_err(|_| RegisterError::OutOfMemory)?;
    for field in fields {
        let place = end.checked_next_multiple_of(field.kind.align() as u32);
        let offset = place.ok_or(RegisterError::BadDescription)?;
        let behind = offset.checked_add(field.kind.size() as u32);
        end = behind.ok_or(RegisterError::BadDescription)?;
        let info = FieldInfo {
            name: ByteSlice::new(field.name.as_bytes()),
            doc: ByteSlice::new(field.doc.as_bytes()),
            offset,
            kind: field.kind as u8,
            value_kind: field.value_kind.map_or(0, |kind| kind as u8),
            reserved: [0; 2],
            flags: field.flags,
            type_index: field.type_index,
        };
        put(&mut infos, info);
    }
    let desc = TypeDesc {
        key: ByteSlice::new(key.as_bytes()),
        doc: ByteSlice::new(doc.as_bytes()),
        parent,
        flags: type_flags::REFLECTED,
        size: end.checked_next_multiple_of(8).ok_or(RegisterError::BadDescription)?,
        align: 8,
        fields: infos.as_ptr(),
        methods: core::ptr::null(),
        num_fields: infos.len() as u32,
        num_methods: 0,
    };
    // SAFETY: everything the description borrows is alive for the call.
    let number = unsafe { (runtime().type_register)(&raw const desc) };
    if number >= 0 { Ok(number) } else { Err(RegisterError::from_status(number)) }
}

/// Whether objects of the type hold references in their fields.
#[must_use]
pub fn holds_references(info: &'static TypeInfo) -> bool {
    info.all_fields().any(|field| field.kind().is_none_or(FieldKind::owns_references))
}

/// A new object of a reflected type, every field zero: 0, 0.0, false, None, no object.
///
/// `leaf` is the opposite of [`holds_references`], which callers keep with the type.
///
/// # Errors
///
/// No memory, or a type that is not reflected.
#[inline]
pub fn try_new_reflected(info: &'static TypeInfo, leaf: bool) -> Result<ObjectRef, NewError> {
    if info.flags & type_flags::REFLECTED == 0 {
        return Err(RegisterError::BadDescription.into());
    }
    let body = allocate(info.size as usize, info.align as usize, info.type_index)?;
    // SAFETY: a body of that size, which is ours.
    Ok(unsafe { begin_reflected(body, info, leaf) })
}

/// As [`try_new_reflected`], in a body that the caller has: for frontends that keep some.
///
/// # Safety
///
/// A body as the frontend's entry would answer for the type's size and alignment, the caller's alone; a
/// reflected type; `leaf` as there.
#[inline(always)]
pub unsafe fn begin_reflected(body: NonNull<c_void>, info: &'static TypeInfo, leaf: bool) -> ObjectRef {
    let size = info.size as usize;
    let extra = flags::if_nothing_drops(leaf);
    // SAFETY: the body has `size` bytes, at least a header's; zero is a value of every kind of
    // field; the deleter reads the fields of the object's own type.
    unsafe {
        clear(body.as_ptr().cast::<u8>().add(size_of::<ObjectHeader>()), size - size_of::<ObjectHeader>());
        commit(body.cast(), info.type_index, extra, delete_reflected);
        ObjectRef::from_raw(body.cast())
    }
}

/// Zeroes the fields of a new body.
///
/// # Safety
///
/// So many bytes are there, and nobody else's; they begin where a word may.
#[inline(always)]
unsafe fn clear(fields: *mut u8, size: usize) {
    type Word = u64;
    // Most have a few fields, which are written sooner than memset is called. (Volatile: or else the compiler
    // would call it.)
    const FEW: usize = 8;
    let words = size / size_of::<Word>();
    // SAFETY: the caller's contract.
    unsafe {
        // A type that C describes may end in the middle of a word.
        if words > FEW || size % size_of::<Word>() != 0 {
            fields.write_bytes(0, size);
        } else {
            for word in 0..words {
                fields.cast::<Word>().add(word).write_volatile(0);
            }
        }
    }
}

/// Apart, and jumped to, so that the deleter of an object that owns nothing needs no frame.
///
/// # Safety
///
/// A reflected object of its own type, whose fields nobody reads any more; the deleter's bits.
#[inline(never)]
unsafe extern "C" fn delete_fields(header: NonNull<ObjectHeader>, bits: i32) {
    // SAFETY: readable by the caller's contract.
    let number = unsafe { header.as_ref() }.type_index();
    for field in type_info(number).into_iter().flat_map(TypeInfo::all_fields) {
        // SAFETY: the caller's contract.
        unsafe { drop_field(header, field) };
    }
    if bits & DELETE_SPACE != 0 {
        // SAFETY: the caller's contract.
        unsafe { free(header.as_ptr().cast()) };
    }
}

/// The deleter of a reflected object: drops what its fields own.
unsafe extern "C" fn delete_reflected(object: *mut c_void, bits: i32) {
    let Some(header) = NonNull::new(object.cast::<ObjectHeader>()) else { return };
    // SAFETY: the header stays readable until the space is freed.
    let is_leaf = unsafe { header.as_ref() }.flags() & flags::LEAF != 0;
    // SAFETY: the last strong reference went: nobody else reads the fields. Placed behind a header; nobody
    // reaches the space any more.
    unsafe {
        if bits & DELETE_BODY != 0 && !is_leaf {
            delete_fields(header, bits);
        } else if bits & DELETE_SPACE != 0 {
            free(object);
        }
    }
}
