//! Who keeps a wrapper with state of its own alive, and objects that wait for that to be settled.
//!
//! The wrapper owns one strong reference to its object. While others hold the object too, the object
//! owns one Python reference to the wrapper: so the wrapper lives as long as the object.
//!
//! ```text
//!   strong   the object owns its wrapper     so
//!   1        no                              the wrapper's last Python reference ends both
//!   2, ...   yes                             the wrapper lives though Python has let go of it
//! ```
//!
//! Counting says when the level was crossed, on whatever thread; settling is done attached, and judges by
//! the level it finds ([`on_settle`]). So crossings may be told late, twice, or in the wrong order. A
//! thread that is not attached leaves the object on a [`SettleQueue`], which holds each once and
//! allocates nothing: room is made when a wrapper is, by an attached thread.

use core::cell::UnsafeCell;

use alloc_header::primitive::hint::spin_loop;
use alloc_header::primitive::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What has to be done for a wrapper.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settling {
    /// The object takes a Python reference to its wrapper.
    Take,
    /// The object gives its Python reference up.
    Give,
    /// All is as it should be.
    Nothing,
}

/// `owned`: the object owns its wrapper; `strong`: its strong references, the wrapper's among them.
pub const fn on_settle(owned: bool, strong: u32) -> Settling {
    match (owned, strong) {
        (false, 2..) => Settling::Take,
        (true, 1) => Settling::Give,
        // Strong 0: it died, and its wrapper before it.
        _ => Settling::Nothing,
    }
}

/// Objects by address, each at most once.
///
/// A push holds the lock for a handful of instructions that neither allocate nor wait, so whoever waits
/// here waits for a thread that is at work.
///
/// # Invariants
///
/// `objects` is touched by whoever has set `locked`, `len` is its length.
pub struct SettleQueue {
    locked: AtomicBool,
    len: AtomicUsize,
    objects: UnsafeCell<Vec<usize>>,
}

// SAFETY: the vector is touched under the lock only.
unsafe impl Sync for SettleQueue {}

impl core::fmt::Debug for SettleQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SettleQueue")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// What became of an object that was to be queued.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Queued {
    /// It waits; the queue was empty before.
    First,
    /// It waits.
    Waits,
    /// It waited already.
    Already,
    /// There is no room.
    Full,
}

impl SettleQueue {
    /// Nothing waits, and nothing can.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            locked: AtomicBool::new(false),
            len: AtomicUsize::new(0),
            objects: UnsafeCell::new(Vec::new()),
        }
    }

    /// Nothing waits, and nothing can.
    #[must_use]
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            locked: AtomicBool::new(false),
            len: AtomicUsize::new(0),
            objects: UnsafeCell::new(Vec::new()),
        }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Vec<usize>) -> R) -> R {
        // Acquire: what the last holder did happens before what we do. Relaxed: then we look again.
        while self
            .locked
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            #[cfg(not(loom))]
            std::thread::yield_now();
            spin_loop();
        }
        // SAFETY: the lock is ours, so nobody else touches the vector.
        let objects = unsafe { &mut *self.objects.get() };
        let answer = work(objects);
        // INVARIANT: its length. Relaxed: see `is_empty`.
        self.len.store(objects.len(), Ordering::Relaxed);
        // Release: pairs with the Acquire above.
        self.locked.store(false, Ordering::Release);
        answer
    }

    /// Makes room for `capacity` objects in all; false if there is no memory for that.
    #[must_use]
    pub fn reserve(&self, capacity: usize) -> bool {
        self.with(|objects| {
            let more = capacity.saturating_sub(objects.len());
            objects.capacity() >= capacity || objects.try_reserve(more).is_ok()
        })
    }

    /// Puts an object there unless it waits already: `mark` says whether it does, and notes that it does
    /// from here on. Called under the lock.
    pub fn push(&self, object: usize, mark: impl FnOnce() -> bool) -> Queued {
        self.with(|objects| {
            if objects.len() == objects.capacity() {
                return Queued::Full;
            }
            if mark() {
                return Queued::Already;
            }
            objects.push(object);
            if objects.len() == 1 {
                Queued::First
            } else {
                Queued::Waits
            }
        })
    }

    /// Takes an object out; `unmark` notes, under the lock, that it waits no more: who crosses the level
    /// from here on queues it again.
    pub fn pop(&self, unmark: impl FnOnce(usize)) -> Option<usize> {
        self.with(|objects| objects.pop().inspect(|&object| unmark(object)))
    }

    /// Whether nothing waits: one relaxed load.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Relaxed: a push that this misses asks for a drain of its own.
        self.len.load(Ordering::Relaxed) == 0
    }

    /// How many wait: for people to look at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// In a forked child: nobody else is inside. A push or pop that the fork cut in two may have done either
    /// half; what waited is the child's as well.
    pub fn reset(&self) {
        self.locked.store(false, Ordering::Release);
    }
}

impl Default for SettleQueue {
    fn default() -> Self {
        Self::new()
    }
}
