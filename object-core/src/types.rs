//! Asking the type table: what a type is called, what it descends from, what it has.

use core::fmt;
use core::sync::atomic::{AtomicI32, Ordering};

use crate::abi::{ByteSlice, FieldInfo, MethodInfo, TypeInfo};
use crate::register_error::RegisterError;
use crate::runtime::runtime;
use crate::type_index;

/// The type of that number, if it is registered. Lock-free, any thread.
#[inline]
#[must_use]
pub fn type_info(type_index: i32) -> Option<&'static TypeInfo> {
    // SAFETY: the table's contract: null or immutable for as long as the process.
    unsafe { (runtime().type_info)(type_index).as_ref() }
}

/// The number of the type with that key, if it is registered.
#[must_use]
pub fn type_index_of(key: &str) -> Option<i32> {
    // SAFETY: the key is readable for the call.
    let index = unsafe { (runtime().type_index_of_key)(ByteSlice::new(key.as_bytes())) };
    (index >= 0).then_some(index)
}

/// Whether objects of type `type_index` are also of type `ancestor`. O(1).
#[inline]
#[must_use]
pub fn is_instance(type_index: i32, ancestor: i32) -> bool {
    type_index == ancestor || is_descendant(type_index, ancestor)
}

/// Whether objects have this number: false for what a lying caller made up.
#[inline]
#[must_use]
pub fn is_registered_object(type_index: i32) -> bool {
    type_index::is_object(type_index) && type_info(type_index).is_some()
}

#[inline(never)]
fn is_descendant(type_index: i32, ancestor: i32) -> bool {
    if ancestor == type_index::OBJECT {
        return is_registered_object(type_index);
    }
    match (type_info(type_index), type_info(ancestor)) {
        (Some(info), Some(ancestor)) => {
            info.ancestors().get(ancestor.depth as usize).is_some_and(|&at| core::ptr::eq(at, ancestor))
        }
        _ => false,
    }
}

impl TypeInfo {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> &'static str {
        // SAFETY: leaked at registration.
        unsafe { self.key.as_str() }
    }

    /// Its documentation.
    #[must_use]
    pub fn doc(&self) -> &'static str {
        // SAFETY: leaked at registration.
        unsafe { self.doc.as_str() }
    }

    /// Its ancestors, the root first, the parent last.
    #[must_use]
    pub fn ancestors(&self) -> &'static [&'static TypeInfo] {
        if self.depth == 0 {
            return &[];
        }
        // SAFETY: `depth` pointers to leaked, immutable infos; a reference has a pointer's layout.
        unsafe {
            core::slice::from_raw_parts(self.ancestors.cast::<&TypeInfo>(), self.depth as usize)
        }
    }

    /// Its parent; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<&'static TypeInfo> {
        self.ancestors().last().copied()
    }

    /// Its own fields.
    #[must_use]
    pub fn own_fields(&self) -> &'static [FieldInfo] {
        if self.num_fields == 0 {
            return &[];
        }
        // SAFETY: leaked at registration, `num_fields` long.
        unsafe { core::slice::from_raw_parts(self.fields, self.num_fields as usize) }
    }

    /// Its own methods.
    #[must_use]
    pub fn own_methods(&self) -> &'static [MethodInfo] {
        if self.num_methods == 0 {
            return &[];
        }
        // SAFETY: leaked at registration, `num_methods` long.
        unsafe { core::slice::from_raw_parts(self.methods, self.num_methods as usize) }
    }

    /// All fields, the root's first.
    pub fn all_fields(&'static self) -> impl Iterator<Item = &'static FieldInfo> {
        let own = self.own_fields();
        self.ancestors().iter().flat_map(|info| info.own_fields()).chain(own)
    }

    /// The field of that name, own or inherited.
    #[must_use]
    pub fn field(&'static self, name: &str) -> Option<&'static FieldInfo> {
        self.all_fields().find(|field| field.name() == name)
    }
}

impl FieldInfo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        // SAFETY: leaked at registration (descriptions borrow for less, but are not handed out).
        unsafe { self.name.as_str() }
    }

    /// Its documentation.
    #[must_use]
    pub fn doc(&self) -> &'static str {
        // SAFETY: as above.
        unsafe { self.doc.as_str() }
    }

    /// How it is stored; `None` for a kind of a newer version.
    #[must_use]
    pub const fn kind(&self) -> Option<crate::abi::FieldKind> {
        crate::abi::FieldKind::from_number(self.kind)
    }

    /// What a value other than None is, where the kind leaves that open; `None` if it may be anything.
    #[must_use]
    pub const fn value_kind(&self) -> Option<crate::abi::FieldKind> {
        crate::abi::FieldKind::from_number(self.value_kind)
    }

    /// Set once, at construction.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.flags & crate::abi::field_flags::FROZEN != 0
    }

    /// May be None.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.flags & crate::abi::field_flags::OPTIONAL != 0
    }
}

