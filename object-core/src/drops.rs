//! Deleting objects without deep recursion.
//!
//! Dropping the head of a chain of ten million objects would nest ten million destructors. So
//! deletions nest only [`NESTING`] deep on a thread; what comes deeper is put on the thread's list
//! and deleted when the outermost deletion returns.
//!
//! Without std there are no thread locals: there the list is the open [`DropScope`]'s, and outside
//! of one deletions nest as the objects do.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::header::{DELETE_BODY, DELETE_SPACE, ObjectHeader, flags};

/// How deep deletions may nest before they are put off.
#[cfg(feature = "std")]
const NESTING: u32 = 32;

/// A deletion that is due.
#[derive(Clone, Copy)]
struct Due {
    object: NonNull<ObjectHeader>,
    both: bool,
}

// SAFETY: a dead object may be deleted on any thread: objects are Send by the `Object` contract.
unsafe impl Send for Due {}

impl Due {
    fn run(self) {
        let Self { object, both } = self;
        // SAFETY: the header stays readable until its space is freed, which only we may do.
        let deleter = unsafe { object.as_ref() }.deleter();
        let body = object.as_ptr().cast::<c_void>();
        if both {
            // SAFETY: both counts are 0, so both bits are due, once.
            unsafe { deleter(body, DELETE_BODY | DELETE_SPACE) };
            return;
        }
        // SAFETY: strong is 0: the body is due, once.
        unsafe { deleter(body, DELETE_BODY) };
        // SAFETY: the strong references' weak one keeps the space; we give it back now.
        if unsafe { object.as_ref() }.counts().dec_weak() {
            // SAFETY: weak is 0: the space is due, once.
            unsafe { deleter(body, DELETE_SPACE) };
        }
    }
}

/// Deletes an object whose last strong reference went (`both`: and there is no weak one).
///
/// # Safety
///
/// The count said so to this caller, and the caller does not touch the object afterwards.
pub(crate) unsafe fn delete(object: NonNull<ObjectHeader>, both: bool) {
    let due = Due { object, both };
    // SAFETY: the object's header is readable until its space is freed, below.
    if unsafe { object.as_ref() }.flags() & flags::LEAF != 0 {
        due.run(); // drops nothing else: cannot nest
    } else {
        list::delete(due);
    }
}

#[cfg(feature = "std")]
mod list {
    use core::cell::{Cell, RefCell};
    use std::vec::Vec;

    use super::{Due, NESTING};

    std::thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
        static LIST: RefCell<Vec<Due>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn delete(due: Due) {
        let depth = DEPTH.get();
        if depth >= NESTING && put_off(due) {
            return;
        }
        DEPTH.set(depth + 1);
        due.run();
        if depth == 0 {
            while let Some(next) = take() {
                next.run();
            }
        }
        DEPTH.set(depth);
    }

    /// False if the list cannot take it (no memory, or the thread is past its locals): then it nests.
    fn put_off(due: Due) -> bool {
        LIST.try_with(|list| {
            let mut list = list.borrow_mut();
            let room = list.try_reserve(1).is_ok();
            if room {
                list.push(due);
            }
            room
        })
        .unwrap_or(false)
    }

    fn take() -> Option<Due> {
        LIST.try_with(|list| {
            let mut list = list.borrow_mut();
            let next = list.pop();
            if next.is_none() && list.capacity() > 1 << 12 {
                // A large graph came by once: do not keep its list for ever.
                *list = Vec::new();
            }
            next
        })
        .unwrap_or(None)
    }
}

#[cfg(not(feature = "std"))]
mod list {
    use alloc::vec::Vec;

    use super::Due;

    /// The open scope's list. Only ever try-locked: an interrupt that drops an object while the
    /// same core holds the lock must not wait for it, it deletes in place.
    pub(super) static OPEN: spin::Mutex<Option<Vec<Due>>> = spin::Mutex::new(None);

    pub(super) fn delete(due: Due) {
        let mut open = OPEN.try_lock();
        if let Some(list) = open.as_mut().and_then(|open| open.as_mut()) {
            if list.try_reserve(1).is_ok() {
                list.push(due);
                return;
            }
        }
        drop(open);
        due.run();
    }
}

/// While it lives, objects that die are put on a list instead of nesting; it deletes them when it
/// is closed, one after the other, so that a chain of any length needs a fixed depth of stack.
///
/// With std every thread does this by itself and a scope does nothing. Without std one scope can be
/// open at a time; a second one, on any core, shares the first one's list and closes nothing.
/// Objects that other cores drop meanwhile may be deleted by the core that closes the scope.
#[derive(Debug)]
#[must_use = "the scope ends where this value is dropped"]
pub struct DropScope {
    #[cfg(not(feature = "std"))]
    owner: bool,
    _not_send: core::marker::PhantomData<*mut ()>,
}

impl DropScope {
    /// Opens a scope.
    pub fn open() -> Self {
        #[cfg(feature = "std")]
        {
            Self { _not_send: core::marker::PhantomData }
        }
        #[cfg(not(feature = "std"))]
        {
            let mut open = list::OPEN.lock();
            let owner = open.is_none();
            if owner {
                *open = Some(alloc::vec::Vec::new());
            }
            drop(open);
            Self { owner, _not_send: core::marker::PhantomData }
        }
    }
}

impl Drop for DropScope {
    fn drop(&mut self) {
        #[cfg(not(feature = "std"))]
        if self.owner {
            loop {
                let mut open = list::OPEN.lock();
                let next = open.as_mut().and_then(alloc::vec::Vec::pop);
                let Some(due) = next else {
                    let list = open.take();
                    drop(open); // the list's own memory is freed outside the lock
                    drop(list);
                    return;
                };
                drop(open);
                due.run();
            }
        }
    }
}
