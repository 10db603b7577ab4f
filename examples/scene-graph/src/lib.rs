//! A scene: nodes that own their children, know their parent, and tell when they change.
//!
//! | name | what it is |
//! |---|---|
//! | `scene_graph.Node(name, x=0, y=0)` | a node; its place is relative to its parent |
//! | `scene_graph.grow(node, depth, width)` | hangs a tree of new nodes under a node, in Rust |
//! | `scene_graph.shake(node, by)` | moves every node of a tree, in Rust, which calls `on_change` |
//!
//! Children are owned, the parent is a weak reference: so a tree has no cycles, and dies with its root.

mod node;

mod scene;

pub use crate::node::Node;
pub use crate::scene::{grow, shake};

rust_binding::export_library!(|exports| {
    exports.object_type::<Node>();
    exports.free_function::<grow>().free_function::<shake>();
    Ok(())
});
