//! Typed calls of [`Function`]s.

use std::fmt::Display;

use object_core::{Any, AnyView, Error, Function};

use crate::callee::{FromAny, too_wide};
use crate::into_any::IntoAny;

/// Arguments of a typed call: a tuple of zero to eight [`IntoAny`] values.
pub trait CallArgs {
    /// Calls with the arguments, converted.
    #[doc(hidden)]
    fn call_with(self, function: &Function) -> Result<Any, Error>;

    /// Calls with an object in front of the arguments.
    #[doc(hidden)]
    fn call_on(self, object: AnyView<'_>, function: &Function) -> Result<Any, Error>;
}

macro_rules! call_args {
    ($($arg:ident $value:ident),*) => {
        impl<$($arg: IntoAny),*> CallArgs for ($($arg,)*) {
            fn call_with(self, function: &Function) -> Result<Any, Error> {
                let ($($value,)*) = self;
                $(let $value = $value.into_any()?;)*
                let args: &[AnyView<'_>] = &[$($value.view()),*];
                function.call_packed(args)
            }

            fn call_on(self, object: AnyView<'_>, function: &Function) -> Result<Any, Error> {
                let ($($value,)*) = self;
                $(let $value = $value.into_any()?;)*
                function.call_packed(&[object, $($value.view()),*])
            }
        }
    };
}
call_args!();
call_args!(A a);
call_args!(A a, B b);
call_args!(A a, B b, C c);
call_args!(A a, B b, C c, D d);
call_args!(A a, B b, C c, D d, E e);
call_args!(A a, B b, C c, D d, E e, G g);
call_args!(A a, B b, C c, D d, E e, G g, H h);
call_args!(A a, B b, C c, D d, E e, G g, H h, I i);

/// Typed calls: `function.call::<i64>((2, 3))`.
///
/// ```
/// use rust_binding::prelude::*;
///
/// let shout = typed("shout", |text: Str| text.to_uppercase());
/// assert_eq!(&*shout.call::<Str>(("hello",))?, "HELLO");
/// assert!(shout.call::<i64>(("hello",)).is_err());
/// # Ok::<(), Error>(())
/// ```
pub trait CallTyped {
    /// Calls with the tuple's values; the result as an `R`.
    ///
    /// # Errors
    ///
    /// What the function raised; `TypeError` if it returned no `R`.
    fn call<R: FromAny>(&self, args: impl CallArgs) -> Result<R, Error>;
}

impl CallTyped for Function {
    fn call<R: FromAny>(&self, args: impl CallArgs) -> Result<R, Error> {
        wanted(&args.call_with(self)?, "result of a call")
    }
}

/// A value as an `R`; `what` is what the error calls it.
pub(crate) fn wanted<R: FromAny>(value: &Any, what: impl Display) -> Result<R, Error> {
    R::try_from(value.view()).map_err(|error| match too_wide(value.view(), error) {
        Some(text) => Error::format("OverflowError", format_args!("{what}: {text}")),
        None => Error::format("TypeError", format_args!("{what}: {error}")),
    })
}
