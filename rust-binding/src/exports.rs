//! [`Exports`]: what a library hands to the process, collected first and registered at once.

use std::any::type_name;
use std::borrow::Cow;

use object_core::{
    AllocError, Error, Function, NewError, Object, ObjectArc, RegisterError, catch, type_index_of,
};

use crate::typed::{TypedFn, try_typed};

/// What a library exports, while it is being collected. Nothing is registered yet.
///
/// If there is no memory for a part of it, that is remembered, and [`register`] raises it.
///
/// # Invariants
///
/// Between collecting and committing the process is untouched by this type.
#[derive(Debug, Default)]
pub struct Exports {
    types: Vec<ExportedType>,
    functions: Vec<(Cow<'static, str>, Function)>,
    error: Option<Error>,
}

#[derive(Debug)]
struct ExportedType {
    rust_name: &'static str,
    register: fn() -> Result<i32, RegisterError>,
}

impl Exports {
    /// Exports a typed function: [`typed`](crate::typed()) under its global name.
    pub fn function<Args, F>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        function: F,
    ) -> &mut Self
    where
        F: TypedFn<Args>,
    {
        self.made(name.into(), |name| try_typed(name, function))
    }

    /// Exports a typed function that may run while the caller's interpreter is released: one that
    /// takes long, or waits for another thread.
    pub fn function_releasing_interpreter<Args, F>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        function: F,
    ) -> &mut Self
    where
        F: TypedFn<Args>,
    {
        self.made(name.into(), |name| {
            Ok(try_typed(name, function)?.releasing_interpreter())
        })
    }

    fn made(
        &mut self,
        name: Cow<'static, str>,
        make: impl FnOnce(Cow<'static, str>) -> Result<Function, NewError>,
    ) -> &mut Self {
        match twice(name).and_then(|(name, again)| Ok((name, make(again)?))) {
            Ok((name, function)) => self.add(name, function),
            Err(error) => {
                self.error.get_or_insert(error.into());
                self
            }
        }
    }

    /// Exports a function object.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, function: Function) -> &mut Self {
        if self.functions.try_reserve(1).is_ok() {
            self.functions.push((name.into(), function));
        } else {
            self.error.get_or_insert_with(Error::out_of_memory);
        }
        self
    }

    /// Exports a function that [`#[function]`](crate::function) stands on, by its path:
    /// `exports.free_function::<total>()`.
    pub fn free_function<F: FreeFunction>(&mut self) -> &mut Self {
        F::export(self);
        self
    }

    /// Exports an object type, so that frontends know it before the first object is made.
    pub fn object_type<T: Object>(&mut self) -> &mut Self {
        if self.types.try_reserve(1).is_ok() {
            self.types.push(ExportedType {
                rust_name: type_name::<T>(),
                register: T::type_index,
            });
        } else {
            self.error.get_or_insert_with(Error::out_of_memory);
        }
        self
    }

    /// A function that this library needs from another one.
    ///
    /// # Errors
    ///
    /// `ImportError` if nobody has registered it.
    pub fn require(&self, name: &str) -> Result<Function, Error> {
        Function::get_global(name).ok_or_else(|| {
            Error::format(
                "ImportError",
                format_args!(
                    "needs the global function '{name}', which nobody registered; load the library \
                 that exports it first"
                ),
            )
        })
    }

    /// The number of a type that this library needs from another one.
    ///
    /// # Errors
    ///
    /// `ImportError` if nobody has registered it.
    pub fn require_type(&self, key: &str) -> Result<i32, Error> {
        type_index_of(key).ok_or_else(|| {
            Error::format("ImportError", format_args!(
                "needs the type '{key}', which nobody registered; load the library that exports \
                 it first"
            ))
        })
    }

    /// Decides: are all names free?
    fn check(&self) -> Result<(), Error> {
        for (at, (name, _)) in self.functions.iter().enumerate() {
            if self.functions[..at]
                .iter()
                .any(|(earlier, _)| earlier == name)
            {
                return Err(Error::format(
                    "ValueError",
                    format_args!("global function '{name}' is exported twice"),
                ));
            }
            if Function::get_global(name).is_some() {
                return Err(Error::format(
                    "ValueError",
                    format_args!(
                        "global function '{name}' is already registered; nothing of this library was"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Acts: registers all, or takes back what it had registered.
    ///
    /// Types come first, because they cannot be taken back: a type alone is inert, nobody reaches it
    /// without a function, and registering it again is harmless.
    fn commit(mut self) -> Result<(), Error> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.check()?;
        for exported in &self.types {
            (exported.register)().map_err(|error| match error {
                RegisterError::OutOfMemory => Error::out_of_memory(),
                other => {
                    let name = exported.rust_name;
                    Error::format(
                        "ValueError",
                        format_args!("type {name} was refused: {other}"),
                    )
                }
            })?;
        }
        for (at, (name, function)) in self.functions.iter().enumerate() {
            if let Err(error) = function.register_global(name, false) {
                self.take_back(at);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes the first `count` names, unless somebody else has taken them over meanwhile.
    fn take_back(&self, count: usize) {
        for (name, function) in &self.functions[..count] {
            let ours = Function::get_global(name)
                .is_some_and(|there| ObjectArc::ptr_eq(there.as_object(), function.as_object()));
            if ours {
                Function::remove_global(name);
            }
        }
    }
}

/// A free function with [`#[function]`](crate::function) on it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no free function to export",
    note = "put `#[function]` on the function, and name it by its path: \
            `exports.free_function::<total>()`"
)]
pub trait FreeFunction {
    /// Adds it.
    #[doc(hidden)]
    fn export(exports: &mut Exports);
}

/// The name, and another for the function's messages.
fn twice(name: Cow<'static, str>) -> Result<(Cow<'static, str>, Cow<'static, str>), NewError> {
    let again = match &name {
        Cow::Borrowed(name) => Cow::Borrowed(*name),
        Cow::Owned(name) => {
            let mut copy = String::new();
            copy.try_reserve_exact(name.len())
                .map_err(|_| NewError::Alloc(AllocError::new(name.len(), 1)))?;
            copy.push_str(name);
            Cow::Owned(copy)
        }
    };
    Ok((name, again))
}

/// Collects what `collect` exports and registers it in this process: all of it, or nothing.
///
/// Applications call it; in a library [`export_library!`](crate::export_library!) does.
///
/// ```
/// use rust_binding::prelude::*;
///
/// let twice = rust_binding::register(|exports| {
///     exports.function("doc.once", || 1).function("doc.once", || 2);
///     Ok(())
/// });
/// let error = twice.unwrap_err();
/// assert_eq!(error.message(), "global function 'doc.once' is exported twice");
/// assert!(Function::get_global("doc.once").is_none());
/// ```
///
/// # Errors
///
/// What `collect` returned (a panic is a `PanicError`); `ValueError` if a name is taken or a type was
/// refused. Then no function was registered. Types that were registered before the refusal stay; they
/// are inert.
pub fn register(collect: impl FnOnce(&mut Exports) -> Result<(), Error>) -> Result<(), Error> {
    catch(|| {
        let mut exports = Exports::default();
        collect(&mut exports)?;
        exports.commit()
    })
}
