//! What the benchmarks and the instruction budget (`ci/budget.sh`) are about.

#[allow(unsafe_code)]
mod objects;

pub use objects::{Boxed, Node, Numbers, boxed, numbers};
