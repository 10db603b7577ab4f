//! The macros of `rust-binding`: declarations only. What they expand to names nothing but
//! `::rust_binding::support`, which makes no promises.
//!
//! # Rooms, lowest first
//!
//! `attrs` reads attributes; `kinds` knows which types are no fields, and what to write instead;
//! `model` is a struct that was understood, `object` what it expands to; `signature` is a function that
//! frontends call; `methods` and `function` expand those. A file uses only files named above it.

mod attrs;

mod kinds;

mod model;

// What it expands to is unsafe; it argues for that where it writes it.
#[allow(unsafe_code)]
mod object;

mod signature;

mod methods;

mod function;

use proc_macro::TokenStream;

/// Makes a struct an object type: implements `Object`, and describes the struct to the type table.
///
/// ```text
/// use rust_binding::prelude::*;
///
/// /// Something with a price.            becomes the Python class's `__doc__`
/// #[derive(Object)]
/// #[object(key = "shop.Item", constructor)]
/// #[repr(C)]
/// struct Item {
///     header: ObjectHeader,
///     /// What it is.                    becomes the field's
///     name: Str,
///     /// In cents.
///     #[object(default = 100)]
///     price: MutField<i64>,
///     /// Of the same shelf.
///     #[object(default)]
///     next: MutField<Option<ObjectArc<Item>>>,
///     #[object(skip, default)]
///     cache: OnceLock<String>,
/// }
/// ```
///
/// The struct is `#[repr(C)]`, not generic, has named fields, and begins with an `ObjectHeader` or, with
/// `parent = P`, with a `P`. All other fields are seen by frontends under their names, unless `skip`
/// says otherwise. Their documentation goes with them, up to its first `# Heading`. Which kind of field it is follows from its type; a plain type is frozen, a `MutField` can be
/// set by frontends too. A handle that may be missing is an `Option`; a number, a bool, `Str` or `Bytes` is an
/// `Optional<T>`, or a `MutField<Option<T>>`: an `Option<i64>` has no layout that another language could read.
///
/// # On the struct: `#[object(..)]`
///
/// | | |
/// |---|---|
/// | `key = "library.Name"` | needed: the type's name in the process |
/// | `parent = P` | the first field is a `P`, another object struct; heirs have its fields and methods |
/// | `constructor` | the class call takes the fields in their order, the parent's first; without it, say `#[object(constructor)]` on a function in `#[methods]`, or frontends cannot make one |
/// | `items = T` | objects have items behind the body (`ObjectArc::with_items`), and an `ItemsLen` field that counts them |
///
/// # On a field: `#[object(..)]`
///
/// | | |
/// |---|---|
/// | `rename = "name"` | what frontends call it |
/// | `skip` | frontends do not see it; it may be of any type that is `Send` and `Sync` |
/// | `default`, `default = value` | what the constructor puts there if the call does not say; of a skipped field, always |
/// | `frozen`, `mut` | only says what the type says, and is refused where it is not true |
///
/// # What is refused
///
/// Everything that can be known: the message says what to write instead. A field whose type is no kind
/// of field is an error of the trait `FieldType`.
#[proc_macro_derive(Object, attributes(object))]
pub fn derive_object(input: TokenStream) -> TokenStream {
    expanded(syn::parse(input).and_then(object::derive))
}

/// Makes the functions of an `impl` block methods of an object type: one block a type.
///
/// ```text
/// #[methods]
/// impl Item {
///     /// A cheap one.
///     #[object(constructor)]
///     fn new(name: Str) -> ObjectArc<Self> { .. }
///
///     /// Of so many.
///     fn cost(&self, count: i64) -> i64 { .. }
///
///     /// Puts another one behind it.
///     fn link(this: &ObjectArc<Self>, next: ObjectArc<Self>) { .. }
///
///     /// A function of the type's.
///     fn currency() -> &'static str { .. }
/// }
/// ```
///
/// A function with `&self`, or with a first argument named `this` of type `ObjectArc<Self>` or
/// `&ObjectArc<Self>`, is a method; any other one is static. `MutField` needs `this`, because its
/// lock is the object's. Arguments are as those of typed functions; `&str`, `&[u8]` and `&T` borrow
/// for the call. Doc comments become `__doc__`.
///
/// On a function: `#[object(constructor)]`, `#[object(rename = "name")]`, `#[object(skip)]`.
#[proc_macro_attribute]
pub fn methods(attr: TokenStream, input: TokenStream) -> TokenStream {
    expanded(syn::parse(input).and_then(|block| methods::expand(attr.into(), block)))
}

/// Lets a free function be exported by its path: `exports.free_function::<total>()`.
///
/// ```text
/// /// What so many cost.                 becomes the function's `__doc__` in Python
/// #[function(name = "shop.total")]
/// fn total(price: i64, count: i64) -> i64 {
///     price * count
/// }
/// ```
///
/// Without `name` it is the crate's name, a dot, and the function's. `releases_interpreter` says that it
/// takes long and touches nothing of its caller's language. Documentation, up to its first `# Heading`, and
/// the names of the parameters go with it. The function itself stays as it is; beside it
/// stands an empty type of its name. Where a module has that name already, export the function by
/// `exports.function("library.name", path)`, which needs no attribute.
#[proc_macro_attribute]
pub fn function(attr: TokenStream, input: TokenStream) -> TokenStream {
    expanded(syn::parse(input).and_then(|item| function::expand(attr.into(), item)))
}

fn expanded(tokens: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    tokens.unwrap_or_else(syn::Error::into_compile_error).into()
}
