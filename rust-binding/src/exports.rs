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
    functions: Vec<ExportedFunction>,
    error: Option<Error>,
}

#[derive(Debug)]
struct ExportedType {
    rust_name: &'static str,
    register: fn() -> Result<i32, RegisterError>,
}

#[derive(Debug)]
struct ExportedFunction {
    name: Cow<'static, str>,
    function: Function,
    doc: Cow<'static, str>,
    /// `(price, count, /)`, or empty.
    signature: String,
    /// How many arguments it takes, if its type says.
    count: Option<usize>,
}

impl Exports {
    /// Exports a typed function: [`typed`](crate::typed()) under its global name.
    ///
    /// What frontends show of it is said behind: `exports.function(..).doc("..").parameters(&["price"])`.
    pub fn function<Args, F>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        function: F,
    ) -> &mut Self
    where
        F: TypedFn<Args>,
    {
        self.made(name.into(), F::COUNT, |name| try_typed(name, function))
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
        self.made(name.into(), F::COUNT, |name| {
            Ok(try_typed(name, function)?.releasing_interpreter())
        })
    }

    fn made(
        &mut self,
        name: Cow<'static, str>,
        count: usize,
        make: impl FnOnce(Cow<'static, str>) -> Result<Function, NewError>,
    ) -> &mut Self {
        match twice(name).and_then(|(name, again)| Ok((name, make(again)?))) {
            Ok((name, function)) => self.push(name, function, Some(count)),
            Err(error) => {
                self.error.get_or_insert(error.into());
                self
            }
        }
    }

    /// Exports a function object.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, function: Function) -> &mut Self {
        self.push(name.into(), function, None)
    }

    fn push(
        &mut self,
        name: Cow<'static, str>,
        function: Function,
        count: Option<usize>,
    ) -> &mut Self {
        if self.functions.try_reserve(1).is_ok() {
            self.functions.push(ExportedFunction {
                name,
                function,
                doc: Cow::Borrowed(""),
                signature: String::new(),
                count,
            });
        } else {
            self.error.get_or_insert_with(Error::out_of_memory);
        }
        self
    }

    /// Documents the function that was exported last: Python's `__doc__` and `help()`.
    ///
    /// ```
    /// # use rust_binding::prelude::*;
    /// rust_binding::register(|exports| {
    ///     exports
    ///         .function("doc.half", |of: i64| of / 2)
    ///         .doc("The half of it.")
    ///         .parameters(&["of"]);
    ///     Ok(())
    /// })?;
    /// let about = Function::get_global("doc.half").unwrap().about()?.unwrap();
    /// assert_eq!((&*about.doc, &*about.signature), ("The half of it.", "(of, /)"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn doc(&mut self, text: impl Into<Cow<'static, str>>) -> &mut Self {
        match self.functions.last_mut() {
            Some(last) => last.doc = text.into(),
            None => self.nothing_to_say("doc"),
        }
        self
    }

    /// Names the parameters of the function that was exported last: Python's `inspect.signature`. Each
    /// is a name as Python has them, and a typed function has as many as it takes arguments; otherwise
    /// nothing of the library is registered.
    pub fn parameters(&mut self, names: &[&str]) -> &mut Self {
        match self.functions.last_mut() {
            Some(last) => {
                if let Err(error) = last.set_parameters(names) {
                    self.error.get_or_insert(error);
                }
            }
            None => self.nothing_to_say("parameters"),
        }
        self
    }

    fn nothing_to_say(&mut self, what: &str) {
        if self.error.is_none() {
            self.error = Some(Error::format(
                "ValueError",
                format_args!("{what}() says something of the function exported before it"),
            ));
        }
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
        for (at, ExportedFunction { name, .. }) in self.functions.iter().enumerate() {
            if self.functions[..at]
                .iter()
                .any(|earlier| earlier.name == *name)
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
        for (at, exported) in self.functions.iter().enumerate() {
            let ExportedFunction {
                name,
                function,
                doc,
                signature,
                ..
            } = exported;
            if let Err(error) = function.register_documented(name, false, doc, signature) {
                self.take_back(at);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes the first `count` names, unless somebody else has taken them over meanwhile.
    fn take_back(&self, count: usize) {
        for ExportedFunction { name, function, .. } in &self.functions[..count] {
            let ours = Function::get_global(name)
                .is_some_and(|there| ObjectArc::ptr_eq(there.as_object(), function.as_object()));
            if ours {
                Function::remove_global(name);
            }
        }
    }
}

impl ExportedFunction {
    /// Writes `(a, b, /)`: frontends call by position.
    fn set_parameters(&mut self, names: &[&str]) -> Result<(), Error> {
        let function = &self.name;
        if let Some(count) = self.count.filter(|&count| count != names.len()) {
            return Err(Error::format(
                "ValueError",
                format_args!(
                    "global function '{function}' takes {count} argument{}, {} parameters were named",
                    if count == 1 { "" } else { "s" },
                    names.len()
                ),
            ));
        }
        for (at, name) in names.iter().enumerate() {
            let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if !begins || name.contains(|c: char| !c.is_alphanumeric() && c != '_') {
                return Err(Error::format(
                    "ValueError",
                    format_args!(
                        "global function '{function}': a parameter cannot be called '{name}'"
                    ),
                ));
            }
            if names[..at].contains(name) {
                return Err(Error::format(
                    "ValueError",
                    format_args!(
                        "global function '{function}': two parameters are called '{name}'"
                    ),
                ));
            }
        }
        let mut text = String::new();
        let room = names.iter().map(|name| name.len() + 2).sum::<usize>() + 3;
        text.try_reserve_exact(room)
            .map_err(|_| Error::out_of_memory())?;
        text.push('(');
        for name in names {
            text.push_str(name);
            text.push_str(", ");
        }
        text.push_str(if names.is_empty() { ")" } else { "/)" });
        self.signature = text;
        Ok(())
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
