//! Deleting objects without deep recursion.
//!
//! Dropping the head of a chain of ten million objects would nest ten million destructors. So
//! deletions nest only [`NESTING`] deep on a thread; what comes deeper is put on the thread's list
//! and deleted when the outermost deletion returns.
//!
//! Without std there are no thread locals: there is one list for all cores, without a lock, in use while
//! a [`DropScope`] is open, and outside of one deletions nest as the objects do.

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
        if unsafe { object.as_ref().counts().dec_weak() } {
            // SAFETY: weak is 0: the space is due, once.
            unsafe { deleter(body, DELETE_SPACE) };
        }
    }
}

/// Deletes an object whose last reference went.
///
/// # Safety
///
/// The count said so to this caller, and the caller does not touch the object afterwards.
#[inline]
pub(crate) unsafe fn delete_both(object: NonNull<ObjectHeader>) {
    // SAFETY: the object's header is readable until its space is freed, below.
    let header = unsafe { object.as_ref() };
    let bits = header.flags();
    if bits & flags::PLAIN != 0 {
        // SAFETY: by the header's invariant an allocation header proves itself by this bit too; nothing is
        // to be dropped, and both counts are 0, so the space is due.
        return unsafe { alloc_header::delete(object.cast()) };
    }
    if bits & flags::LEAF == 0 {
        return list::delete(Due { object, both: true });
    }
    // Drops nothing else: cannot nest.
    // SAFETY: both counts are 0, so both bits are due, once.
    unsafe { header.deleter()(object.as_ptr().cast(), DELETE_BODY | DELETE_SPACE) };
}

/// Deletes an object whose last strong reference went, but not the last weak one.
///
/// # Safety
///
/// As [`delete_both`].
pub(crate) unsafe fn delete_body(object: NonNull<ObjectHeader>) {
    let due = Due { object, both: false };
    // SAFETY: the object's header is readable until its space is freed, below.
    if unsafe { object.as_ref() }.flags() & flags::LEAF != 0 {
        due.run(); // as above
    } else {
        list::delete(due);
    }
}

#[cfg(feature = "std")]
mod list {
    use core::cell::{Cell, RefCell};
    use core::mem::ManuallyDrop;
    use std::vec::Vec;

    use super::{Due, NESTING};
    use crate::room::push;

    /// A list that grew beyond this is not kept for the next large graph.
    const KEPT: usize = 1 << 12;

    std::thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
        // Never destroyed, so that locals of this thread that are destroyed late can still put
        // deletions off; its memory is freed by `AT_EXIT`, and after that by each use itself.
        static LIST: RefCell<ManuallyDrop<Vec<Due>>> =
            const { RefCell::new(ManuallyDrop::new(Vec::new())) };
        static AT_EXIT: AtExit = const { AtExit };
    }

    struct AtExit;

    impl Drop for AtExit {
        fn drop(&mut self) {
            let _ = LIST.try_with(|list| ManuallyDrop::into_inner(list.take()));
        }
    }

    #[inline(never)]
    pub(super) fn delete(due: Due) {
        let depth = DEPTH.try_with(Cell::get).unwrap_or(0);
        if depth >= NESTING && put_off(due) {
            return;
        }
        let _ = DEPTH.try_with(|cell| cell.set(depth + 1));
        due.run();
        if depth == 0 {
            while let Some(next) = take() {
                next.run();
            }
        }
        let _ = DEPTH.try_with(|cell| cell.set(depth));
    }

    /// False if the list cannot take it (no memory, or the program's allocator dropped an object while
    /// the list asked for room): then it nests.
    fn put_off(due: Due) -> bool {
        let put_off = |list: &RefCell<ManuallyDrop<Vec<Due>>>| {
            let Ok(mut list) = list.try_borrow_mut() else { return false };
            push(&mut list, due).is_ok()
        };
        LIST.try_with(put_off).unwrap_or(false)
    }

    fn take() -> Option<Due> {
        let pop = |list: &RefCell<ManuallyDrop<Vec<Due>>>| {
            // Free: only the outermost deletion comes here, and nothing it runs holds the list.
            let mut list = list.borrow_mut();
            let next = list.pop();
            if next.is_none() && list.capacity() > 0 {
                let exiting = AT_EXIT.try_with(|_| ()).is_err();
                if exiting || list.capacity() > KEPT {
                    **list = Vec::new();
                }
            }
            next
        };
        LIST.try_with(pop).unwrap_or(None)
    }
}

