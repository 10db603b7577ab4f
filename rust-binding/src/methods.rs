//! Typed methods of object types.

use std::borrow::Cow;
use std::marker::PhantomData;

use object_core::{Any, AnyView, Error, Function, Object, ObjectArc, TypeBuilder};

use crate::callee::{Callee, FromAny};
use crate::into_any::IntoAny;
use crate::typed::TypedFn;

/// A Rust function or closure whose first argument is the object it is called on, an `&ObjectArc<T>` or an
/// `ObjectArc<T>` (which is counted), with up to seven more.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no typed method of `{T}`",
    note = "its first argument must be `&ObjectArc<{T}>` or `ObjectArc<{T}>`; otherwise as for typed \
            functions"
)]
pub trait TypedMethod<T, Args>: Send + Sync + 'static {
    /// Converts the object and the arguments, calls, converts the result.
    #[doc(hidden)]
    fn invoke(&self, callee: &Callee, args: &[AnyView<'_>]) -> Result<Any, Error>;
}

/// The arguments of a [`TypedMethod`] that borrows its object.
#[derive(Debug)]
pub struct Borrowing<Args>(PhantomData<Args>);

macro_rules! typed_method {
    ($count:literal; $($arg:ident $at:literal),*) => {
        impl<F, R, T, $($arg),*> TypedMethod<T, ($($arg,)*)> for F
        where
            F: Fn(ObjectArc<T>, $($arg),*) -> R + Send + Sync + 'static,
            R: IntoAny,
            T: Object,
            $($arg: FromAny,)*
        {
            fn invoke(&self, callee: &Callee, args: &[AnyView<'_>]) -> Result<Any, Error> {
                let (this, args) = callee.receiver::<T>(args)?;
                let this = callee.object::<T>(*this)?;
                callee.check_count($count, args.len())?;
                let outcome = self(this, $(callee.argument::<$arg>(args, $at)?),*).into_any();
                outcome.map_err(|error| callee.passed_on(error))
            }
        }

        impl<F, R, T, $($arg),*> TypedMethod<T, Borrowing<($($arg,)*)>> for F
        where
            F: Fn(&ObjectArc<T>, $($arg),*) -> R + Send + Sync + 'static,
            R: IntoAny,
            T: Object,
            $($arg: FromAny,)*
        {
            fn invoke(&self, callee: &Callee, args: &[AnyView<'_>]) -> Result<Any, Error> {
                let (this, args) = callee.receiver::<T>(args)?;
                let moved;
                let this = match this.try_into() {
                    Ok(handle) => handle,
                    // Moved in, or not of the type.
                    Err(_) => {
                        moved = callee.object::<T>(*this)?;
                        &moved
                    }
                };
                callee.check_count($count, args.len())?;
                let outcome = self(this, $(callee.argument::<$arg>(args, $at)?),*).into_any();
                outcome.map_err(|error| callee.passed_on(error))
            }
        }
    };
}
typed_method!(0;);
typed_method!(1; A 0);
typed_method!(2; A 0, B 1);
typed_method!(3; A 0, B 1, C 2);
typed_method!(4; A 0, B 1, C 2, D 3);
typed_method!(5; A 0, B 1, C 2, D 3, E 4);
typed_method!(6; A 0, B 1, C 2, D 3, E 4, G 5);
typed_method!(7; A 0, B 1, C 2, D 3, E 4, G 5, H 6);

/// Typed methods for [`TypeBuilder`].
///
/// ```
/// use rust_binding::prelude::*;
///
/// #[repr(C)]
/// struct Item {
///     header: ObjectHeader,
///     name: Str,
///     price: i64,
/// }
///
/// // SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
/// unsafe impl Object for Item {
///     fn type_index() -> Result<i32, RegisterError> {
///         static SLOT: TypeSlot = TypeSlot::new();
///         SLOT.get_or_register(|| {
///             TypeBuilder::<Item>::new("shop.Item")
///                 .field("name", "What it is.", field!(Item, name))
///                 .field("price", "In cents.", field!(Item, price))
///                 .typed_constructor("Makes one.", Item::new)
///                 .typed_method("cost", "Of so many.", |this: &ObjectArc<Item>, count: i64| {
///                     this.price * count
///                 })
///                 .register()
///         })
///     }
/// }
///
/// impl Item {
///     fn new(name: Str, price: i64) -> ObjectArc<Item> {
///         ObjectArc::new(Item { header: ObjectHeader::new(), name, price })
///     }
/// }
///
/// rust_binding::export_library!(|exports| {
///     exports.object_type::<Item>();
///     exports.function("shop.cheapest", |a: ObjectArc<Item>, b: ObjectArc<Item>| {
///         if b.price < a.price { b } else { a }
///     });
///     Ok(())
/// });
/// # fn main() {}
/// ```
///
/// Their errors name the type: `shop.Item.cost() argument 1: expected int, got str`, and
/// `shop.Item.cost() must be called on a shop.Item, got int`.
///
/// # Panics
///
/// All three: no memory for the function.
pub trait TypedMethods<'a, T: Object>: Sized {
    /// A method; heirs have it too.
    #[must_use]
    fn typed_method<Args, F>(self, name: &'a str, doc: &'a str, method: F) -> Self
    where
        F: TypedMethod<T, Args>;

    /// A function of the type's that gets no object.
    #[must_use]
    fn typed_static<Args, F>(self, name: &'a str, doc: &'a str, function: F) -> Self
    where
        F: TypedFn<Args>;

    /// The static method `__new__`: what the class call calls.
    #[must_use]
    fn typed_constructor<Args, F>(self, doc: &'a str, function: F) -> Self
    where
        F: TypedFn<Args>,
    {
        self.typed_static("__new__", doc, function)
    }
}

impl<'a, T: Object> TypedMethods<'a, T> for TypeBuilder<'a, T> {
    fn typed_method<Args, F>(self, name: &'a str, doc: &'a str, method: F) -> Self
    where
        F: TypedMethod<T, Args>,
    {
        let callee = Callee::method::<T>(Cow::Owned(name.to_owned()));
        let function = Function::from_packed(move |args| method.invoke(&callee, args));
        self.method(name, doc, function)
    }

    fn typed_static<Args, F>(self, name: &'a str, doc: &'a str, function: F) -> Self
    where
        F: TypedFn<Args>,
    {
        let callee = Callee::method::<T>(Cow::Owned(name.to_owned()));
        let function = Function::from_packed(move |args| function.invoke(&callee, args));
        self.static_method(name, doc, function)
    }
}
