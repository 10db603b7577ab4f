//! `crate_graph.Graph`.

use rust_binding::prelude::*;

use crate::package::{Package, packages};
use crate::tally::{GRAPHS, Tally};

/// The packages of one lock file; it owns them all.
///
/// # Invariants
///
/// `packages` and `roots` hold packages only.
#[repr(C)]
#[derive(Debug)]
pub struct Graph {
    header: ObjectHeader,
    path: Str,
    root: ObjectArc<Package>,
    packages: Array,
    roots: Array,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's; all reflected
// fields are frozen.
unsafe impl Object for Graph {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("crate_graph.Graph")
                .doc("The packages of one lock file.")
                .field("path", "Where the file was read.", field!(Graph, path))
                .field("root", "The first of the roots.", field!(Graph, root))
                .field(
                    "packages",
                    "All packages, in the file's order.",
                    field!(Graph, packages),
                )
                .field(
                    "roots",
                    "The local packages that nobody depends on, in the file's order.",
                    field!(Graph, roots),
                )
                .typed_method(
                    "label",
                    "How many packages, from where.",
                    |this: ObjectArc<Self>| this.label(),
                )
                .typed_method(
                    "edges",
                    "How many dependencies, all told.",
                    |this: ObjectArc<Self>| this.edges(),
                )
                .typed_method(
                    "find",
                    "The first package of that name, or None.",
                    |this: ObjectArc<Self>, name: Str| this.find(&name),
                )
                .register()
        })
    }
}

impl Graph {
    /// A graph of those packages; `roots` are positions, at least one.
    pub(crate) fn make(
        path: &str,
        packages: Vec<ObjectArc<Package>>,
        roots: &[usize],
    ) -> Result<ObjectArc<Self>, Error> {
        let roots: Vec<ObjectArc<Package>> = roots.iter().map(|&at| packages[at].clone()).collect();
        let graph = Self {
            header: ObjectHeader::new(),
            path: Str::try_new(path)?,
            root: roots[0].clone(),
            packages: Array::try_from_values(packages)?,
            roots: Array::try_from_values(roots)?,
            tally: GRAPHS.tally(),
        };
        ObjectArc::try_new(graph).map_err(|error| error.cause.into())
    }

    /// Where the file was read.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first of the roots.
    #[must_use]
    pub fn root(&self) -> &ObjectArc<Package> {
        &self.root
    }

    /// All packages, in the file's order.
    pub fn packages(&self) -> impl ExactSizeIterator<Item = ObjectArc<Package>> {
        packages(&self.packages)
    }

    /// The local packages that nobody depends on, in the file's order.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = ObjectArc<Package>> {
        packages(&self.roots)
    }

    /// How many packages, from where.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} packages of {}", self.packages.len(), self.path)
    }

    /// How many dependencies, all told, those that close a cycle included.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.packages()
            .map(|one| one.dependencies().len() + one.cyclic_dependencies().len())
            .sum()
    }

    /// The first package of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ObjectArc<Package>> {
        self.packages().find(|package| package.name() == name)
    }
}
