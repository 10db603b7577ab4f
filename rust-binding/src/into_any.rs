//! Values on their way out of Rust: results of functions, arguments of calls.

use object_core::{Any, Array, Bytes, Error, Function, Object, ObjectArc, Str};

/// What a typed function can return, and a typed call can pass.
///
/// Plain values, handles, `Option` (None), `Vec` (an array), `Result` (its error is raised), and
/// references to what can be cloned. Implement it for a type of your own to return that.
///
/// ```
/// use rust_binding::{Error, IntoAny};
///
/// let value: Result<String, Error> = Ok("text".to_owned());
/// assert_eq!(value.into_any()?.view().as_str(), Some("text"));
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a typed function, or passed to a typed call",
    note = "implement `IntoAny` for it, or convert it to an `ObjectArc`, `Str`, `Array` or `Any`"
)]
pub trait IntoAny {
    /// The value.
    ///
    /// # Errors
    ///
    /// The value's own (a `Result`), `OverflowError` for an integer past 64 bits signed,
    /// `MemoryError`.
    fn into_any(self) -> Result<Any, Error>;
}

macro_rules! plain {
    ($($value:ty),* $(,)?) => {$(
        impl IntoAny for $value {
            fn into_any(self) -> Result<Any, Error> {
                Ok(self.into())
            }
        }
    )*};
}
plain!(
    (),
    bool,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    f64,
    Any,
    Str,
    Bytes,
    Array,
    Function
);

macro_rules! wide {
    ($($int:ty),*) => {$(
        impl IntoAny for $int {
            fn into_any(self) -> Result<Any, Error> {
                i64::try_from(self).map(Any::from).map_err(|_| {
                    Error::format("OverflowError", format_args!("{self} does not fit an int of 64 bits"))
                })
            }
        }
    )*};
}
wide!(u64, usize, isize);

impl IntoAny for f32 {
    fn into_any(self) -> Result<Any, Error> {
        Ok(f64::from(self).into())
    }
}

impl IntoAny for &str {
    fn into_any(self) -> Result<Any, Error> {
        Ok(Str::try_new(self)?.into())
    }
}

impl IntoAny for String {
    fn into_any(self) -> Result<Any, Error> {
        self.as_str().into_any()
    }
}

impl<T: Object> IntoAny for ObjectArc<T> {
    fn into_any(self) -> Result<Any, Error> {
        Ok(self.into())
    }
}

impl<T: IntoAny> IntoAny for Option<T> {
    fn into_any(self) -> Result<Any, Error> {
        self.map_or(Ok(Any::NONE), T::into_any)
    }
}

impl<T: IntoAny> IntoAny for Vec<T> {
    fn into_any(self) -> Result<Any, Error> {
        let mut values = self.into_iter();
        let array = Array::try_from_fn(values.len(), |_| match values.next() {
            Some(value) => value.into_any(),
            None => Ok(Any::NONE), // a Vec is as long as it says
        })?;
        array.map(Any::from)
    }
}

impl<T: IntoAny, E: Into<Error>> IntoAny for Result<T, E> {
    fn into_any(self) -> Result<Any, Error> {
        self.map_err(Into::into)?.into_any()
    }
}

impl<T: IntoAny + Clone> IntoAny for &T {
    fn into_any(self) -> Result<Any, Error> {
        self.clone().into_any()
    }
}
