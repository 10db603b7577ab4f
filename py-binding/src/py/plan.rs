//! What the fields of a class accept, and how a py_class constructs its instances. Data only.

use std::sync::atomic::{AtomicI32, AtomicU32};

use object_core::abi::{FieldInfo, FieldKind};
use pyo3::ffi;

/// Bits of [`Accept::mask`]: which values an `Any` field takes.
pub(crate) mod mask {
    pub(crate) const NONE: u32 = 1;
    pub(crate) const BOOL: u32 = 1 << 1;
    pub(crate) const INT: u32 = 1 << 2;
    pub(crate) const FLOAT: u32 = 1 << 3;
    pub(crate) const STR: u32 = 1 << 4;
    pub(crate) const BYTES: u32 = 1 << 5;
    /// Anything that can cross.
    pub(crate) const ALL: u32 = u32::MAX;
}

/// The type of a field is a forward reference that was not looked up yet.
pub(crate) const UNRESOLVED: i32 = -1;

/// One field of a class, as its getter and setter see it. Leaked: descriptors point to it.
pub(crate) struct Field {
    /// Interned.
    pub(crate) name: *mut ffi::PyObject,
    pub(crate) info: FieldInfo,
    /// The type that declares it: whatever Python calls the object, only this type's have the field.
    pub(crate) owner: i32,
    pub(crate) kind: FieldKind,
    pub(crate) optional: bool,
    pub(crate) frozen: bool,
    /// For objects and weak references: the type a value must be of, or [`UNRESOLVED`].
    pub(crate) expected: AtomicI32,
    /// For `Any`: which values.
    pub(crate) mask: u32,
    /// For `Any` with a mask that is not ALL: which object types besides.
    pub(crate) objects: Vec<i32>,
    /// What messages say was expected: the annotation.
    pub(crate) text: String,
    /// Called to look the forward reference up: answers a type number. Or null.
    pub(crate) resolver: *mut ffi::PyObject,
}

// SAFETY: immutable but for the atomic; Python objects in it are immortal and only touched by
// attached threads.
unsafe impl Send for Field {}
// SAFETY: as above.
unsafe impl Sync for Field {}

/// What a parameter is when it is not passed. The objects are kept for ever.
#[derive(Clone, Copy)]
pub(crate) enum Default {
    Required,
    Value(*mut ffi::PyObject),
    Factory(*mut ffi::PyObject),
}

/// One parameter of a constructor.
pub(crate) struct Param {
    /// Interned.
    pub(crate) name: *mut ffi::PyObject,
    /// The field it fills; `None` for an `InitVar`, which goes to `__post_init__`.
    pub(crate) field: Option<&'static Field>,
    pub(crate) default: Default,
}

/// How a py_class constructs.
pub(crate) struct Plan {
    /// The class's name, for messages.
    pub(crate) name: String,
    /// Positional ones first.
    pub(crate) params: Vec<Param>,
    /// How many of them can be passed by position.
    pub(crate) positional: usize,
    /// Fields that are no parameters but have a default.
    pub(crate) presets: Vec<(&'static Field, Default)>,
    pub(crate) has_init_vars: bool,
    /// The class's `__init__` as it was generated.
    pub(crate) init: *mut ffi::PyObject,
    /// The class's version at which `__init__`, `__new__` and `__post_init__` were last looked at;
    /// 0 for never.
    pub(crate) version: AtomicU32,
    /// What was seen then: bit 0 generated `__init__` and `__new__`, bit 1 a `__post_init__`.
    pub(crate) seen: AtomicU32,
}

// SAFETY: as for `Field`.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}
