//! Reference-counted native objects that every language can hold: the core of Tieback.
//!
//! An object is a block with a 24-byte [`ObjectHeader`] at its body's start: counts, type, flags and
//! the way to delete it. Everything else follows from that: a handle is an address, a weak reference
//! keeps the space, a cast asks the type table, and any frontend that knows the header can hold,
//! call and reflect objects that another one made. Nothing here knows that Python exists.
//!
//! # Handles
//!
//! - [`ObjectArc<T>`]: a strong reference, like `Arc`; [`ObjectRef`] to an object of any type.
//! - [`WeakObjectArc<T>`]: keeps the space, not the object.
//! - [`UniqueObject<T>`]: the only reference, and so the only way to `&mut`.
//! - [`Any`] and [`AnyView`]: a value of any type, owned or borrowed; 16 bytes.
//! - [`Str`], [`Bytes`]: short ones in the value, longer ones in an object.
//! - [`Array`], [`WithItems`]: items in the object's own block.
//! - [`List`], [`Map`], [`Dict`]: containers that the runtime keeps, whoever made them.
//! - [`Function`], [`Error`]: what crosses between frontends when they call each other.
//!
//! # Rooms, lowest first
//!
//! `count`, `bits`, `header`, `abi` and `table` are the frozen layouts; `settle` and `anchor` say which
//! table is in force; `refs` and `slots` count and lock by address; `key` to `dict_body` are the engine
//! of the containers; `type_table`, `functions` and `runtime` are the process-wide state behind one
//! table; `place`, then the handles stand on those; `field`, `mut_field`, `builder`, `reflected`
//! describe types; `library` loads others. A file uses only files named above it.
//!
//! # Interrupt handlers
//!
//! What a handler (or a signal handler) may call, whatever it interrupted:
//!
//! - **Always**: count operations, that is cloning and upgrading, `downgrade`, and dropping a reference
//!   that is not the last. They are lock-free. So are reading the counts, [`type_info`],
//!   [`is_instance`] and casts, once the types were registered; frozen fields, and scalar ones.
//! - **Where freeing is allowed**: dropping the last reference. It runs the destructor and the
//!   backing's release, so the backing's lock must mask the interrupt. [`DropScope::open`] never waits;
//!   within a scope, the death of an object with weak references also asks the global allocator for
//!   room on the list.
//! - **Where allocation is allowed**: the constructors.
//! - **Never**: registering a type or a function (a type's first use registers it), looking one up by
//!   key or name, and asking what is known of a function, which take a spin lock; reading or writing a
//!   [`MutField`] that holds references, which takes the owner's slot lock; reading or changing a
//!   [`List`] or [`Dict`]. The interrupted code may hold the lock, and would not go on.
//!
//! `tests/interrupt.rs`, and `examples/kernel` in the repository, interrupt count operations after each
//! of their instructions; `tests/interrupt_locked.rs` interrupts registrations that hold a lock.
//!
//! # Features
//!
//! `std` (default), `infallible` (default: the panicking forms), `default-backing`, `allocator-api2`,
//! `serde` (values in and out of its formats).

#![no_std]
#![cfg_attr(not(doctest), deny(unsafe_code))]

#[cfg(not(loom))]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[allow(unsafe_code)]
mod halves;
mod limit;
mod outcome;
mod primitive;

#[allow(unsafe_code)]
pub mod count;
#[doc(hidden)]
pub mod bits;
#[doc(hidden)]
#[allow(unsafe_code)]
pub mod settle;

