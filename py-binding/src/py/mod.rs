//! CPython as the tie's host, and all that Python sees.
//!
//! Lowest first; a file uses only files above its own. Two calls go upward, through hooks that are
//! set once at import: making a class for a type that has none (`classes::set_maker`), and the entry
//! point of Python callables (`carrier::set_entry`).

mod allocator;
mod array;
mod attached;
mod call;
mod callback;
mod carrier;
mod classes;
mod construct;
mod counts;
mod error_type;
mod errors;
mod fields;
mod fill;
mod hold;
mod host;
mod into;
mod long_way;
mod module;
mod moved;
mod out;
#[allow(unsafe_code)]
mod plan;
mod pyclass;
mod raise;
mod reflect;
mod refs;
mod registry;
mod slots;
mod store;
mod testing;
mod wrapper;
