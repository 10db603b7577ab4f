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
use hashbrown::HashSet;

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
/// A push holds the lock for a handful of instructions (now and then for as many as wait) that neither allocate
/// nor wait nor take another lock, so whoever waits here waits for a thread that is at work. Who forks [holds](Self::hold) it meanwhile, so
/// that a child finds the queue whole.
///
/// # Invariants
///
/// `waiting` is touched by whoever has set `locked`, `len` is how many wait. There is room for as many as were
/// asked for in both of its parts, which have the same objects in them.
pub struct SettleQueue {
    locked: AtomicBool,
    len: AtomicUsize,
    waiting: UnsafeCell<Waiting>,
}

/// Which objects wait, and in which order: the last one goes first.
struct Waiting {
    objects: Vec<usize>,
    known: Option<HashSet<usize>>,
    /// How many there is memory for.
    room: usize,
}

impl Waiting {
    const NONE: Self = Self {
        objects: Vec::new(),
        known: None,
        room: 0,
    };
}

// SAFETY: what waits is touched under the lock only.
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
            waiting: UnsafeCell::new(Waiting::NONE),
        }
    }

    /// Nothing waits, and nothing can.
    #[must_use]
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            locked: AtomicBool::new(false),
            len: AtomicUsize::new(0),
            waiting: UnsafeCell::new(Waiting::NONE),
        }
    }

    fn try_lock(&self) -> bool {
        // Acquire: what the last holder did happens before what we do. Relaxed: then we look again.
        self.locked
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn with<R>(&self, work: impl FnOnce(&mut Waiting) -> R) -> R {
        while !self.try_lock() {
            #[cfg(not(loom))]
            std::thread::yield_now();
            spin_loop();
        }
        // SAFETY: the lock is ours, so nobody else touches it.
        let waiting = unsafe { &mut *self.waiting.get() };
        let answer = work(waiting);
        // INVARIANT: how many there are. Relaxed: see `is_empty`.
        self.len.store(waiting.objects.len(), Ordering::Relaxed);
        self.let_go();
        answer
    }

    /// Makes room for `capacity` objects in all; false if there is no memory for that.
    #[must_use]
    pub fn reserve(&self, capacity: usize) -> bool {
        self.with(|waiting| {
            if capacity <= waiting.room {
                return true;
            }
            // Not for each one anew.
            let room = capacity.max(2 * waiting.room);
            let known = waiting.known.get_or_insert_with(HashSet::new);
            // Twice that: what was taken out of a table still fills it, and is cleared away in its place as long
            // as half is enough.
            let enough = known.try_reserve(2 * room).is_ok()
                && waiting
                    .objects
                    .try_reserve(room.saturating_sub(waiting.objects.len()))
                    .is_ok();
            if enough {
                waiting.room = room;
            }
            enough
        })
    }

    /// Puts an object there unless it waits already.
    pub fn push(&self, object: usize) -> Queued {
        self.with(|waiting| {
            let Some(known) = &mut waiting.known else {
                return Queued::Full;
            };
            if known.contains(&object) {
                return Queued::Already;
            }
            if waiting.objects.len() == waiting.room {
                return Queued::Full;
            }
            known.insert(object);
            waiting.objects.push(object);
            if waiting.objects.len() == 1 {
                Queued::First
            } else {
                Queued::Waits
            }
        })
    }

    /// Takes an object out: who crosses the level from here on queues it again.
    pub fn pop(&self) -> Option<usize> {
        self.with(|waiting| {
            let object = waiting.objects.pop()?;
            if let Some(known) = &mut waiting.known {
                known.remove(&object);
            }
            Some(object)
        })
    }

    /// Before a fork: nobody is in the middle of a push or a pop, until [`let_go`](Self::let_go) on both sides.
    /// False if somebody was for so long that it must be the thread that forks itself, in a signal handler.
    #[must_use]
    pub fn hold(&self) -> bool {
        (0..1 << 20).any(|_| {
            let held = self.try_lock();
            if !held {
                spin_loop();
            }
            held
        })
    }

    /// Gives the lock back, of this thread's or of the one that forked.
    pub fn let_go(&self) {
        // Release: pairs with the Acquire of whoever locks next.
        self.locked.store(false, Ordering::Release);
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
}

impl Default for SettleQueue {
    fn default() -> Self {
        Self::new()
    }
}
