//! The Rust frontend of Tieback: typed functions, methods and calls over [`object_core`]'s objects,
//! and libraries that every frontend of the process can load.
//!
//! # A library
//!
//! ```
//! use rust_binding::prelude::*;
//!
//! rust_binding::export_library!(|exports| {
//!     exports.function("shop.total", |price: i64, count: i64| price * count);
//!     Ok(())
//! });
//! # fn main() {}
//! ```
//!
//! Build it with `crate-type = ["cdylib"]`. It exports one C symbol, needs no Python, and is loaded by
//! `tieback.load_library(path)` in Python or [`load_library`] in Rust.
//!
//! # Object types
//!
//! ```
//! use rust_binding::prelude::*;
//!
//! /// Something to sell.
//! #[derive(Object)]
//! #[object(key = "shop.Item", constructor)]
//! #[repr(C)]
//! struct Item {
//!     header: ObjectHeader,
//!     /// What it is.
//!     name: Str,
//!     /// In cents.
//!     #[object(default = 100)]
//!     price: MutField<i64>,
//!     /// What lies beside it.
//!     #[object(default)]
//!     next: MutField<Option<ObjectArc<Item>>>,
//! }
//!
//! #[methods]
//! impl Item {
//!     /// Of so many.
//!     fn cost(this: &ObjectArc<Self>, count: i64) -> i64 {
//!         this.price.load(this) * count
//!     }
//!
//!     /// The name, loud.
//!     fn shout(&self) -> String {
//!         self.name.to_uppercase()
//!     }
//! }
//!
//! /// The cheaper one.
//! #[function(name = "shop.cheaper")]
//! fn cheaper(a: ObjectArc<Item>, b: ObjectArc<Item>) -> ObjectArc<Item> {
//!     if b.price.load(&b) < a.price.load(&a) { b } else { a }
//! }
//!
//! rust_binding::export_library!(|exports| {
//!     exports.object_type::<Item>().free_function::<cheaper>();
//!     Ok(())
//! });
//! # fn main() {}
//! ```
//!
//! In Python: `Item("pen").cost(3)`, `pen.price = 5`, `pen.next = pen`, `Item.__doc__`; an int where a text
//! belongs is a `TypeError` that names the argument. [`Object`](derive@Object) and
//! [`methods`](macro@methods) list all options. A plain type of field is frozen; a [`MutField`] can be set
//! by every language, on every thread: `MutField`'s page says why that is no data race. What a type cannot
//! say by the derive, [`TypeBuilder`] with [`TypedMethods`] says by hand.
//!
//! # An application
//!
//! [`register`] does for a program what `export_library!` does for a library; [`CallTyped`] calls
//! what others registered:
//!
//! ```
//! use rust_binding::prelude::*;
//!
//! rust_binding::register(|exports| {
//!     exports.function("doc.add", |a: i64, b: i64| a + b);
//!     Ok(())
//! })?;
//! let add = Function::get_global("doc.add").unwrap();
//! assert_eq!(add.call::<i64>((2, 3))?, 5);
//!
//! let error = add.call::<i64>(("2", 3)).unwrap_err();
//! assert_eq!(error.to_string(), "TypeError: doc.add() argument 1: expected int, got str");
//! # Ok::<(), Error>(())
//! ```
//!
//! # An allocator of one's own
//!
//! [`set_backing`] takes any `allocator_api2::alloc::Allocator`, at any time: each object goes back where it
//! came from.
//!
//! # Rooms, lowest first
//!
//! `callee` and `into_any` are values on their way in and out; `containers` are those of one type;
//! `typed`, `methods` and `call` build on those; `reflect` uses objects of types that this crate does not
//! know; `exports` collects and commits; `construct` makes objects of their fields; `backing`
//! says where blocks come from; `init` is the handshake
//! behind [`export_library!`]; `load` is the other side of it; `support` is what macros expand to. A file
//! uses only files named above it.

#![cfg_attr(not(doctest), deny(unsafe_code))]

// The whole of it, for what has no name below.
pub use object_core;

mod callee;

mod into_any;

#[allow(unsafe_code)]
pub mod containers;

mod typed;

mod methods;

mod call;

#[allow(unsafe_code)]
mod reflect;

mod exports;

mod construct;

#[cfg(feature = "allocator-api2")]
mod backing;

#[allow(unsafe_code)]
mod init;

#[allow(unsafe_code)]
mod load;

#[doc(hidden)]
pub mod support;

pub use object_core::{
    AllocError, Any, AnyView, Array, ArrayObj, Bytes, BytesObj, CastError, Error, ErrorObj,
    Extends, FieldType, Function, FunctionObj, ItemsHead, ItemsLen, MutField, MutValue, NewError,
    Object, ObjectArc, ObjectHeader, ObjectRef, Optional, OptionalValue, PlaceError, RegisterError,
    Str, StrObj, TypeBuilder, TypeSlot, UniqueObject, WeakObjectArc, WithItems, field,
    report_unraisable, type_index_of, type_info,
};

pub use rust_binding_derive::{Object, function, methods};

#[cfg(feature = "allocator-api2")]
pub use crate::backing::{Backing, set_backing};
#[cfg(feature = "allocator-api2")]
pub use object_core::alloc_header::allocator_api2;

pub use crate::containers::{Dict, List, Map};

pub use crate::call::{CallArgs, CallTyped};
pub use crate::callee::FromAny;
pub use crate::exports::{Exports, register};
pub use crate::into_any::IntoAny;
pub use crate::load::load_library;
pub use crate::methods::{TypedMethod, TypedMethods};
pub use crate::reflect::Reflect;
pub use crate::typed::{TypedFn, try_typed, typed};

/// What a library's source file wants in scope: `use rust_binding::prelude::*;`.
pub mod prelude {
    pub use object_core::{
        Any, AnyView, Array, Bytes, Error, Function, MutField, Object, ObjectArc, ObjectHeader,
        ObjectRef, Optional, RegisterError, Str, TypeBuilder, TypeSlot, WeakObjectArc, field,
    };
    pub use rust_binding_derive::{Object, function, methods};

    pub use crate::call::CallTyped;
    pub use crate::exports::Exports;
    pub use crate::methods::TypedMethods;
    pub use crate::reflect::Reflect;
    pub use crate::typed::typed;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
