//! A Python program's native objects in an arena, or on mimalloc.
//!
//! # Rooms, lowest first
//!
//! `counting` counts what any allocator hands out and checks what comes back; `arena` and `general` are two
//! allocators; `choice` sets one of them; `things` are objects; `early` is an application without Python yet.

#[allow(unsafe_code)]
mod counting;

#[allow(unsafe_code)]
mod arena;

#[allow(unsafe_code)]
mod general;

mod choice;

mod things;

#[allow(unsafe_code)]
mod early;

use rust_binding::Exports;

pub use crate::choice::{Counts, counts, use_backing};
pub use crate::things::{Page, Thing};

fn collect(exports: &mut Exports) {
    exports
        .object_type::<Thing>()
        .object_type::<Page>()
        .object_type::<Counts>();
    exports
        .free_function::<use_backing>()
        .free_function::<counts>();
}

rust_binding::export_library!(|exports| {
    collect(exports);
    Ok(())
});
