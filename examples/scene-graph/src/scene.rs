//! What Rust does to a whole tree.

use rust_binding::prelude::*;

use crate::node::Node;

/// Hangs a tree of new nodes under a node; how many.
///
/// # Errors
///
/// `ValueError` for a tree of more than 10000, `MemoryError`.
#[function(name = "scene_graph.grow")]
pub fn grow(node: ObjectArc<Node>, depth: u32, width: u32) -> Result<i64, Error> {
    let many = (0..depth).try_fold(1u32, |all, _| all.checked_mul(width.max(1)));
    if many.is_none_or(|many| many > 10_000) {
        return Err(Error::new("ValueError", "a tree of more than 10000 nodes"));
    }
    let mut made = 0;
    let mut row = vec![node];
    for level in 0..depth {
        let mut next = Vec::new();
        for parent in &row {
            let name = parent.name.load(parent);
            for at in 0..width {
                let spread = 420.0 / f64::from(width.pow(level + 1));
                let x = spread * (f64::from(at) - f64::from(width - 1) / 2.0);
                let child = Node::named(&format!("{name}.{at}"), x, 60.0);
                next.push(Node::add(parent, child)?);
                made += 1;
            }
        }
        row = next;
    }
    Ok(made)
}

/// Moves every node of a tree but the first, and so calls every `on_change`.
///
/// # Errors
///
/// What an `on_change` raised; the nodes before have moved.
#[function(name = "scene_graph.shake")]
pub fn shake(node: ObjectArc<Node>, by: f64) -> Result<(), Error> {
    let mut rest = Node::children(&node);
    while let Some(node) = rest.pop() {
        Node::move_by(&node, by, 0.0)?;
        rest.extend(Node::children(&node));
    }
    Ok(())
}
