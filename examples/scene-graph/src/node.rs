//! `scene_graph.Node`.

use rust_binding::prelude::*;

/// A node of a scene.
#[derive(Object, Debug)]
#[object(key = "scene_graph.Node", constructor)]
#[repr(C)]
pub struct Node {
    header: ObjectHeader,
    /// What it is called.
    pub name: MutField<Str>,
    /// To the right of its parent.
    #[object(default)]
    pub x: MutField<f64>,
    /// Below its parent.
    #[object(default)]
    pub y: MutField<f64>,
    /// Called with the node after it moved, or None.
    #[object(default)]
    pub on_change: MutField<Option<Function>>,
    /// The nodes it owns, in order; `add` and `remove` change them.
    #[object(default)]
    children: MutField<Option<Array>>,
    /// The node that owns it, or None.
    #[object(default)]
    parent: MutField<WeakObjectArc<Node>>,
}

impl Node {
    /// A node without parent or children.
    #[must_use]
    pub fn named(name: &str, x: f64, y: f64) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            name: MutField::new(Str::from(name)),
            x: MutField::new(x),
            y: MutField::new(y),
            on_change: MutField::default(),
            children: MutField::default(),
            parent: MutField::default(),
        })
    }

    /// The nodes it owns now, in order.
    #[must_use]
    pub fn children(this: &ObjectArc<Self>) -> Vec<ObjectArc<Self>> {
        let children = this.children.load(this);
        let nodes = children.iter().flatten();
        nodes.filter_map(|child| child.get().ok()).collect()
    }
}

#[methods]
impl Node {
    /// Takes a node over: from its parent, if it has one, to the end of the children.
    ///
    /// # Errors
    ///
    /// `ValueError` if the node is this one or above it, `MemoryError`.
    pub fn add(this: &ObjectArc<Self>, child: ObjectArc<Self>) -> Result<ObjectArc<Self>, Error> {
        let mut above = Some(this.clone());
        while let Some(node) = above {
            if node == child {
                let text = "a node cannot hang under itself";
                return Err(Error::new("ValueError", text));
            }
            above = node.parent.load(&node).upgrade();
        }
        if let Some(parent) = child.parent.load(&child).upgrade() {
            Self::remove(&parent, child.clone())?;
        }
        let mut children = Self::children(this);
        children.push(child.clone());
        let children = Array::try_from_values(children)?;
        this.children.store(this, Some(children));
        child.parent.store(&child, ObjectArc::downgrade(this));
        Ok(child)
    }

    /// Lets go of a child, and returns it.
    ///
    /// # Errors
    ///
    /// `ValueError` if it is none, `MemoryError`.
    pub fn remove(
        this: &ObjectArc<Self>,
        child: ObjectArc<Self>,
    ) -> Result<ObjectArc<Self>, Error> {
        let mut children = Self::children(this);
        let Some(at) = children.iter().position(|one| *one == child) else {
            return Err(Error::format(
                "ValueError",
                format_args!(
                    "{} is no child of {}",
                    child.name.load(&child),
                    this.name.load(this)
                ),
            ));
        };
        children.remove(at);
        let children = Array::try_from_values(children)?;
        this.children.store(this, Some(children));
        child.parent.store(&child, WeakObjectArc::null());
        Ok(child)
    }

    /// Moves it, and tells `on_change`.
    ///
    /// # Errors
    ///
    /// What `on_change` raised.
    #[object(rename = "move")]
    pub fn move_by(this: &ObjectArc<Self>, dx: f64, dy: f64) -> Result<(), Error> {
        this.x.store(this, this.x.load(this) + dx);
        this.y.store(this, this.y.load(this) + dy);
        match this.on_change.load(this) {
            Some(changed) => changed.call((this,)),
            None => Ok(()),
        }
    }

    /// Where it is, all parents' places added: `[x, y]`.
    pub fn place(this: &ObjectArc<Self>) -> Vec<f64> {
        let (mut x, mut y) = (0.0, 0.0);
        let mut at = Some(this.clone());
        while let Some(node) = at {
            x += node.x.load(&node);
            y += node.y.load(&node);
            at = node.parent.load(&node).upgrade();
        }
        vec![x, y]
    }
}
