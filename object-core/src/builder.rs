//! [`TypeBuilder`]: describes a Rust struct to the type table.

use alloc::vec::Vec;
use core::any::TypeId;
use core::marker::PhantomData;

use crate::abi::{ByteSlice, FieldInfo, MethodInfo, TypeDesc, method_flags};
use crate::arc::ObjectArc;
use crate::error_kinds::RegisterError;
use crate::field::{FieldOf, FieldType};
use crate::function::Function;
use crate::object::{Extends, Object};
use crate::room::{push, put, with_room};
use crate::runtime::runtime;
use crate::type_index;

/// A type on its way into the table.
///
/// Errors met on the way (no memory, a parent that is refused) are kept and returned by
/// [`register`](Self::register).
///
/// ```
/// use object_core::{Object, ObjectHeader, RegisterError, Str, TypeBuilder, TypeSlot, field};
///
/// #[repr(C)]
/// struct Package {
///     header: ObjectHeader,
///     name: Str,
/// }
///
/// // SAFETY: repr(C), the header first, this struct's own type.
/// unsafe impl Object for Package {
///     fn type_index() -> Result<i32, RegisterError> {
///         static SLOT: TypeSlot = TypeSlot::new();
///         SLOT.get_or_register(|| {
///             TypeBuilder::<Package>::new("doc.Package")
///                 .doc("One package of a lock file.")
///                 .field("name", "What it is called.", field!(Package, name))
///                 .register()
///         })
///     }
/// }
///
/// let info = object_core::type_info(Package::type_index().unwrap()).unwrap();
/// assert_eq!(info.field("name").unwrap().doc(), "What it is called.");
/// ```
#[derive(Debug)]
pub struct TypeBuilder<'a, T: Object> {
    key: &'a str,
    doc: &'a str,
    parent: i32,
    fields: Vec<FieldInfo>,
    methods: Vec<(MethodInfo, Function)>,
    error: Option<RegisterError>,
    _of: PhantomData<fn() -> (T, &'a str)>,
}

impl<'a, T: Object> TypeBuilder<'a, T> {
    /// A type with that key: `library.Name`.
    #[must_use]
    pub fn new(key: &'a str) -> Self {
        Self {
            key,
            doc: "",
            parent: type_index::OBJECT,
            fields: Vec::new(),
            methods: Vec::new(),
            error: None,
            _of: PhantomData,
        }
    }

    /// What the type is for; becomes the Python class's `__doc__`.
    #[must_use]
    pub fn doc(mut self, doc: &'a str) -> Self {
        self.doc = doc;
        self
    }

    /// The struct that this one begins with.
    #[must_use]
    pub fn parent<P: Object>(mut self) -> Self
    where
        T: Extends<P>,
    {
        match P::type_index() {
            Ok(parent) => self.parent = parent,
            Err(error) => self.error = Some(error),
        }
        self
    }

    /// A field that frontends see. A plain type is read-only, a
    /// [`MutField`](crate::MutField) can be set.
    #[must_use]
    pub fn field<F: FieldType>(mut self, name: &'a str, doc: &'a str, field: FieldOf<T, F>) -> Self {
        let object_type = if F::is_object_of(TypeId::of::<T>()) {
            Ok(type_index::THIS)
        } else {
            F::object_type()
        };
        let object_type = match object_type {
            Ok(number) => number,
            Err(error) => {
                self.error = Some(error);
                return self;
            }
        };
        let info = FieldInfo {
            name: ByteSlice::new(name.as_bytes()),
            doc: ByteSlice::new(doc.as_bytes()),
            offset: field.offset() as u32,
            kind: F::KIND as u8,
            value_kind: F::VALUE.map_or(0, |kind| kind as u8),
            reserved: [0; 2],
            flags: F::FLAGS,
            type_index: object_type,
        };
        if push(&mut self.fields, info).is_err() {
            self.error = Some(RegisterError::OutOfMemory);
        }
        self
    }

    /// A method; the function gets the object as its first argument.
    #[must_use]
    pub fn method(self, name: &'a str, doc: &'a str, function: Function) -> Self {
        self.any_method(name, doc, function, 0)
    }

    /// A method that gets no object. One named `__new__` constructs: the class call calls it.
    #[must_use]
    pub fn static_method(self, name: &'a str, doc: &'a str, function: Function) -> Self {
        self.any_method(name, doc, function, method_flags::STATIC)
    }

    fn any_method(mut self, name: &'a str, doc: &'a str, function: Function, flags: u32) -> Self {
        let info = MethodInfo {
            name: ByteSlice::new(name.as_bytes()),
            doc: ByteSlice::new(doc.as_bytes()),
            function: ObjectArc::as_ptr(function.as_object()).as_ptr().cast(),
            flags,
            reserved: 0,
        };
        if push(&mut self.methods, (info, function)).is_err() {
            self.error = Some(RegisterError::OutOfMemory);
        }
        self
    }

    /// Puts the type into the table; its number. Registering the same type again (same key, layout
    /// and parent) answers the number it has.
    ///
    /// # Errors
    ///
    /// [`RegisterError`]; then nothing was registered.
    pub fn register(self) -> Result<i32, RegisterError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        // With the size every offset fits as well.
        let size = u32::try_from(size_of::<T>()).map_err(|_| RegisterError::BadDescription)?;
        let room = with_room::<MethodInfo>(self.methods.len());
        let mut methods = room.map_err(|_| RegisterError::OutOfMemory)?;
        self.methods.iter().for_each(|(info, _)| put(&mut methods, *info));
        let desc = TypeDesc {
            key: ByteSlice::new(self.key.as_bytes()),
            doc: ByteSlice::new(self.doc.as_bytes()),
            parent: self.parent,
            flags: 0,
            size,
            align: align_of::<T>() as u32,
            fields: self.fields.as_ptr(),
            methods: methods.as_ptr(),
            num_fields: self.fields.len() as u32,
            num_methods: methods.len() as u32,
        };
        // SAFETY: everything the description borrows is alive for the call, functions included.
        let number = unsafe { (runtime().type_register)(&raw const desc) };
        if number >= 0 { Ok(number) } else { Err(RegisterError::from_status(number)) }
    }
}
