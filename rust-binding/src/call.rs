//! Typed calls of [`Function`]s.

use object_core::{Any, AnyView, Error, Function};

use crate::callee::{FromAny, too_wide};
use crate::into_any::IntoAny;

/// Arguments of a typed call: a tuple of zero to eight [`IntoAny`] values.
pub trait CallArgs {
    /// Calls with the arguments, converted.
    #[doc(hidden)]
    fn call_with(self, function: &Function) -> Result<Any, Error>;
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
        let result = args.call_with(self)?;
        R::try_from(result.view()).map_err(|error| match too_wide(result.view(), error) {
            Some(text) => Error::format("OverflowError", format_args!("result of a call: {text}")),
            None => Error::format("TypeError", format_args!("result of a call: {error}")),
        })
    }
}
