//! Headers in front of objects: every block knows how it is freed, whichever allocator it came
//! from.
//!
//! An object's *body* may come from a C arena, from Rust's global allocator, or through a language
//! frontend that keeps a word of its own per object. Whoever drops the last reference knows none of
//! that. It calls the function that lies right in front of the body:
//!
//! ```text
//!   block start                                        body (aligned as its type asks, 8 at least)
//!   v                                                  v
//!   [ padding | backing's words | back word | delete_space | object ... ]
//!                                \______ TiedHeader ______/
//!                                            \_AllocHeader/
//! ```
//!
//! # The rule of proof
//!
//! That an object has a header is written in the object (the proof bit in `object-core`'s
//! `ObjectHeader.flags`), by the code that placed it into a headed block. Without that bit nothing
//! ever reads in front of a body: [`locate`] is for proven bodies only.
//!
//! # Modules, lowest first
//!
//! - [`error`]: no memory, no such layout, a taken slot.
//! - [`width`]: the sums for every pointer width; over them [`header`]: the two headers, and
//!   [`offset`]: block layouts.
//! - [`locate`]: from a body to its header, the only pointer arithmetic. Unsafe, like all that
//!   touches blocks: the `#[allow(unsafe_code)]` lines below are the list.
//! - [`entry`]: what an allocator promises; `builtin`: the default one; [`registry`]: which one is
//!   in force.
//! - [`layer`]: a tying frontend's word over any backing; `api2`: any `Allocator` as a backing.
//!
//! # Features
//!
//! - `default-backing` (on): the first backing is the global allocator. Off: it refuses every
//!   request.
//! - `allocator-api2` (on): `AllocatorBacking`.
//!
//! Every allocation can fail, and says so; nothing here panics, but that debug builds assert what
//! foreign allocators promise.

#![no_std]

#[doc(hidden)]
pub mod primitive;

pub mod error;
pub mod width;

pub mod header;
pub mod offset;

#[allow(unsafe_code)]
pub mod locate;

#[allow(unsafe_code)]
mod prefix;

#[cfg(any(feature = "default-backing", feature = "allocator-api2"))]
#[allow(unsafe_code)]
mod layout_word;

#[allow(unsafe_code)]
pub mod entry;

#[cfg(feature = "default-backing")]
#[allow(unsafe_code)]
pub mod builtin;

#[allow(unsafe_code)]
mod slot;

pub mod registry;

#[allow(unsafe_code)]
pub mod layer;

#[cfg(feature = "allocator-api2")]
#[allow(unsafe_code)]
pub mod api2;

#[cfg(feature = "allocator-api2")]
pub use allocator_api2;
#[cfg(feature = "allocator-api2")]
pub use api2::AllocatorBacking;
#[cfg(feature = "default-backing")]
pub use builtin::DEFAULT_BACKING;
pub use entry::{AllocateFn, AllocatorEntry, FAILING_BACKING};
pub use error::{AllocError, FrontendTaken, LayoutError};
pub use header::{AllocHeader, DeleteSpace, TiedHeader};
#[cfg(feature = "default-backing")]
pub use layer::layer_usual_size;
pub use layer::{is_mine, layer_allocate, layer_release_far, layer_release_near};
pub use locate::{delete, delete_space_of, header_of, tied_header_of, word_of};
pub use offset::{BlockLayout, MAX_ALIGN, MIN_ALIGN, NEAR_ALIGN, body_offset};
#[cfg(not(loom))]
pub use registry::REGISTRY;
pub use registry::Registry;

/// Compiles and runs the README's example.
#[cfg(all(
    doctest,
    not(loom),
    feature = "allocator-api2",
    feature = "default-backing"
))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles and runs the twenty lines of the repository's `docs/embedding.md`.
#[cfg(all(doctest, not(loom), feature = "allocator-api2"))]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
