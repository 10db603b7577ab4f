//! A chain that is far longer than the stack is deep, dropped within a scope.

use object_core::{DropScope, NewError, ObjectArc};

use crate::boot::{STACK, deepest, paint_stack};
use crate::objects::{Node, dropped};
use crate::print::say;

const LENGTH: u64 = 100_000;

/// Builds and drops it.
pub(crate) fn dropped_in_a_scope() -> Result<(), NewError> {
    let before = dropped();
    paint_stack();
    // Opened first, and so closed last, also when building fails half-way.
    let scope = DropScope::open();
    let mut chain = None;
    for value in 0..LENGTH {
        let node = Node::new(value, chain.take());
        chain = Some(ObjectArc::try_new(node).map_err(|error| error.cause)?);
    }
    drop(chain);
    drop(scope);
    assert!(dropped() as u64 == before as u64 + LENGTH);
    say!(
        "chain: {LENGTH} objects dropped in a scope; {} bytes of stack of {STACK}",
        deepest()
    );
    Ok(())
}
