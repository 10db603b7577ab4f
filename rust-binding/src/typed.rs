//! [`Function`]s made of typed Rust functions.

use std::borrow::Cow;

use object_core::{Any, AnyView, Error, Function, NewError};

use crate::callee::{Callee, FromAny};
use crate::into_any::IntoAny;

/// A Rust function or closure of zero to eight arguments, each [`FromAny`], that returns an
/// [`IntoAny`]. `Args` is the tuple of its arguments, which the compiler finds by itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no typed function",
    note = "it must be `Fn` + `Send` + `Sync` + `'static`, take at most eight arguments that are \
            each `FromAny`, with their types written out, and return an `IntoAny`"
)]
pub trait TypedFn<Args>: Send + Sync + 'static {
    /// How many arguments it takes.
    #[doc(hidden)]
    const COUNT: usize;

    /// Converts the arguments, calls, converts the result.
    #[doc(hidden)]
    fn invoke(&self, callee: &Callee, args: &[AnyView<'_>]) -> Result<Any, Error>;
}

macro_rules! typed_fn {
    ($count:literal; $($arg:ident $at:literal),*) => {
        impl<F, R, $($arg),*> TypedFn<($($arg,)*)> for F
        where
            F: Fn($($arg),*) -> R + Send + Sync + 'static,
            R: IntoAny,
            $($arg: FromAny,)*
        {
            const COUNT: usize = $count;

            fn invoke(&self, callee: &Callee, args: &[AnyView<'_>]) -> Result<Any, Error> {
                callee.check_count($count, args.len())?;
                let outcome = self($(callee.argument::<$arg>(args, $at)?),*).into_any();
                outcome.map_err(|error| callee.passed_on(error))
            }
        }
    };
}
typed_fn!(0;);
typed_fn!(1; A 0);
typed_fn!(2; A 0, B 1);
typed_fn!(3; A 0, B 1, C 2);
typed_fn!(4; A 0, B 1, C 2, D 3);
typed_fn!(5; A 0, B 1, C 2, D 3, E 4);
typed_fn!(6; A 0, B 1, C 2, D 3, E 4, G 5);
typed_fn!(7; A 0, B 1, C 2, D 3, E 4, G 5, H 6);
typed_fn!(8; A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7);

/// A [`Function`] made of a typed Rust function; `name` is what its errors call it.
///
/// ```
/// use rust_binding::prelude::*;
///
/// let half = typed("half", |of: i64| of / 2);
/// assert_eq!(half.call::<i64>((8,))?, 4);
///
/// let error = half.call::<i64>((8, 9, 10)).unwrap_err();
/// assert_eq!(error.to_string(), "TypeError: half() takes 1 argument, got 3");
/// # Ok::<(), Error>(())
/// ```
///
/// A function that takes long and does not touch the caller's language says so:
/// `typed("wait", wait).releasing_interpreter()`.
///
/// # Panics
///
/// No memory; [`try_typed`] says so instead.
#[must_use]
pub fn typed<Args, F>(name: impl Into<Cow<'static, str>>, function: F) -> Function
where
    F: TypedFn<Args>,
{
    match try_typed(name, function) {
        Ok(function) => function,
        Err(error) => panic!("{error}"),
    }
}

/// As [`typed`].
///
/// # Errors
///
/// No memory.
pub fn try_typed<Args, F>(
    name: impl Into<Cow<'static, str>>,
    function: F,
) -> Result<Function, NewError>
where
    F: TypedFn<Args>,
{
    let callee = Callee::function(name.into());
    Function::try_from_packed(move |args| function.invoke(&callee, args))
}
