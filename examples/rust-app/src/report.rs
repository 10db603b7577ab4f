//! `rust_app.Report`: an object type of the application's own.

use std::sync::{Mutex, PoisonError};

use rust_binding::prelude::*;

/// Packages and how many others depend on each.
#[derive(Object, Debug)]
#[object(key = "rust_app.Report")]
#[repr(C)]
pub(crate) struct Report {
    header: ObjectHeader,
    #[object(skip)]
    rows: Mutex<Vec<(usize, Str, ObjectRef)>>,
}

impl Report {
    pub(crate) fn new() -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            rows: Mutex::default(),
        })
    }

    /// Counts a package.
    pub(crate) fn add(&self, package: &ObjectRef, dependents: usize) -> Result<(), Error> {
        let row = (dependents, package.field("name")?, package.clone());
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
        Ok(())
    }

    /// The packages that most others depend on, each as `line` says it.
    pub(crate) fn top(&self, count: usize, line: &Function) -> Result<Vec<Str>, Error> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.as_str().cmp(b.1.as_str())));
        let top: Vec<_> = rows.iter().take(count).cloned().collect();
        drop(rows); // `line` is anybody's code
        top.iter()
            .map(|(dependents, _, package)| line.call((package, *dependents)))
            .collect()
    }
}
