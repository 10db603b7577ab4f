//! Constructors that take a type's fields: what the derive's `constructor` stands on.

use std::fmt;

use object_core::{
    AnyView, Error, FieldType, Function, Object, ObjectArc, TypeBuilder, field_value,
};

/// The arguments of a class call, taken one by one.
#[derive(Debug)]
pub struct Args<'a, 'b> {
    key: &'static str,
    args: &'b [AnyView<'a>],
    taken: usize,
}

impl Args<'_, '_> {
    /// The next argument, for a field that has no default.
    ///
    /// # Errors
    ///
    /// It does not fit the field.
    pub fn needed<F: FieldType>(&mut self, name: &'static str) -> Result<F, Error> {
        let view = self.args.get(self.taken).copied().unwrap_or(AnyView::NONE);
        self.taken += 1;
        field_value(view).map_err(|error| self.wrong(name, &error))
    }

    /// The next argument if there is one, or the default.
    ///
    /// # Errors
    ///
    /// It does not fit the field.
    pub fn optional<F: FieldType>(
        &mut self,
        name: &'static str,
        default: impl FnOnce() -> F,
    ) -> Result<F, Error> {
        if self.taken < self.args.len() {
            self.needed(name)
        } else {
            Ok(default())
        }
    }

    #[cold]
    fn wrong(&self, name: &str, error: &Error) -> Error {
        let (key, number, message) = (self.key, self.taken, error.message());
        Error::format(
            error.kind(),
            format_args!("{key}() argument {number} ('{name}'): {message}"),
        )
    }
}

/// A type that can be made of its fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no constructor that takes its fields",
    note = "the parent's fields come first in its heir's constructor: add `constructor` to the \
            parent's `#[object(..)]`, or write the heir's as a function with `#[object(constructor)]`"
)]
pub trait Construct: Object {
    /// How many arguments it needs, and how many it takes.
    const ARGUMENTS: (usize, usize);

    /// The value, of the arguments in the order of its fields, the parent's first.
    ///
    /// # Errors
    ///
    /// One of them does not fit its field.
    fn construct(args: &mut Args<'_, '_>) -> Result<Self, Error>;
}

/// Adds the constructor to the type's description.
#[must_use]
pub fn constructor<T: Construct>(
    builder: TypeBuilder<'static, T>,
    key: &'static str,
) -> TypeBuilder<'static, T> {
    let function = Function::from_packed(move |args| {
        let (needed, total) = T::ARGUMENTS;
        if args.len() < needed || args.len() > total {
            return Err(wrong_count(key, needed, total, args.len()));
        }
        let mut args = Args {
            key,
            args,
            taken: 0,
        };
        let value = T::construct(&mut args)?;
        ObjectArc::try_new(value)
            .map(Into::into)
            .map_err(|error| error.cause.into())
    });
    builder.static_method("__new__", "Takes the fields in their order.", function)
}

#[cold]
fn wrong_count(key: &str, needed: usize, total: usize, got: usize) -> Error {
    /// `2 arguments`, `1 to 3 arguments`, `no arguments`.
    struct Takes(usize, usize);
    impl fmt::Display for Takes {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match *self {
                Self(0, 0) => f.write_str("no arguments"),
                Self(1, 1) => f.write_str("1 argument"),
                Self(needed, total) if needed == total => write!(f, "{total} arguments"),
                Self(needed, total) => write!(f, "{needed} to {total} arguments"),
            }
        }
    }
    let takes = Takes(needed, total);
    Error::format(
        "TypeError",
        format_args!("{key}() takes {takes}, got {got}"),
    )
}
