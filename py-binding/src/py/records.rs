//! What a pass of the collector has noted of each wrapper that it came by, and of natives without one.

use core::hash::BuildHasherDefault;

use hashbrown::HashMap;
use object_core::Edge;
use object_core::count::Counts;
use smallvec::SmallVec;

use crate::py::near::Near;

/// Who holds an object natively, besides its wrapper: by strong references, and by weak ones of which somebody
/// can make strong ones without asking its wrapper.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Natives {
    pub(crate) strong: u32,
    pub(crate) weak: u32,
}

impl Natives {
    /// Those of the object of a wrapper. `stateful`: the wrapper has state, and so shares the object's life to its end.
    /// While only such a wrapper holds its object, who makes a strong reference of a weak one attaches first, and so
    /// waits for the collector; then weak ones do not matter. (One without state ceases to share when it is cleared.)
    pub(crate) fn of(counts: &Counts, stateful: bool) -> Self {
        // Of one moment: else a thread that makes one kind of the other would be in neither.
        let (strong, weak) = counts.both();
        let strong = strong - 1;
        let weak = if strong == 0 && stateful { 0 } else { weak };
        Self { strong, weak }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// What was found of a wrapper, or of a native object without one, in this pass.
#[derive(Default, Clone, Copy)]
pub(crate) struct Record {
    /// Where the pass's list has what its object holds.
    from: u32,
    to: u32,
    /// How many that hold its object natively were found.
    pub(crate) holders: Natives,
    /// All of them were, and what follows from that was done.
    closed: bool,
    /// The pass has come by the wrapper, and added a reference for who holds its object natively.
    pub(crate) added: bool,
    /// Nobody in Python holds the wrapper: it goes by itself in this collection.
    pub(crate) dying: bool,
    /// A native: what it leads to was reached.
    reached: bool,
}

/// What is found is a Python object; or with this bit, a native one that has a record.
pub(crate) const NATIVE: usize = 1;
/// With this one, the hold on a Python object that was found, too: nothing to go to.
pub(crate) const HOLD: usize = 2;

/// What one object leads to: mostly a few.
pub(crate) type Found = SmallVec<[usize; 6]>;

type Records = HashMap<usize, Record, BuildHasherDefault<Near>>;

/// The pass under way, or the last one. Guarded by the interpreter, and by a lock so that Rust knows.
pub(crate) struct Collection {
    pub(crate) pass: u32,
    /// By the addresses of wrappers and natives; made by the first.
    records: Option<Records>,
    found: Vec<usize>,
    /// Not all could be noted: from here on nobody is the last to hold anything.
    short: bool,
}

impl Collection {
    pub(crate) const fn new() -> Self {
        Self {
            pass: 0,
            records: None,
            found: Vec::new(),
            short: false,
        }
    }

    /// A new pass: what the last one noted goes, and what memory it took.
    pub(crate) fn begin(&mut self) {
        self.pass = self.pass.wrapping_add(1);
        self.found = Vec::new();
        self.records = None;
        self.short = false;
    }

    /// The record of a wrapper or a native, if there is memory for it.
    pub(crate) fn record(&mut self, of: usize) -> Option<&mut Record> {
        let records = self.records.get_or_insert_default();
        if records.try_reserve(1).is_err() {
            self.short = true;
            return None;
        }
        Some(records.entry(of).or_default())
    }

    pub(crate) fn known(&self, of: usize) -> Record {
        let records = self.records.as_ref();
        records
            .and_then(|records| records.get(&of).copied())
            .unwrap_or_default()
    }

    /// One more was found that holds it natively; whether that makes `all` of them, which is said once.
    pub(crate) fn is_last_holder(&mut self, of: usize, edge: Edge, all: Natives) -> bool {
        let short = self.short;
        let Some(record) = self.record(of) else {
            return false;
        };
        match edge {
            Edge::Strong => record.holders.strong += 1,
            Edge::Weak => record.holders.weak += 1,
        }
        let closes = record.holders == all && !record.closed && !short;
        record.closed |= closes;
        closes
    }

    /// Nobody holds a wrapper's object natively; whether that is the first that is said of all who do.
    pub(crate) fn is_first_to_close(&mut self, of: usize) -> bool {
        self.record(of)
            .is_some_and(|record| !core::mem::replace(&mut record.closed, true))
    }

    /// Notes what a wrapper or a native holds; false if there is no memory for that.
    pub(crate) fn note(&mut self, of: usize, found: &[usize]) -> bool {
        if found.is_empty() {
            return true;
        }
        let (from, to) = (self.found.len(), self.found.len() + found.len());
        let (Ok(from), Ok(to), Ok(())) = (
            u32::try_from(from),
            u32::try_from(to),
            self.found.try_reserve(found.len()),
        ) else {
            self.short = true;
            return false;
        };
        let Some(record) = self.record(of) else {
            return false;
        };
        (record.from, record.to) = (from, to);
        self.found.extend_from_slice(found);
        true
    }

    /// What was noted of a wrapper that is reached, natives walked through: each once, since what it led to is
    /// reached from then on.
    pub(crate) fn noted(&mut self, of: usize) -> Found {
        let (mut into, mut next) = (Found::new(), Found::new());
        next.push(of);
        while let Some(at) = next.pop() {
            let record = self.known(at);
            for i in record.from as usize..record.to as usize {
                let found = self.found[i];
                if found & NATIVE == 0 {
                    into.push(found);
                    continue;
                }
                let records = self.records.as_mut();
                // One without a record was never walked through.
                if let Some(native) = records.and_then(|records| records.get_mut(&found)) {
                    if !core::mem::replace(&mut native.reached, true) {
                        next.push(found);
                    }
                }
            }
        }
        into
    }
}
