//! The descriptors of native fields: CPython's getset descriptors with what a getter needs in them.
//!
//! ```text
//!  [ Python count | type | class | name | qualname | definition | About ]
//!    \______________ CPython's PyGetSetDescrObject ____________/
//! ```
//!
//! Each kind of field has a type of descriptor whose `__get__` is that kind's getter: one call from
//! attribute look-up, and no question which kind it is. The types are below the interpreter's own, so
//! that a field is a getset descriptor to everybody who asks.

use core::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;

use crate::py::plan::Field;
use crate::py::raise::{Exc, Raised, raise};

/// How many types of descriptors there are.
pub(crate) const TYPES: usize = 6;

/// What a getter needs to know, apart from what the interpreter writes: its count.
///
/// # Invariants
///
/// `owner` and `offset` are the field's.
pub(crate) struct About {
    /// The class that the descriptor was made for.
    pub(crate) class: *mut ffi::PyTypeObject,
    /// The type whose field it is.
    pub(crate) owner: i32,
    /// Where the field lies in an object.
    pub(crate) offset: u32,
    pub(crate) field: &'static Field,
}

#[repr(C)]
struct Descriptor {
    base: ffi::PyGetSetDescrObject,
    about: About,
}

/// What a descriptor is about.
///
/// # Safety
///
/// A live object that [`new`] made.
#[inline(always)]
pub(crate) unsafe fn about<'a>(descriptor: *mut ffi::PyObject) -> &'a About {
    // SAFETY: the caller's contract.
    unsafe { &(*descriptor.cast::<Descriptor>()).about }
}

static MADE: [AtomicPtr<ffi::PyTypeObject>; TYPES] = [const { AtomicPtr::new(null_mut()) }; TYPES];

/// Makes the types, one for each of these getters. Once, at import.
///
/// # Errors
///
/// RuntimeError: this CPython lays its descriptors out in another way.
///
/// # Safety
///
/// Attached; each getter is handed descriptors made by [`new`] with its number.
pub(crate) unsafe fn make_types(getters: [ffi::descrgetfunc; TYPES]) -> Result<(), Raised> {
    let base = &raw mut ffi::PyGetSetDescr_Type;
    // SAFETY: attached; a static type of the interpreter's.
    unsafe {
        let (size, known) = ((*base).tp_basicsize, size_of::<ffi::PyGetSetDescrObject>());
        if size != known as isize {
            return Err(raise!(
                Exc::Runtime,
                "this Python's getset descriptors have {size} bytes, tieback knows those of {known}"
            ));
        }
    }
    for (made, getter) in MADE.iter().zip(getters) {
        // SAFETY: all zero is an empty type object, and its head is that of a static one; it is kept
        // for ever. Attached.
        let kind = unsafe {
            let mut kind = Box::new(core::mem::zeroed::<ffi::PyTypeObject>());
            kind.ob_base.ob_base = ffi::PyObject_HEAD_INIT;
            kind.tp_name = c"getset_descriptor".as_ptr();
            kind.tp_basicsize = size_of::<Descriptor>() as isize;
            let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
            #[cfg(Py_GIL_DISABLED)]
            let flags = flags.into();
            kind.tp_flags = flags;
            kind.tp_base = base;
            kind.tp_descr_get = Some(getter);
            let kind = Box::into_raw(kind);
            // The type's own documentation would stand before the field's.
            if ffi::PyType_Ready(kind) != 0
                || ffi::PyDict_DelItemString((*kind).tp_dict, c"__doc__".as_ptr()) != 0
            {
                return Err(Raised);
            }
            ffi::PyType_Modified(kind);
            kind
        };
        made.store(kind, Ordering::Release);
    }
    Ok(())
}

/// A new descriptor of the type `number`; NULL with an exception.
///
/// # Safety
///
/// Attached; a live class whose objects have the field; the definition is kept for ever.
pub(crate) unsafe fn new(
    number: usize,
    class: *mut ffi::PyTypeObject,
    field: &'static Field,
    definition: &'static mut ffi::PyGetSetDef,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's contract; new memory of the type's size, which its teardown takes apart.
    unsafe {
        let object = ffi::PyType_GenericAlloc(MADE[number].load(Ordering::Acquire), 0);
        if object.is_null() {
            return object;
        }
        ffi::Py_INCREF(class.cast());
        ffi::Py_INCREF(field.name);
        let descriptor = object.cast::<Descriptor>();
        (*descriptor).base.d_common.d_type = class;
        (*descriptor).base.d_common.d_name = field.name;
        (*descriptor).base.d_getset = definition;
        // INVARIANT: the field's.
        (&raw mut (*descriptor).about).write(About {
            class,
            owner: field.owner,
            offset: field.info.offset,
            field,
        });
        object
    }
}

/// The field that a descriptor is for, if it is one of ours.
///
/// # Safety
///
/// A live object.
pub(crate) unsafe fn field_of(object: *mut ffi::PyObject) -> Option<&'static Field> {
    // SAFETY: the caller's contract; the types have no subclasses.
    unsafe {
        let kind = ffi::Py_TYPE(object);
        let ours = MADE.iter().any(|made| made.load(Ordering::Relaxed) == kind);
        ours.then(|| about(object).field)
    }
}
