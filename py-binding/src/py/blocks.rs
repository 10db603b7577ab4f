//! A few blocks of small objects that have died, for the next ones on the same thread: where objects come and
//! go, the C library's allocator and the way there is a sixth of a construction and its end.
//!
//! Each thread that has a line of its own to count in ([`counts`]) has a shelf beside it, for each small size.
//! A shelf is its thread's alone: nothing here is locked, with a GIL or without one, and objects may die on
//! threads that Python never saw. When the thread has ended, whoever is given the same thread-local storage
//! goes on with the shelf as with the line. (The storage is handed over in order, and what stands on the shelf
//! with it.)
//!
//! Only blocks of the default backing: those of any other go back to it at once. And none while somebody looks
//! for uses of freed memory ([`Room::keep_none`]).

use core::ffi::c_void;
use core::ptr::NonNull;

use alloc_header::{layer_release_near, layer_usual_size};
use object_core::ObjectHeader;

use crate::py::counts::{self, LINES};
use crate::py::stack::{Room, Stack};

/// How many of each size a shelf has, at most: with all of them, 10 KiB of blocks a thread.
const MOST: usize = 15;
/// The sizes of bodies: the header alone, and each 8 bytes more.
const SIZES: usize = 8;
const STEP: usize = 8;

pub(crate) static ROOM: Room = Room::of(MOST);

/// Bodies of one size, near and wired, from this library's default backing.
type Row = Stack<MOST>;

/// A row for each size.
type Shelf = [Row; SIZES];

struct Shelves([Shelf; LINES]);

// SAFETY: a shelf is only touched by the thread whose line has its number, and nothing is called meanwhile.
unsafe impl Sync for Shelves {}

static SHELVES: Shelves = Shelves([const { [const { Row::new() }; SIZES] }; LINES]);

/// The row of bodies of this size.
#[inline(always)]
fn row(own: usize, size: usize) -> Option<&'static Row> {
    // What is smaller, or between two, comes out as a very large number.
    let steps = size.wrapping_sub(size_of::<ObjectHeader>());
    SHELVES.0[own].get(steps.rotate_right(STEP.ilog2()))
}

/// A body of that size, wired as it was; its other bytes are anything. `own`: the number of this thread's line.
#[inline(always)]
pub(crate) fn take(own: usize, size: usize) -> Option<NonNull<c_void>> {
    row(own, size)?.take()
}

/// Keeps a body's block, if there is room for it; else false. `own`: the number of this thread's line.
///
/// # Safety
///
/// A near body of this frontend's that nobody names any more.
#[inline(always)]
pub(crate) unsafe fn keep(own: usize, body: NonNull<c_void>) -> bool {
    // SAFETY: the caller's contract.
    let Some(row) = (unsafe { layer_usual_size(body) }).and_then(|size| row(own, size)) else {
        return false;
    };
    // SAFETY: the caller's contract; of this row's size, as was looked at above.
    unsafe { row.put(body, &ROOM) }
}

/// How many stand on this thread's shelf.
pub(crate) fn count() -> usize {
    counts::own().map_or(0, |own| SHELVES.0[own].iter().map(Row::len).sum())
}

/// Gives back what stands on this thread's shelf.
pub(crate) fn give_back() {
    let Some(own) = counts::own() else { return };
    for steps in 0..SIZES {
        while let Some(body) = take(own, size_of::<ObjectHeader>() + steps * STEP) {
            // SAFETY: by the shelf's invariant.
            unsafe { layer_release_near(body) };
        }
    }
}

/// In a forked child: a shelf of a thread that is not there may be in the middle of a change. What stands
/// on those is left there for good.
///
/// # Safety
///
/// No other thread is there.
pub(crate) unsafe fn reset_after_fork() {
    let own = counts::own();
    for (number, shelf) in SHELVES.0.iter().enumerate() {
        if Some(number) != own {
            // Not written where there is nothing: the child's pages stay its parent's.
            shelf
                .iter()
                .filter(|row| row.len() != 0)
                .for_each(Row::forget);
        }
    }
}