impl MethodInfo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        // SAFETY: leaked at registration.
        unsafe { self.name.as_str() }
    }

    /// Its documentation.
    #[must_use]
    pub fn doc(&self) -> &'static str {
        // SAFETY: leaked at registration.
        unsafe { self.doc.as_str() }
    }

    /// Called without the object as first argument.
    #[must_use]
    pub const fn is_static(&self) -> bool {
        self.flags & crate::abi::method_flags::STATIC != 0
    }
}

/// Prints what a type number is called: `int`, `crate_graph.Package`, `type 999`.
#[derive(Debug, Clone, Copy)]
pub struct TypeName(pub i32);

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            type_index::STR => f.write_str("str"),
            type_index::BYTES => f.write_str("bytes"),
            number => match type_index::value_name(number) {
                Some(name) => f.write_str(name),
                None => match type_info(number) {
                    Some(info) => f.write_str(info.key()),
                    None => write!(f, "type {number}"),
                },
            },
        }
    }
}

/// Where a Rust type keeps its number once it is registered: one static a type.
#[derive(Debug)]
pub struct TypeSlot(AtomicI32);

impl TypeSlot {
    /// Not registered yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI32::new(0))
    }

    /// The number, registering on first use.
    ///
    /// # Errors
    ///
    /// What `register` returned; the next call tries again.
    #[inline]
    pub fn get_or_register(
        &self,
        register: impl FnOnce() -> Result<i32, RegisterError>,
    ) -> Result<i32, RegisterError> {
        // Acquire: whoever has the number finds the type in the table.
        match self.0.load(Ordering::Acquire) {
            0 => self.register(register),
            number => Ok(number),
        }
    }

    /// Two threads may both come here: the second gets the first one's number.
    #[cold]
    fn register(
        &self,
        register: impl FnOnce() -> Result<i32, RegisterError>,
    ) -> Result<i32, RegisterError> {
        let number = nested(register)?;
        // Release: pairs with the Acquire above.
        self.0.store(number, Ordering::Release);
        Ok(number)
    }
}

/// Registers, unless this thread is registering too many types inside each other: then they go round
/// in a circle. (Without std there is nobody to count.)
fn nested(
    register: impl FnOnce() -> Result<i32, RegisterError>,
) -> Result<i32, RegisterError> {
    #[cfg(feature = "std")]
    {
        /// Types that are fields of each other's for the first time nest, but not this deep.
        const DEEPEST: u32 = 64;
        std::thread_local! {
            static DEPTH: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
        }

        /// Counts down again, also on a panic.
        struct Entered(u32);
        impl Drop for Entered {
            fn drop(&mut self) {
                let _ = DEPTH.try_with(|depth| depth.set(self.0));
            }
        }

        let entered = Entered(DEPTH.try_with(core::cell::Cell::get).unwrap_or(0));
        if entered.0 == DEEPEST {
            return Err(RegisterError::Circular);
        }
        let _ = DEPTH.try_with(|depth| depth.set(entered.0 + 1));
        register()
    }
    #[cfg(not(feature = "std"))]
    register()
}

impl Default for TypeSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// What a type number is called, as long as the process lives.
pub(crate) fn static_name(type_index: i32) -> &'static str {
    type_index::value_name(type_index)
        .or_else(|| type_info(type_index).map(TypeInfo::key))
        .unwrap_or("an unregistered type")
}
