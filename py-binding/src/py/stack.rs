//! [`Stack`]: what is in use by nobody, and kept for whoever comes next.

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

/// How many a stack may have now.
///
/// # Invariants
///
/// As many as its stacks have places for, or none.
pub(crate) struct Room(AtomicUsize);

impl Room {
    pub(crate) const fn of(most: usize) -> Self {
        Self(AtomicUsize::new(most))
    }

    /// From here on none are kept: all memory goes back at once, and a tool that watches it sees that. (What is
    /// on the stacks stays there until it is taken.)
    pub(crate) fn keep_none(&self) {
        // Relaxed: a number of its own. INVARIANT: none.
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A few pieces of memory, the last one on top.
///
/// # Invariants
///
/// The first `len` are what was [put](Self::put) there, which nobody else names; there are at most `MOST`.
pub(crate) struct Stack<const MOST: usize> {
    len: Cell<usize>,
    pieces: UnsafeCell<[*mut c_void; MOST]>,
}

impl<const MOST: usize> Stack<MOST> {
    pub(crate) const fn new() -> Self {
        Self {
            len: Cell::new(0),
            pieces: UnsafeCell::new([null_mut(); MOST]),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// What is there is left alone from here on, and for good.
    pub(crate) fn forget(&self) {
        // INVARIANT: nothing is there.
        self.len.set(0);
    }

    /// The last one that was put there; its bytes are what they were.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<NonNull<c_void>> {
        let len = self.len.get().checked_sub(1)?;
        self.len.set(len);
        // SAFETY: by the type invariant.
        Some(unsafe {
            NonNull::new_unchecked(self.pieces.get().cast::<*mut c_void>().add(len).read())
        })
    }

    /// Puts a piece there; false if there is no room for it.
    ///
    /// # Safety
    ///
    /// Nobody names it any more; `room` is of `MOST`.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, piece: NonNull<c_void>, room: &Room) -> bool {
        let len = self.len.get();
        if len >= room.0.load(Ordering::Relaxed) {
            return false;
        }
        // SAFETY: in the array, by the room's invariant. INVARIANT: the caller's contract.
        unsafe {
            self.pieces
                .get()
                .cast::<*mut c_void>()
                .add(len)
                .write(piece.as_ptr());
        }
        self.len.set(len + 1);
        true
    }
}
