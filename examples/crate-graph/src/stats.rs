//! `crate_graph.Stats`.

use rust_binding::prelude::*;

use crate::tally::{GRAPHS, PACKAGES};

/// How many objects of crate_graph are alive: a snapshot.
#[derive(Object, Debug)]
#[object(key = "crate_graph.Stats")]
#[repr(C)]
pub struct Stats {
    header: ObjectHeader,
    /// Packages alive.
    pub packages: i64,
    /// Graphs alive.
    pub graphs: i64,
    /// Packages ever made.
    pub packages_made: i64,
}

/// How many objects are alive now.
///
/// # Errors
///
/// No memory for the answer.
pub fn stats() -> Result<ObjectArc<Stats>, Error> {
    let stats = Stats {
        header: ObjectHeader::new(),
        packages: PACKAGES.alive(),
        graphs: GRAPHS.alive(),
        packages_made: PACKAGES.made(),
    };
    ObjectArc::try_new(stats).map_err(|error| error.cause.into())
}
