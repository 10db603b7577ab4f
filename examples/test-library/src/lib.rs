//! A Tieback library that does everything a library can do, for the tests of every frontend.
//!
//! All names begin with `test_library.`; each room registers its own. `test_library.live()` counts the
//! objects of this library's types that are alive: a test asserts that it is back where it was.
//!
//! - `points`: `Point`, its heir `Point3`: fields, methods, static methods, constructors.
//! - `fields`: `Fields` and `FrozenFields`: one field of every kind, mutable and frozen; `Defaults`: made
//!   without arguments.
//! - `nodes`: `Node`: chains, weak parents, a payload of any type.
//! - `containers`: lists and dicts under threads.
//! - `arrays`: `Numbers`, `Wide`: items in the object's own block; `Aligned`: an over-aligned body.
//! - `odd`: `Loud` (its destructor panics), `OnDrop` (its destructor calls back), `Foreign` (no
//!   allocation header).
//! - `echoes`: every kind of argument and result. `callbacks`: calling functions that came in.
//! - `holds`: references kept in Rust statics. `threads`: calls on Rust threads.
//! - `shared`: references that come and go on threads that never attach.
//! - `early`: the same by the slow functions, as a library from before ABI 1.2 counts.
//! - `faults`: a backing whose n-th allocation fails.

mod tally;

mod threads;

mod points;

mod fields;

mod nodes;

mod containers;

mod arrays;

#[allow(unsafe_code)]
mod odd;

mod echoes;

mod callbacks;

#[allow(unsafe_code)]
mod holds;

mod shared;

#[allow(unsafe_code)]
mod early;

#[allow(unsafe_code)]
mod faults;

rust_binding::export_library!(|exports| {
    exports.function("test_library.live", tally::live);
    points::export(exports);
    fields::export(exports);
    nodes::export(exports);
    containers::export(exports);
    arrays::export(exports);
    odd::export(exports);
    echoes::export(exports);
    callbacks::export(exports);
    holds::export(exports);
    threads::export(exports);
    shared::export(exports);
    early::export(exports);
    faults::export(exports);
    Ok(())
});
