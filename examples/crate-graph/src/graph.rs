//! `crate_graph.Graph`.

use rust_binding::prelude::*;

use crate::package::{Package, packages};
use crate::tally::{GRAPHS, Tally};

/// The packages of one lock file.
///
/// # Invariants
///
/// `packages` and `roots` hold packages only.
#[derive(Object, Debug)]
#[object(key = "crate_graph.Graph")]
#[repr(C)]
pub struct Graph {
    header: ObjectHeader,
    /// Where the file was read.
    path: Str,
    /// The first of the roots.
    root: ObjectArc<Package>,
    /// All packages, in the file's order.
    packages: Array,
    /// The local packages that nobody depends on, in the file's order.
    roots: Array,
    #[object(skip)]
    tally: Tally,
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
}

#[methods]
impl Graph {
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
