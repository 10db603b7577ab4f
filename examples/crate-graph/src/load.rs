//! From a lock file to shared objects.

use std::collections::HashSet;
use std::path::Path;

use rust_binding::{Error, ObjectArc};

use crate::graph::Graph;
use crate::lock::{Entry, read};
use crate::order::untangle;
use crate::package::{Links, Package};

/// Reads the lock file at `path`.
///
/// # Errors
///
/// `FileNotFoundError`, `IsADirectoryError`, `PermissionError` or `OSError` if it cannot be read;
/// `ValueError` if it is no lock file. The message is one line and names the path.
pub fn load(path: impl AsRef<Path>) -> Result<ObjectArc<Graph>, Error> {
    let path = path.as_ref();
    let entries = read(path)?;
    let roots = roots(&entries);
    let packages = make(&entries, &roots)?;
    Graph::make(&path.display().to_string(), packages, &roots)
}

/// Positions of the roots: the local packages that nobody depends on. If there is none (they
/// depend on each other), the first local one; if none is local, the same among all.
fn roots(entries: &[Entry]) -> Vec<usize> {
    let mut wanted = vec![false; entries.len()];
    for (at, entry) in entries.iter().enumerate() {
        for &to in entry.dependencies.iter().filter(|&&to| to != at) {
            wanted[to] = true;
        }
    }
    let local: Vec<usize> = (0..entries.len())
        .filter(|&at| entries[at].source.is_none())
        .collect();
    let candidates = if local.is_empty() {
        (0..entries.len()).collect()
    } else {
        local
    };
    let free: Vec<usize> = candidates
        .iter()
        .copied()
        .filter(|&at| !wanted[at])
        .collect();
    if free.is_empty() {
        candidates[..1].to_vec()
    } else {
        free
    }
}

/// The packages, in the file's order, linked.
fn make(entries: &[Entry], roots: &[usize]) -> Result<Vec<ObjectArc<Package>>, Error> {
    let edges: Vec<Vec<usize>> = entries
        .iter()
        .map(|entry| entry.dependencies.clone())
        .collect();
    let untangled = untangle(&edges, roots);
    let closing: HashSet<(usize, usize)> = untangled.closing.iter().copied().collect();
    let closes = |from: usize, to: usize| closing.contains(&(from, to));
    // Dependencies first, so that each package finds those it owns.
    let mut made: Vec<Option<ObjectArc<Package>>> = vec![None; entries.len()];
    for &at in &untangled.order {
        let owned = edges[at].iter().filter(|&&to| !closes(at, to));
        let owned = owned.filter_map(|&to| made[to].clone()).collect();
        made[at] = Some(Package::make(&entries[at], owned)?);
    }
    let packages: Vec<ObjectArc<Package>> = made.into_iter().flatten().collect();
    let mut links: Vec<Links> = packages.iter().map(|_| Links::default()).collect();
    for (from, tos) in edges.iter().enumerate() {
        for &to in tos {
            links[to]
                .dependents
                .push(ObjectArc::downgrade(&packages[from]));
            if closes(from, to) {
                links[from].cyclic.push(ObjectArc::downgrade(&packages[to]));
            }
        }
    }
    for (package, links) in packages.iter().zip(links) {
        package.link(links);
    }
    Ok(packages)
}
