//! Arguments on their way into a Rust function, and what an error calls the function.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use object_core::{
    AnyView, CastError, Error, Object, ObjectArc, RegisterError, type_index, type_info,
};

/// What a typed function can take, and a typed call can return: every type that a borrowed value
/// converts to.
///
/// Implemented by `TryFrom<AnyView<'_>, Error = CastError>` and in no other way: `()`, `bool`, the
/// integers up to 64 bits, `f32`, `f64`, [`Str`](object_core::Str), [`Bytes`](object_core::Bytes),
/// [`Any`](object_core::Any), [`Array`](object_core::Array), [`Function`](object_core::Function),
/// [`ObjectArc<T>`], and most of these as an `Option`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a typed function, or the result of a typed call",
    note = "take `Str` for text, `Array` for sequences, `Any` for anything"
)]
pub trait FromAny: for<'a> TryFrom<AnyView<'a>, Error = CastError> {}

impl<T> FromAny for T where T: for<'a> TryFrom<AnyView<'a>, Error = CastError> {}

/// The function as its errors name it: `crate_graph.load()`, `shop.Item.cost()`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Callee {
    name: Cow<'static, str>,
    /// The type whose method it is.
    of: Option<fn() -> Result<i32, RegisterError>>,
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(of) = self.of else {
            return write!(f, "{}()", self.name);
        };
        let key = key_of(of);
        // The class call calls `__new__`: to its caller that is the class's own name.
        if self.name == "__new__" {
            write!(f, "{key}()")
        } else {
            write!(f, "{key}.{}()", self.name)
        }
    }
}

/// Errors are the rare case: the key is looked up when one is made, not kept.
fn key_of(type_index: fn() -> Result<i32, RegisterError>) -> &'static str {
    type_index()
        .ok()
        .and_then(type_info)
        .map_or("an unregistered type", |info| info.key())
}

impl Callee {
    /// A function.
    pub(crate) const fn function(name: Cow<'static, str>) -> Self {
        Self { name, of: None }
    }

    /// A function of `T`'s.
    pub(crate) const fn method<T: Object>(name: Cow<'static, str>) -> Self {
        Self {
            name,
            of: Some(T::type_index),
        }
    }

    /// Whether as many arguments came as the function takes.
    pub(crate) fn check_count(&self, takes: usize, got: usize) -> Result<(), Error> {
        if takes == got {
            Ok(())
        } else {
            Err(self.wrong_count(takes, got))
        }
    }

    #[cold]
    fn wrong_count(&self, takes: usize, got: usize) -> Error {
        if takes == 0 {
            let kind = "TypeError";
            return Error::format(kind, format_args!("{self} takes no arguments, got {got}"));
        }
        let plural = if takes == 1 { "" } else { "s" };
        Error::format(
            "TypeError",
            format_args!("{self} takes {takes} argument{plural}, got {got}"),
        )
    }

    /// The argument at `index`, which is there by [`check_count`](Self::check_count).
    pub(crate) fn argument<T: FromAny>(
        &self,
        args: &[AnyView<'_>],
        index: usize,
    ) -> Result<T, Error> {
        let view = args.get(index).copied().unwrap_or(AnyView::NONE);
        T::try_from(view).map_err(|error| self.wrong_argument(index, view, error))
    }

    #[cold]
    fn wrong_argument(&self, index: usize, view: AnyView<'_>, error: CastError) -> Error {
        let number = index + 1;
        match too_wide(view, error) {
            Some(text) => Error::format(
                "OverflowError",
                format_args!("{self} argument {number}: {text}"),
            ),
            None => Error::format(
                "TypeError",
                format_args!("{self} argument {number}: {error}"),
            ),
        }
    }

    /// An error that the function itself returned: with a frame that names the function, so that the
    /// traceback has the frames of every language the error came through.
    #[cold]
    pub(crate) fn passed_on(&self, error: Error) -> Error {
        /// An error that is kept and returned again and again grows no further.
        const LONGEST: usize = 8 << 10;
        if error.traceback().len() < LONGEST {
            let mut frame = String::new();
            if frame.try_reserve(64).is_ok() && write!(frame, "  Rust, in {self}").is_ok() {
                error.push_traceback(&frame);
            }
        }
        error
    }

    /// What a method was called on, and the other arguments.
    pub(crate) fn receiver<'a, 'b, T: Object>(
        &self,
        args: &'b [AnyView<'a>],
    ) -> Result<(&'b AnyView<'a>, &'b [AnyView<'a>]), Error> {
        args.split_first().ok_or_else(|| {
            let key = key_of(T::type_index);
            Error::format(
                "TypeError",
                format_args!("{self} must be called on a {key}, got nothing"),
            )
        })
    }

    /// The object that a method was called on, with a reference of its own.
    pub(crate) fn object<T: Object>(&self, this: AnyView<'_>) -> Result<ObjectArc<T>, Error> {
        ObjectArc::<T>::try_from(this).map_err(|error| {
            let (key, got) = (error.expected(), object_core::TypeName(error.got()));
            Error::format(
                "TypeError",
                format_args!("{self} must be called on a {key}, got {got}"),
            )
        })
    }
}

/// What to say of an int that is too large for the integer type asked for.
pub(crate) struct TooWide<'a> {
    expected: &'static str,
    got: AnyView<'a>,
}

impl fmt::Display for TooWide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, got } = self;
        write!(f, "expected an int that fits {expected}, got {got:?}")
    }
}

/// Whether that is what is wrong.
pub(crate) fn too_wide(view: AnyView<'_>, error: CastError) -> Option<TooWide<'_>> {
    let (expected, got) = (error.expected(), view);
    const NARROW: [&str; 9] = [
        "i8", "i16", "i32", "u8", "u16", "u32", "u64", "usize", "isize",
    ];
    let narrow = NARROW.contains(&expected);
    (narrow && view.type_index() == type_index::INT).then_some(TooWide { expected, got })
}
