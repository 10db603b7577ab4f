//! Reads a `Cargo.lock` into a graph of shared packages, and exports it to every frontend.
//!
//! # What a frontend sees
//!
//! | name | what it is |
//! |---|---|
//! | `crate_graph.load(path)` | the `Graph` of a lock file |
//! | `crate_graph.stats()` | a `Stats`: how many objects are alive |
//! | `crate_graph.identity(package)` | the package it was given |
//! | `crate_graph.Graph` | `path`, `root`, `packages`, `roots`; `label()`, `find(name)`, `edges()` |
//! | `crate_graph.Package` | `name`, `version`, `source`, `checksum`, `dependencies`; `label()`, `dependents()`, `cyclic_dependencies()` |
//! | `crate_graph.Stats` | `packages`, `graphs`, `packages_made` |
//!
//! A file that is not there raises `FileNotFoundError`, one that is no lock file `ValueError`; each
//! message is one line that names the path.
//!
//! # Who owns whom
//!
//! The graph owns every package; a package owns its `dependencies`. Dependents are weak references,
//! and so is the edge that would close a cycle: it stands in `cyclic_dependencies()` instead.
//!
//! # Rooms, lowest first
//!
//! `tally` counts; `lock` reads the file into plain numbers and strings; `order` finds an order and the
//! edges that close cycles; `package`, `graph` and `stats` are the objects; `load` makes them.

mod tally;

mod lock;

mod order;

mod package;

mod graph;

mod stats;

mod load;

use rust_binding::{ObjectArc, Str};

pub use crate::graph::Graph;
pub use crate::load::load;
pub use crate::package::Package;
pub use crate::stats::{Stats, stats};

rust_binding::export_library!(|exports| {
    exports
        .object_type::<Package>()
        .object_type::<Graph>()
        .object_type::<Stats>();
    exports
        .function("crate_graph.load", |path: Str| load(&*path))
        .function("crate_graph.stats", stats)
        .function("crate_graph.identity", |package: ObjectArc<Package>| {
            package
        });
    Ok(())
});

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
