//! The list of what belongs to Python and was dropped by threads that could not free it (I7).
//!
//! A node is an address the caller owns, with room for a link that the caller tells how to write:
//! dead wrapper storage links through its handle field, a hold through its own. The low bit of a
//! link tells the two kinds apart. Push by compare-exchange; drain by swapping the whole list, so
//! that there is no ABA problem: no node is ever taken out singly.

use core::ffi::c_void;
use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::{AtomicUsize, Ordering};

const HOLD: usize = 1;

/// What is on the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deferred {
    /// Storage of a wrapper that died before; type and collector words are readable.
    Storage(NonNull<c_void>),
    /// A hold: a Python object and a link.
    Hold(NonNull<c_void>),
}

impl Deferred {
    fn bits(self) -> usize {
        match self {
            Self::Storage(at) => at.as_ptr().expose_provenance(),
            Self::Hold(at) => at.as_ptr().expose_provenance() | HOLD,
        }
    }

    fn from_bits(bits: usize) -> Option<Self> {
        let at = core::ptr::with_exposed_provenance_mut::<c_void>(bits & !HOLD);
        let at = NonNull::new(at)?;
        Some(if bits & HOLD == 0 {
            Self::Storage(at)
        } else {
            Self::Hold(at)
        })
    }
}

/// The list's head.
#[derive(Debug)]
pub struct DeferredList {
    head: AtomicUsize,
    len: AtomicUsize,
}

impl DeferredList {
    /// Nothing deferred.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
        }
    }

    /// Nothing deferred.
    #[must_use]
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
        }
    }

    /// Whether nothing is deferred: one relaxed load, for the fast look before a drain.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Relaxed: a push that this misses asks for a drain of its own (`pending`).
        self.head.load(Ordering::Relaxed) == 0
    }

    /// How many are deferred: for people to look at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Puts a node on the list; `link` writes its argument where [`drain`](Self::drain)'s `next`
    /// will read it. True if the list was empty.
    ///
    /// # Safety
    ///
    /// The node is the caller's alone, and becomes the list's.
    pub unsafe fn push(&self, node: Deferred, mut link: impl FnMut(usize)) -> bool {
        self.len.fetch_add(1, Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            link(head);
            // Release: the link, and all that was done to the node, is seen by who drains.
            match self.head.compare_exchange_weak(
                head,
                node.bits(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return head == 0,
                Err(now) => head = now,
            }
        }
    }

    /// Takes the whole list and hands out each node once. `next` reads the link of a node; it is
    /// called before the node is handed out.
    ///
    /// # Safety
    ///
    /// The caller is attached; each node handed out is its own to free.
    pub unsafe fn drain(
        &self,
        mut next: impl FnMut(Deferred) -> usize,
        mut free: impl FnMut(Deferred),
    ) {
        // Acquire: pairs with the Release of each push.
        let mut bits = self.head.swap(0, Ordering::Acquire);
        while let Some(node) = Deferred::from_bits(bits) {
            bits = next(node);
            self.len.fetch_sub(1, Ordering::Relaxed);
            free(node);
        }
    }

    /// Forgets everything on the list and starts to count anew: in a forked child, drained before,
    /// where a push may have been cut in two.
    pub fn forget(&self) {
        self.head.store(0, Ordering::Relaxed);
        self.len.store(0, Ordering::Relaxed);
    }
}

impl Default for DeferredList {
    fn default() -> Self {
        Self::new()
    }
}
