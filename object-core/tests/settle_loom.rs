//! First use of the runtime against adoption, under every interleaving: a copy of object-core is
//! Unset, then for ever Own or Adopted, and whoever sees a table sees it whole. And copies with one
//! weakness each, which the same models must find. `make loom` runs it.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "modelled/run.rs"]
mod run;

use std::ptr::{from_ref, null_mut};
use std::sync::Arc; // not loom's, which would order more than the anchor does

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicPtr;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::thread;
use object_core::settle::Settled;

/// A runtime table: written before it is handed over, read by who finds it.
struct Table(UnsafeCell<u32>);

// SAFETY: loom watches the cell.
unsafe impl Sync for Table {}

impl Table {
    fn read(&self) -> u32 {
        // SAFETY: loom panics if it may still be being written.
        self.0.with(|value| unsafe { *value })
    }
}

/// A table that lives as long as the process: a few bytes for each interleaving.
fn table(value: u32) -> &'static Table {
    let table = Box::leak(Box::new(Table(UnsafeCell::new(0))));
    // SAFETY: nobody else knows it yet.
    table.0.with_mut(|cell| unsafe { *cell = value });
    table
}

trait Anchor: Send + Sync + 'static {
    fn new() -> Self;
    fn get(&self) -> Option<&'static Table>;
    fn settle(&self, table: &'static Table) -> &'static Table;
}

impl Anchor for Settled<Table> {
    fn new() -> Self {
        Settled::new()
    }
    fn get(&self) -> Option<&'static Table> {
        Settled::get(self)
    }
    fn settle(&self, table: &'static Table) -> &'static Table {
        Settled::settle(self, table)
    }
}

const RELAXED_GET: u8 = 1;
const RELAXED_SETTLE: u8 = 2;
const RELAXED_LOSER: u8 = 3;
const LOOKS_THEN_STORES: u8 = 4;

/// The same steps, but for one.
struct Twin<const FLAW: u8>(AtomicPtr<Table>);

impl<const FLAW: u8> Anchor for Twin<FLAW> {
    fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    fn get(&self) -> Option<&'static Table> {
        let order = if FLAW == RELAXED_GET {
            Relaxed
        } else {
            Acquire
        };
        // SAFETY: null or leaked.
        unsafe { self.0.load(order).as_ref() }
    }

    fn settle(&self, table: &'static Table) -> &'static Table {
        let new = from_ref(table).cast_mut();
        if FLAW == LOOKS_THEN_STORES {
            return self.get().unwrap_or_else(|| {
                self.0.store(new, Release); // somebody may have been faster
                table
            });
        }
        let done = if FLAW == RELAXED_SETTLE {
            Relaxed
        } else {
            AcqRel
        };
        let failed = if FLAW == RELAXED_LOSER {
            Relaxed
        } else {
            Acquire
        };
        match self.0.compare_exchange(null_mut(), new, done, failed) {
            Ok(_) => table,
            // SAFETY: leaked.
            Err(there) => unsafe { &*there },
        }
    }
}

fn first_use_races_adoption<A: Anchor>() {
    let anchor = Arc::new(A::new());
    let host = thread::spawn({
        let anchor = anchor.clone();
        move || {
            let table = table(2);
            let in_force = anchor.settle(table);
            (in_force.read(), std::ptr::eq(in_force, table)) // adopted, or "already runs its own"
        }
    });
    let own = table(1);
    let in_force = anchor.settle(own);
    let mine = (in_force.read(), std::ptr::eq(in_force, own));
    let theirs = host.join().unwrap();
    assert_eq!(mine.0, theirs.0, "two runtimes in one copy");
    assert!(
        mine.1 != theirs.1,
        "exactly one of the two is told that it was first"
    );
    assert_eq!(
        anchor.get().map(Table::read),
        Some(mine.0),
        "it never changes after"
    );
}

fn a_count_that_finds_a_table_finds_it_whole<A: Anchor>() {
    let anchor = Arc::new(A::new());
    let user = thread::spawn({
        let anchor = anchor.clone();
        move || anchor.settle(table(1)).read()
    });
    assert!([None, Some(1)].contains(&anchor.get().map(Table::read)));
    assert_eq!(user.join().unwrap(), 1);
}

/// One test, because a panic hook is the process's.
#[test]
fn the_anchor_passes_every_model_and_each_weakness_fails_its_own() {
    type Real = Settled<Table>;
    type Sound = Twin<0>; // without a flaw the copy is as good; so what is caught is the flaw
    models! {
        holds first_use_races_adoption::<Real>;
        holds a_count_that_finds_a_table_finds_it_whole::<Real>;

        holds first_use_races_adoption::<Sound>;
        holds a_count_that_finds_a_table_finds_it_whole::<Sound>;

        is_caught first_use_races_adoption::<Twin<RELAXED_SETTLE>>;
        is_caught first_use_races_adoption::<Twin<RELAXED_LOSER>>;
        is_caught first_use_races_adoption::<Twin<LOOKS_THEN_STORES>>;
        is_caught a_count_that_finds_a_table_finds_it_whole::<Twin<RELAXED_GET>>;
        is_caught a_count_that_finds_a_table_finds_it_whole::<Twin<RELAXED_SETTLE>>;
    }
}
