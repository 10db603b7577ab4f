//! Tieback under random programs.
//!
//! A *program* is a run of bytes, read as operations ([`program`]). Each module below has a `World`
//! that plays such operations against the project's public interface and against a model of it,
//! made of what is known to be right (`std::sync::Arc`, sums in 128 bits, a table in a `HashMap`),
//! and compares the two after every step.
//!
//! libFuzzer finds the programs (`fuzz_targets/`, `make fuzz`); those worth keeping are in `corpus/`,
//! and `tests/replay.rs` plays them, and random ones, on stable Rust.
//!
//! - [`block_layout`]: the sums of blocks; bodies from every kind of backing.
//! - [`object_ops`]: lifetimes of objects, with memory running out and destructors that panic.
//! - [`type_table`]: descriptions that lie, objects made by reflection.
//! - [`any_round_trip`]: values into an `Any` and out of it as every type.
//! - [`packed_calls`]: arguments that lie about their type and count; the functions by name.
//! - [`handshake`]: tables and replies of every size and version.
//! - [`tie_ops`]: the tie's doors, with an interpreter that is a struct.

pub mod heap;
pub mod program;
pub mod quiet;

pub mod arena;
pub mod objects;
pub mod values;

pub mod any_round_trip;
pub mod block_layout;
pub mod handshake;
pub mod object_ops;
pub mod packed_calls;
pub mod tie_ops;
pub mod type_table;

use program::{Play, decode};

/// Plays the program in `bytes` from a fresh world to its end.
///
/// # Panics
///
/// Project and model disagree, or memory was left behind.
pub fn run<P: Play>(bytes: &[u8]) {
    quiet::install();
    objects::register();
    let program = decode::<P::Op>(bytes);
    let before = heap::live();
    let mut world = P::begin();
    for op in &program {
        world.apply(op);
    }
    world.end();
    if P::LEAVES_NOTHING {
        assert_eq!(heap::live(), before, "blocks were left behind");
    }
}

/// The operations in `bytes`, one a line: what a failing program did.
#[must_use]
pub fn show<P: Play>(bytes: &[u8]) -> String {
    let lines = decode::<P::Op>(bytes)
        .into_iter()
        .map(|op| format!("{op:?}\n"));
    lines.collect()
}

/// A target, for the tests.
pub struct Target {
    /// Its name: that of the binary, the module and the corpus folder.
    pub name: &'static str,
    /// Plays a program.
    pub run: fn(&[u8]),
    /// Prints a program.
    pub show: fn(&[u8]) -> String,
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: run::<$name::World>,
            show: show::<$name::World>,
        }),*];
    };
}
targets!(
    block_layout,
    object_ops,
    type_table,
    any_round_trip,
    packed_calls,
    handshake,
    tie_ops
);
