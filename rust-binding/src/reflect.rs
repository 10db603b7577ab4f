//! Objects of types that this crate was not built with: their fields and methods, by name.

use std::ptr::NonNull;

use object_core::abi::{FieldInfo, TypeInfo};
use object_core::{
    AnyView, Error, Function, FunctionObj, Object, ObjectArc, TypeName, read_field, type_info,
    write_field,
};

use crate::call::{CallArgs, wanted};
use crate::callee::FromAny;
use crate::into_any::IntoAny;

/// Fields and methods by name, as every frontend reaches them: for objects that another library made.
///
/// ```
/// use rust_binding::prelude::*;
///
/// # #[derive(Object)]
/// # #[object(key = "doc.Item", constructor)]
/// # #[repr(C)]
/// # struct Item { header: ObjectHeader, name: Str, price: MutField<i64> }
/// # #[methods]
/// # impl Item { fn cost(this: &ObjectArc<Self>, count: i64) -> i64 { this.price.load(this) * count } }
/// # let item = Item { header: ObjectHeader::new(), name: Str::from("pen"), price: MutField::new(2) };
/// # let item: ObjectRef = ObjectArc::upcast(ObjectArc::new(item));
/// // `item` is an ObjectRef from anywhere.
/// assert_eq!(&*item.field::<Str>("name")?, "pen");
/// item.set_field("price", 3)?;
/// assert_eq!(item.call_method::<i64>("cost", (4,))?, 12);
///
/// let error = item.set_field("name", "ink").unwrap_err();
/// assert_eq!(error.to_string(), "AttributeError: field 'name' of doc.Item is frozen");
/// # Ok::<(), Error>(())
/// ```
pub trait Reflect {
    /// A copy of a field's value.
    ///
    /// # Errors
    ///
    /// `AttributeError` if there is none of that name, `TypeError` if the value is no `R`.
    fn field<R: FromAny>(&self, name: &str) -> Result<R, Error>;

    /// Replaces a field's value.
    ///
    /// # Errors
    ///
    /// `AttributeError` if there is none of that name, or it is frozen; `TypeError` or `OverflowError` if
    /// the value does not fit. Then it keeps the old one.
    fn set_field(&self, name: &str, value: impl IntoAny) -> Result<(), Error>;

    /// Calls a method with the tuple's values.
    ///
    /// # Errors
    ///
    /// `AttributeError` if there is none of that name; what it raised; `TypeError` if it returned no `R`.
    fn call_method<R: FromAny>(&self, name: &str, args: impl CallArgs) -> Result<R, Error>;
}

impl<T: Object> Reflect for ObjectArc<T> {
    fn field<R: FromAny>(&self, name: &str) -> Result<R, Error> {
        let field = find_field(self, name)?;
        // SAFETY: alive; the field is one of its own type's; every live object's fields are initialised.
        let value = unsafe { read_field(Self::as_ptr(self).cast(), field) };
        wanted(&value, format_args!("field '{name}'"))
    }

    fn set_field(&self, name: &str, value: impl IntoAny) -> Result<(), Error> {
        let field = find_field(self, name)?;
        if field.is_frozen() {
            let of = type_name(self);
            return Err(Error::format(
                "AttributeError",
                format_args!("field '{name}' of {of} is frozen"),
            ));
        }
        let value = value.into_any()?;
        // SAFETY: as above, and it is mutable.
        unsafe { write_field(Self::as_ptr(self).cast(), field, value.view()) }.map_err(|error| {
            let message = error.message();
            Error::format(error.kind(), format_args!("field '{name}': {message}"))
        })
    }

    fn call_method<R: FromAny>(&self, name: &str, args: impl CallArgs) -> Result<R, Error> {
        let mut all = types(self).flat_map(|info| info.own_methods());
        let found = all.find(|method| method.name() == name);
        let function = found.and_then(|method| NonNull::new(method.function));
        let (Some(method), Some(function)) = (found, function) else {
            return Err(Error::format(
                "AttributeError",
                format_args!("{} has no method '{name}'", type_name(self)),
            ));
        };
        // SAFETY: the type table keeps the functions of methods for ever.
        let function = unsafe { ObjectArc::<FunctionObj>::from_borrowed(function.cast()) };
        let function = Function::from_object(function);
        let result = if method.is_static() {
            args.call_with(&function)?
        } else {
            args.call_on(AnyView::object(self), &function)?
        };
        wanted(&result, format_args!("result of {name}()"))
    }
}

fn type_name<T: Object>(object: &ObjectArc<T>) -> TypeName {
    TypeName(ObjectArc::header(object).type_index())
}

/// The object's type and its ancestors, nearest first.
fn types<T: Object>(object: &ObjectArc<T>) -> impl Iterator<Item = &'static TypeInfo> {
    let own = type_info(ObjectArc::header(object).type_index());
    let above = own.map_or(&[][..], TypeInfo::ancestors);
    own.into_iter().chain(above.iter().rev().copied())
}

fn find_field<T: Object>(object: &ObjectArc<T>, name: &str) -> Result<&'static FieldInfo, Error> {
    let mut all = types(object).flat_map(|info| info.own_fields());
    all.find(|field| field.name() == name).ok_or_else(|| {
        Error::format(
            "AttributeError",
            format_args!("{} has no field '{name}'", type_name(object)),
        )
    })
}
