//! What macros expand to; no promises. Nothing else may name it.

pub use object_core::table::{LibraryReply, RuntimeTable};
pub use object_core::{
    Bytes, Error, Extends, FieldType, ItemsHead, ItemsLen, MutField, Object, ObjectArc,
    RegisterError, Str, TypeBuilder, TypeSlot, field,
};

pub use crate::construct::{Args, Construct, constructor};
pub use crate::exports::{Exports, FreeFunction};
pub use crate::init::{Registration, init};
pub use crate::into_any::IntoAny;
pub use crate::methods::TypedMethods;

use object_core::ObjectHeader;

/// What `#[methods]` asks a type made by the derive.
#[diagnostic::on_unimplemented(
    message = "`#[methods]` is for types with `#[derive(Object)]`, and `{Self}` has none",
    note = "for a type described by hand there is `TypeBuilder` with `TypedMethods`"
)]
pub trait Described: Object {
    /// The names of its own fields.
    const FIELDS: &'static [&'static str];
    /// The derive makes its constructor.
    const CONSTRUCTOR: bool;
}

/// The methods of a type without `#[methods]`; that adds a function of the type's own, which comes first.
pub trait NoMethods: Object {
    /// Nothing is added.
    #[must_use]
    fn __one_methods_block_a_type(
        builder: TypeBuilder<'static, Self>,
    ) -> TypeBuilder<'static, Self> {
        builder
    }
}

impl<T: Object> NoMethods for T {}

/// `P` is a `P`, and nothing else is.
#[diagnostic::on_unimplemented(
    message = "the first field must be the parent, `{P}`, and is `{Self}`",
    label = "put a field of type `{P}` in front of this one",
    note = "an object begins with its parent: that is how it is one"
)]
pub trait IsParent<P> {}

impl<P> IsParent<P> for P {}

/// Stops the build if the first field is not the parent.
pub const fn begins_with_parent<F: IsParent<P>, P: Object>() {}

/// `ObjectHeader` is it.
#[diagnostic::on_unimplemented(
    message = "the first field must be an `ObjectHeader`, and is `{Self}`",
    label = "put `header: ObjectHeader` in front of this one",
    note = "if `{Self}` is the parent, say so: `#[object(parent = {Self})]`"
)]
pub trait IsHeader {}

impl IsHeader for ObjectHeader {}

/// Stops the build if the first field is no header.
pub const fn begins_with_header<F: IsHeader>() {}

/// A field that can change.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot change: others read it without a lock",
    label = "write `MutField<..>` around the type, or take `mut` off"
)]
pub trait CanChange {}

impl<F: FieldType> CanChange for MutField<F> {}

/// Stops the build if the field cannot change.
pub const fn can_change<F: CanChange>() {}

/// Whether `name` is one of `names`.
#[must_use]
pub const fn is_one_of(name: &str, names: &[&str]) -> bool {
    let (name, mut at) = (name.as_bytes(), 0);
    while at < names.len() {
        let other = names[at].as_bytes();
        let mut same = 0;
        while same < name.len() && same < other.len() && name[same] == other[same] {
            same += 1;
        }
        if same == name.len() && same == other.len() {
            return true;
        }
        at += 1;
    }
    false
}
