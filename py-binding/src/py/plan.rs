//! What the fields of a class accept, and how a py_class constructs its instances. Data only.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

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
    /// The type whose field it is.
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

/// Where a parameter's value goes.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Field(&'static Field),
    /// To `__post_init__`, as its argument of that number.
    InitVar(usize),
}

/// One parameter of a constructor.
pub(crate) struct Param {
    /// Interned.
    pub(crate) name: *mut ffi::PyObject,
    pub(crate) target: Target,
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
    /// The fields with a default that is a value, and other than None, which they are without it: what an object
    /// shows that its class's own `__init__`, or a `__setstate__`, has not filled, as a dataclass's attributes do.
    pub(crate) defaults: Vec<(&'static Field, *mut ffi::PyObject)>,
    /// The fields of the parameters, if a call with as many positional arguments fills the object: each
    /// parameter is a field and can be passed by position, and there is nothing else to fill. Else empty.
    pub(crate) direct: Vec<&'static Field>,
    /// How many arguments `__post_init__` gets.
    pub(crate) init_vars: usize,
    /// The class's `__init__` as it was generated.
    pub(crate) init: *mut ffi::PyObject,
    /// What was seen of the class's `__init__`, `__new__` and `__post_init__`.
    pub(crate) seen: Seen,
    /// Whether the subclass that was made last has a `__post_init__`, 0 or 1: of those whose `__init__` is called
    /// as Python does it. In a place of its own, so that they do not push out what was seen of the class.
    pub(crate) seen_below: Seen,
}

/// What was seen of a class when it had some version. No two classes ever have the same one.
#[derive(Default)]
pub(crate) struct Seen {
    /// The version above, what was seen below; 0 for nothing yet. One word, so that the two belong together
    /// whoever else looks.
    noted: AtomicU64,
}

impl Seen {
    /// What was seen at this version, if the class was looked at then.
    #[inline]
    pub(crate) fn at(&self, version: u32) -> Option<u32> {
        // Relaxed: the word stands for itself.
        let noted = self.noted.load(Ordering::Relaxed);
        (version != 0 && (noted >> 32) as u32 == version).then_some(noted as u32)
    }

    /// Notes what was seen at a version.
    pub(crate) fn note(&self, version: u32, seen: u32) {
        let noted = u64::from(version) << 32 | u64::from(seen);
        self.noted.store(noted, Ordering::Relaxed);
    }
}

impl Plan {
    /// How a class constructs; nothing is noted yet.
    pub(crate) fn new(name: String, positional: usize, init: *mut ffi::PyObject) -> Self {
        Self {
            name,
            params: Vec::new(),
            positional,
            presets: Vec::new(),
            defaults: Vec::new(),
            direct: Vec::new(),
            init_vars: 0,
            init,
            seen: Seen::default(),
            seen_below: Seen::default(),
        }
    }

    /// Says that the parameters and presets are complete.
    pub(crate) fn complete(&mut self) {
        let params = self.params.iter().filter_map(|param| match param.target {
            Target::Field(field) => Some((field, param.default)),
            Target::InitVar(_) => None,
        });
        let fields = params.chain(self.presets.iter().copied());
        self.defaults = fields
            .filter_map(|(field, default)| match default {
                // SAFETY: `None` is always there.
                Default::Value(value) if value != unsafe { ffi::Py_None() } => Some((field, value)),
                _ => None,
            })
            .collect();
        if self.positional == self.params.len() && self.presets.is_empty() && self.init_vars == 0 {
            let fields = self.params.iter().map_while(|param| match param.target {
                Target::Field(field) => Some(field),
                Target::InitVar(_) => None,
            });
            self.direct = fields.collect();
        }
    }
}

// SAFETY: as for `Field`.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}
