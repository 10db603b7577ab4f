//! `crate_graph.Stats`.

use rust_binding::prelude::*;

use crate::tally::{GRAPHS, PACKAGES};

/// How many objects of this library are alive: a snapshot.
#[repr(C)]
#[derive(Debug)]
pub struct Stats {
    header: ObjectHeader,
    /// Packages alive.
    pub packages: i64,
    /// Graphs alive.
    pub graphs: i64,
    /// Packages ever made.
    pub packages_made: i64,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Stats {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("crate_graph.Stats")
                .doc("How many objects of crate_graph are alive: a snapshot.")
                .field("packages", "Packages alive.", field!(Stats, packages))
                .field("graphs", "Graphs alive.", field!(Stats, graphs))
                .field(
                    "packages_made",
                    "Packages ever made.",
                    field!(Stats, packages_made),
                )
                .register()
        })
    }
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
