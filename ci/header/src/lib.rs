//! `include/tieback.h`: the ABI for C, made from the Rust definitions.
//!
//! ```text
//! object-core/src/*.rs, alloc-header/src/*.rs --flatten--> one Rust file --cbindgen--> the shared structs
//!                                                                    helpers.h --> what is inline in C
//! ```
//!
//! The tests say when the header in the tree is another one, and hold it against `docs/abi.md`, offset
//! by offset, with the C compiler.

mod flatten;

mod make;

pub use crate::make::{MakeError, header_path, make_header, repository};
