//! CPython as the tie's host, and all that Python sees.
//!
//! Lowest first; a file uses only files above its own. Three calls go upward, through hooks that are
//! set once at import: making a class for a type that has none (`classes::set_maker`), the entry
//! point of Python callables (`carrier::set_entry`), and what the collector found (`share::set_holders`).
//!
//! # Locks and forks
//!
//! The locks of the standard library here are taken by attached threads, and nothing under them lets go of
//! the interpreter: no Python code, no detaching, no wait for another lock of the interpreter's. A fork is
//! made by an attached thread too, which has the GIL, or has stopped all others where they may be
//! stopped (`PyOS_BeforeFork`, 3.13 on): no other thread is inside, and the child finds them open.

mod hang;
mod fallible;
mod raise;
mod spec;
mod refs;
mod begin;
mod immortal;
mod counts;
mod stack;
mod blocks;
mod notes;
mod storage;
mod first_state;
mod share;
mod fork;
mod spare;
mod near;
mod kept;
mod wrapper;
mod hold;
mod attached;
mod plan;
mod descriptor;
mod classes;
mod allocator;
mod host;
mod trim;
mod moved;
mod carrier;
mod passes;
mod records;
mod doomed;
mod collect;
mod dealloc;
mod errors;
mod out;
mod scalars;
mod nesting;
mod into;
mod callback;
mod call;
mod context;
mod misfit;
mod store;
mod fields;
mod fill;
mod long_way;
mod construct;
mod slots;
mod method;
mod reflect;
mod items;
mod array;
mod filler;
mod list;
mod list_methods;
mod keys;
mod map;
mod map_methods;
mod iterate;
mod error_type;
mod pyclass;
mod registry;
mod look;
mod testing;
mod capsule;
mod module;