#[cfg(not(feature = "std"))]
mod list {
    use alloc::vec::Vec;
    use core::mem::ManuallyDrop;
    use core::ptr::{NonNull, null_mut, with_exposed_provenance_mut};
    use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};

    use super::Due;
    use crate::header::ObjectHeader;
    use crate::room::{put, with_room};

    /// How many scopes are open. The last one to close deletes what is due, and counts until that
    /// is done, so that nothing nests meanwhile.
    static SCOPES: AtomicUsize = AtomicUsize::new(0);

    /// What is due, in two lists that are pushed to one by one and taken whole. No lock: a core that
    /// is interrupted in the middle of a push would keep it, and all others would nest meanwhile.
    ///
    /// Taken whole, a list has no ABA: what a push finds on top is on top when it succeeds, whatever
    /// became of it in between.
    ///
    /// # Invariants
    ///
    /// Null, or an object that is due with body and space, each linked to the next through its
    /// counts' word, which nobody else reads any more. A list of these needs no memory, for there may
    /// be none: objects also die because of that.
    static DEAD: AtomicPtr<ObjectHeader> = AtomicPtr::new(null_mut());
    /// Those with weak references, whose word is still counted in.
    ///
    /// # Invariants
    ///
    /// Null, or a [`Watched`] made by [`Watched::push`], and so on.
    static WATCHED: AtomicPtr<Watched> = AtomicPtr::new(null_mut());

    struct Watched {
        due: Due,
        next: *mut Watched,
    }

    impl Watched {
        /// False if there is no memory.
        fn push(due: Due) -> bool {
            let Ok(mut room) = with_room(1) else { return false };
            put(&mut room, Self { due, next: null_mut() });
            let new = ManuallyDrop::new(room).as_mut_ptr();
            let mut top = WATCHED.load(Ordering::Relaxed);
            loop {
                // SAFETY: ours until the exchange below succeeds.
                unsafe { (*new).next = top };
                // Release: what was written is seen by whoever takes the list. INVARIANT: made just
                // now, and linked to what was on top.
                match WATCHED.compare_exchange_weak(top, new, Ordering::Release, Ordering::Relaxed)
                {
                    Ok(_) => return true,
                    Err(now) => top = now,
                }
            }
        }

        /// The first of a list that was taken, and the rest of it; its memory is freed.
        fn take(first: NonNull<Self>) -> (Due, *mut Self) {
            // SAFETY: `push` made it of a vector with room for one, and only we have it.
            let room = unsafe { Vec::from_raw_parts(first.as_ptr(), 1, 1) };
            (room[0].due, room[0].next)
        }
    }

    pub(super) fn delete(due: Due) {
        if SCOPES.load(Ordering::Relaxed) == 0 || !put_off(due) {
            due.run();
        }
    }

    /// False if the lists cannot take it (no memory for an object with weak references): then it
    /// nests.
    fn put_off(due: Due) -> bool {
        if due.both {
            push_dead(due.object);
        } else if !Watched::push(due) {
            return false;
        }
        settle();
        true
    }

    fn push_dead(object: NonNull<ObjectHeader>) {
        let mut top = DEAD.load(Ordering::Relaxed);
        loop {
            let link = top.expose_provenance() as u64;
            // SAFETY: `both` was the count's answer, and the space is not freed yet.
            unsafe { object.as_ref().counts().set_link(link) };
            let new = object.as_ptr();
            // Release: the link, and what this thread did to the object, is seen by whoever takes the
            // list. INVARIANT: linked to what was on top.
            match DEAD.compare_exchange_weak(top, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    pub(super) fn open() {
        SCOPES.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn close() {
        let mut scopes = SCOPES.load(Ordering::Relaxed);
        loop {
            if scopes == 1 {
                drain();
            }
            let left = scopes - 1;
            let (done, failed) = (Ordering::Relaxed, Ordering::Relaxed);
            match SCOPES.compare_exchange(scopes, left, done, failed) {
                Ok(_) if left == 0 && is_left_alone() => scopes = SCOPES.fetch_add(1, done) + 1,
                Ok(_) => return,
                Err(now) => scopes = now,
            }
        }
    }

    /// After a push: if the last scope closed meanwhile, and so could not see it, acts for it.
    fn settle() {
        if is_left_alone() {
            open();
            close();
        }
    }

    /// Whether something is due and nobody is there to delete it.
    fn is_left_alone() -> bool {
        // SeqCst: of two cores, one that pushed and one that closed the last scope, at least one sees
        // what the other did.
        fence(Ordering::SeqCst);
        SCOPES.load(Ordering::Relaxed) == 0
            && !(DEAD.load(Ordering::Relaxed).is_null() && WATCHED.load(Ordering::Relaxed).is_null())
    }

    /// Deletes what is due, and what becomes due by that, until there is nothing.
    fn drain() {
        loop {
            // Acquire, here and below: pairs with the Release of each push (those in between are
            // exchanges, and so part of what is released).
            let mut dead = DEAD.swap(null_mut(), Ordering::Acquire);
            let mut watched = WATCHED.swap(null_mut(), Ordering::Acquire);
            if dead.is_null() && watched.is_null() {
                return;
            }
            while let Some(object) = NonNull::new(dead) {
                // SAFETY: by the list's invariant it is not deleted yet, and its word is the link.
                // Its deleter finds the word as it would have without a scope.
                let next = unsafe {
                    let counts = object.as_ref().counts();
                    let next = counts.link();
                    counts.set_link(0);
                    next
                };
                dead = with_exposed_provenance_mut(next as usize);
                Due { object, both: true }.run();
            }
            while let Some(first) = NonNull::new(watched) {
                let (due, rest) = Watched::take(first);
                watched = rest;
                due.run();
            }
        }
    }
}

/// While it lives, objects that die are put on a list instead of nesting; it deletes them when it
/// is closed, one after the other, so that a chain of any length needs a fixed depth of stack.
///
/// With std every thread does this by itself and a scope does nothing. Without std there is one list
/// for all cores, in use while any scope is open; the last one to close deletes what is on it,
/// whichever core dropped it. It asks for memory only for dying objects that have weak references;
/// where there is none for those, they nest.
#[derive(Debug)]
#[must_use = "the scope ends where this value is dropped"]
pub struct DropScope {
    _not_send: core::marker::PhantomData<*mut ()>,
}

impl DropScope {
    /// Opens a scope. Never waits, so that an interrupt may.
    pub fn open() -> Self {
        #[cfg(not(feature = "std"))]
        list::open();
        Self { _not_send: core::marker::PhantomData }
    }
}

impl Drop for DropScope {
    fn drop(&mut self) {
        #[cfg(not(feature = "std"))]
        list::close();
    }
}