// Under loom only the words that are modelled are compiled.
macro_rules! rooms {
    ($($(#[$attr:meta])* $vis:vis mod $name:ident;)*) => {
        $(#[cfg(not(loom))] $(#[$attr])* $vis mod $name;)*
    };
}

rooms! {
    pub mod type_index;
    #[allow(unsafe_code)]
    pub mod header;
    #[allow(unsafe_code)]
    pub mod abi;
    #[allow(unsafe_code)]
    pub mod table;
    mod anchor;
    mod room;
    #[allow(unsafe_code)]
    mod drops;
    #[allow(unsafe_code)]
    pub mod refs;
    #[allow(unsafe_code)]
    mod raw_bytes;
    #[allow(unsafe_code)]
    pub mod slots;
    #[allow(unsafe_code)]
    mod key;
    #[allow(unsafe_code)]
    mod owned;
    #[allow(unsafe_code)]
    mod ordered;
    #[allow(unsafe_code)]
    mod shared_body;
    #[allow(unsafe_code)]
    mod list_body;
    #[allow(unsafe_code)]
    mod map_body;
    #[allow(unsafe_code)]
    mod dict_body;
    #[allow(unsafe_code)]
    mod fingerprint;
    #[allow(unsafe_code)]
    mod type_table;
    #[allow(unsafe_code)]
    mod functions;
    #[allow(unsafe_code)]
    mod sharing;
    #[allow(unsafe_code)]
    mod unraisable;
    #[cfg(all(unix, feature = "std"))]
    #[allow(unsafe_code)]
    mod fork;
    #[allow(unsafe_code)]
    mod runtime;
    mod register_error;
    #[allow(unsafe_code)]
    mod types;
    mod error_kinds;
    #[allow(unsafe_code)]
    mod object;
    #[allow(unsafe_code)]
    mod place;
    #[allow(unsafe_code)]
    mod arc;
    #[allow(unsafe_code)]
    mod weak;
    #[allow(unsafe_code)]
    mod unique;
    #[allow(unsafe_code)]
    mod items;
    #[allow(unsafe_code)]
    mod str;
    #[allow(unsafe_code)]
    mod any;
    #[allow(unsafe_code)]
    mod values;
    #[allow(unsafe_code)]
    mod errors;
    #[allow(unsafe_code)]
    mod about;
    #[allow(unsafe_code)]
    mod packed;
    #[allow(unsafe_code)]
    mod function;
    #[allow(unsafe_code)]
    mod array;
    #[allow(unsafe_code)]
    mod list;
    #[allow(unsafe_code)]
    mod map;
    #[allow(unsafe_code)]
    mod dict;
    #[allow(unsafe_code)]
    mod debug;
    #[allow(unsafe_code)]
    mod opaque;
    #[allow(unsafe_code)]
    mod field;
    #[allow(unsafe_code)]
    mod optional;
    #[allow(unsafe_code)]
    mod mut_field;
    #[allow(unsafe_code)]
    mod builder;
    #[allow(unsafe_code)]
    mod reflected;
    #[allow(unsafe_code)]
    mod walk;
    #[cfg(feature = "serde")]
    mod formats;
    #[cfg(feature = "std")]
    #[allow(unsafe_code)]
    mod library;
}

#[cfg(not(loom))]
mod surface {
    pub use crate::about::About;
    pub use crate::any::{Any, AnyView};
    pub use crate::arc::{ObjectArc, ObjectRef};
    pub use crate::array::{Array, ArrayObj};
    pub use crate::builder::TypeBuilder;
    pub use crate::dict::{Cursor, Dict, DictObj};
    pub use crate::drops::DropScope;
    pub use crate::error_kinds::{AllocError, CastError, Changed, NewError, Place, PlaceError};
    pub use crate::errors::{Error, ErrorObj};
    pub use crate::field::{FieldOf, FieldType, HandleField, convert_for, read_field, write_field};
    pub use crate::function::{Function, FunctionObj};
    pub use crate::header::ObjectHeader;
    pub use crate::items::{ItemsHead, ItemsLen, WithItems};
    #[cfg(feature = "std")]
    pub use crate::library::load_library;
    pub use crate::list::{List, ListObj, SpliceError};
    pub use crate::map::{Map, MapObj};
    pub use crate::mut_field::{MutField, MutValue, field_value};
    pub use crate::object::{Extends, Object};
    pub use crate::opaque::OpaqueObj;
    pub use crate::optional::{Optional, OptionalValue};
    pub use crate::packed::{
        borrowed_outcome, catch, packed_outcome, return_borrowed, return_packed,
    };
    #[cfg(feature = "std")]
    pub use crate::place::panic_text;
    pub use crate::place::report_unraisable;
    pub use crate::reflected::{
        FieldSpec, begin_reflected, holds_references, register_reflected, try_new_reflected,
    };
    pub use crate::register_error::RegisterError;
    pub use crate::runtime::{
        AdoptError, RuntimeState, adopt, check_table, registry, runtime, runtime_state,
    };
    pub use crate::str::{Bytes, BytesObj, SMALL_MAX, Str, StrObj};
    pub use crate::types::{
        TypeName, TypeSlot, is_instance, is_registered_object, type_index_of, type_info,
    };
    pub use crate::unique::UniqueObject;
    pub use crate::walk::{Edge, clear_children, visit_children};
    pub use crate::weak::WeakObjectArc;
    pub use alloc_header;
}
#[cfg(not(loom))]
pub use surface::*;

/// Compiles and runs the README's example.
#[cfg(all(
    doctest,
    not(loom),
    feature = "infallible",
    feature = "default-backing"
))]
#[doc = include_str!("../README.md")]
struct Readme;
