//! `crate_graph.Package`.

use std::sync::OnceLock;

use rust_binding::prelude::*;

use crate::lock::Entry;
use crate::tally::{PACKAGES, Tally};

/// One package of a lock file, shared by all that depend on it.
///
/// # Invariants
///
/// `dependencies` holds packages only. `links` is set before the package leaves `load`.
#[derive(Object, Debug)]
#[object(key = "crate_graph.Package")]
#[repr(C)]
pub struct Package {
    header: ObjectHeader,
    /// What it is called.
    name: Str,
    /// Which version of it.
    version: Str,
    /// Where it comes from; None for a local one.
    source: Any,
    /// Of what was downloaded, or None.
    checksum: Any,
    /// The packages it owns.
    dependencies: Array,
    #[object(skip)]
    links: OnceLock<Links>,
    #[object(skip)]
    tally: Tally,
}

/// The references that do not own.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Who depends on it, in the file's order.
    pub(crate) dependents: Vec<WeakObjectArc<Package>>,
    /// What it depends on by an edge that closes a cycle, in the file's order.
    pub(crate) cyclic: Vec<WeakObjectArc<Package>>,
}

#[methods]
impl Package {
    /// Name and version: `serde 1.0.0`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The packages that depend on it and are alive, in the file's order.
    #[must_use]
    pub fn dependents(&self) -> Vec<ObjectArc<Self>> {
        self.alive(|links| &links.dependents)
    }

    /// The packages it depends on without owning them, because the edge closes a cycle; those that
    /// are alive.
    #[must_use]
    pub fn cyclic_dependencies(&self) -> Vec<ObjectArc<Self>> {
        self.alive(|links| &links.cyclic)
    }
}

impl Package {
    /// A package that owns `dependencies`; its links come later.
    pub(crate) fn make(
        entry: &Entry,
        dependencies: Vec<ObjectArc<Self>>,
    ) -> Result<ObjectArc<Self>, Error> {
        let text = |text: &Option<String>| -> Result<Any, Error> {
            Ok(text.as_deref().map(Str::try_new).transpose()?.into())
        };
        let package = Self {
            header: ObjectHeader::new(),
            name: Str::try_new(&entry.name)?,
            version: Str::try_new(&entry.version)?,
            source: text(&entry.source)?,
            checksum: text(&entry.checksum)?,
            dependencies: Array::try_from_values(dependencies)?,
            links: OnceLock::new(),
            tally: PACKAGES.tally(),
        };
        ObjectArc::try_new(package).map_err(|error| error.cause.into())
    }

    /// Sets the weak references; `load` does, once.
    pub(crate) fn link(&self, links: Links) {
        let first = self.links.set(links);
        debug_assert!(first.is_ok(), "a package is linked once");
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which version of it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The packages it depends on and owns, in the file's order.
    pub fn dependencies(&self) -> impl ExactSizeIterator<Item = ObjectArc<Self>> {
        packages(&self.dependencies)
    }

    fn alive(&self, which: impl Fn(&Links) -> &Vec<WeakObjectArc<Self>>) -> Vec<ObjectArc<Self>> {
        let all = self.links.get().map(which).into_iter().flatten();
        all.filter_map(WeakObjectArc::upgrade).collect()
    }
}

/// The packages of an array that holds nothing else.
pub(crate) fn packages(array: &Array) -> impl ExactSizeIterator<Item = ObjectArc<Package>> {
    array
        .iter()
        .map(|package| package.get().expect("an array of packages"))
}
