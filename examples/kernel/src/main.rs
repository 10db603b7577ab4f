//! A small x86-64 kernel that embeds `alloc-header` and `object-core`, and tries them out.
//!
//! ```text
//!   objects (object-core)
//!      | try_new, try_with_items                     type table, drop list
//!   owner: the 16-byte header's word is a task's number      | Vec, Box
//!      | layer_allocate                                      |
//!   arena: a slab through allocator-api2          heap: a slab as #[global_allocator]
//!      \_________________ frames: 4096 bytes each ___________/
//! ```
//!
//! QEMU starts it (`make kernel`); it prints a report on the serial line and ends QEMU with a code
//! that says pass or fail. Only the `try_` forms exist here: the feature `infallible` is off.
//!
//! The `mod` lines stand in layer order: machine, memory, objects, checks.

#![no_std]
#![no_main]

#[allow(unsafe_code)]
mod mem;

#[allow(unsafe_code)]
mod boot;

#[allow(unsafe_code)]
mod port;

mod print;

mod stop;

#[allow(unsafe_code)]
mod lock;

#[allow(unsafe_code)]
mod tables;

#[allow(unsafe_code)]
mod vectors;

#[allow(unsafe_code)]
mod timer;

#[allow(unsafe_code)]
mod step;

#[allow(unsafe_code)]
mod machine;

#[allow(unsafe_code)]
mod frames;

#[allow(unsafe_code)]
mod slab;

mod refusal;

#[allow(unsafe_code)]
mod heap;

#[allow(unsafe_code)]
mod arena;

#[allow(unsafe_code)]
mod owner;

#[allow(unsafe_code)]
mod objects;

mod report;

mod handles;

mod places;

mod failures;

#[allow(unsafe_code)]
mod race;

#[allow(unsafe_code)]
mod every_instruction;

#[allow(unsafe_code)]
mod raw;

mod costs;

mod chain;

#[allow(unsafe_code)]
mod start;
