//! `crate_graph.Package`.

use std::sync::OnceLock;

use rust_binding::prelude::*;

use crate::lock::Entry;
use crate::tally::{PACKAGES, Tally};

/// One package of a lock file.
///
/// # Invariants
///
/// `dependencies` holds packages only. `links` is set before the package leaves `load`.
#[repr(C)]
#[derive(Debug)]
pub struct Package {
    header: ObjectHeader,
    name: Str,
    version: Str,
    source: Any,
    checksum: Any,
    dependencies: Array,
    links: OnceLock<Links>,
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

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's; all reflected
// fields are frozen.
unsafe impl Object for Package {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("crate_graph.Package")
                .doc("One package of a lock file, shared by all that depend on it.")
                .field("name", "What it is called.", field!(Package, name))
                .field("version", "Which version of it.", field!(Package, version))
                .field(
                    "source",
                    "Where it comes from; None for a local one.",
                    field!(Package, source),
                )
                .field(
                    "checksum",
                    "Of what was downloaded, or None.",
                    field!(Package, checksum),
                )
                .field(
                    "dependencies",
                    "The packages it owns.",
                    field!(Package, dependencies),
                )
                .typed_method("label", "Name and version.", |this: ObjectArc<Self>| {
                    this.label()
                })
                .typed_method(
                    "dependents",
                    "The packages that depend on it and are alive.",
                    |this: ObjectArc<Self>| this.dependents(),
                )
                .typed_method(
                    "cyclic_dependencies",
                    "The packages it depends on without owning them, because the edge closes a \
                     cycle; those that are alive.",
                    |this: ObjectArc<Self>| this.cyclic_dependencies(),
                )
                .register()
        })
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

    /// Name and version: `serde 1.0.0`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The packages it depends on and owns, in the file's order.
    pub fn dependencies(&self) -> impl ExactSizeIterator<Item = ObjectArc<Self>> {
        packages(&self.dependencies)
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
