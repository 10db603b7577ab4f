//! What the benchmarks and the instruction budget (`ci/budget.sh`) are about.

#[allow(unsafe_code)]
mod objects;

#[cfg(feature = "tvm-ffi")]
#[allow(unsafe_code)]
pub mod tvm;

pub use objects::{Boxed, Node, Numbers, Payload, boxed, numbers};
