//! From a value to an object: take a block, write the value, then write its header.
//!
//! ```text
//! [ ... prefix ... | AllocHeader ][ ObjectHeader | fields ... | items ... ]
//!                                 ^ body, where `allocate` points
//! ```
//!
//! The proof bit is written last, by [`commit`], and by nobody else.

use core::ffi::c_void;
use core::mem::{ManuallyDrop, MaybeUninit, needs_drop};
use core::ptr::NonNull;

use crate::abi::{ByteSlice};
use crate::error_kinds::{AllocError, NewError, PlaceError};
use crate::header::{DELETE_BODY, DELETE_SPACE, Deleter, ObjectHeader, flags};
use crate::object::Object;
use crate::runtime::{allocating, runtime};

/// An uninitialised body of `size` bytes behind a wired prefix.
#[inline(always)]
pub(crate) fn allocate(
    size: usize,
    align: usize,
    type_index: i32,
) -> Result<NonNull<c_void>, AllocError> {
    allocating().allocate(size, align.max(align_of::<ObjectHeader>()), type_index)
}

/// Writes the header of a body that is complete: from here on it is an object with one reference.
///
/// # Safety
///
/// `body` came from [`allocate`], is complete but for its header ([`fill`]), and `deleter` fits it.
#[inline]
pub(crate) unsafe fn commit(
    body: NonNull<ObjectHeader>,
    type_index: i32,
    extra_flags: u32,
    deleter: Deleter,
) {
    // SAFETY: the body is ours alone, and `allocate` put a header in front of it.
    unsafe { ObjectHeader::place(body, type_index, extra_flags, deleter) };
}

/// Moves a value into a body, all but its header, which [`commit`] writes.
///
/// Not as one value: that header was written a moment ago in pieces of 8 bytes, and a copy in larger ones
/// would wait until those have reached the cache.
///
/// # Safety
///
/// `body` is uninitialised, and as large and aligned as `T` asks.
#[inline(always)]
pub(crate) unsafe fn fill<T: Object>(body: NonNull<T>, value: T) {
    type Word = MaybeUninit<u64>;
    const HEADER: usize = size_of::<ObjectHeader>() / size_of::<Word>();
    const {
        assert!(align_of::<T>() >= align_of::<Word>() && size_of::<T>() >= size_of::<ObjectHeader>());
    }
    let value = ManuallyDrop::new(value);
    let words = size_of::<T>() / size_of::<Word>() - HEADER;
    let from = (&raw const value).cast::<Word>();
    // SAFETY: both are as large; objects begin with their header, and what follows it is copied whole,
    // padding too. The value is forgotten.
    unsafe { body.cast::<Word>().add(HEADER).as_ptr().copy_from_nonoverlapping(from.add(HEADER), words) };
}

/// Makes an object of `value`.
#[inline]
pub(crate) fn place<T: Object>(value: T) -> Result<NonNull<T>, PlaceError<T>> {
    match Space::take() {
        Ok(space) => Ok(space.place(value)),
        Err(cause) => Err(PlaceError { value, cause }),
    }
}

/// Apart and without the value, which unwinding drops: so what makes objects is small enough to be compiled
/// where it is called, and the value need not be anywhere but in its object.
#[cfg(feature = "infallible")]
#[cold]
#[inline(never)]
pub(crate) fn refused(cause: NewError) -> ! {
    panic!("{cause}");
}

/// A block for one `T`, ours alone, that nobody frees.
///
/// # Invariants
///
/// A headed block of that size and alignment, uninitialised.
pub(crate) struct Space<T> {
    type_index: i32,
    body: NonNull<T>,
}

impl<T: Object> Space<T> {
    #[inline(always)]
    pub(crate) fn take() -> Result<Self, NewError> {
        const {
            assert!(!T::HAS_ITEMS, "a type with in-place items is made by `try_with_items`");
        }
        let type_index = T::type_index()?;
        let body = allocate(size_of::<T>(), align_of::<T>(), type_index)?.cast::<T>();
        // INVARIANT: the block just taken.
        Ok(Self { type_index, body })
    }

    /// Makes an object of it.
    #[inline(always)]
    pub(crate) fn place(self, value: T) -> NonNull<T> {
        let extra = flags::if_nothing_drops(!needs_drop::<T>());
        // SAFETY: by the type invariant; the deleter is T's.
        unsafe {
            fill(self.body, value);
            commit(self.body.cast(), self.type_index, extra, delete_value::<T>);
        }
        self.body
    }
}

/// The deleter of a plain value.
unsafe extern "C" fn delete_value<T: Object>(object: *mut c_void, bits: i32) {
    if bits & DELETE_BODY != 0 && needs_drop::<T>() {
        // SAFETY: the last strong reference went: nobody else reads the body.
        guarded(|| unsafe { object.cast::<T>().drop_in_place() });
    }
    if bits & DELETE_SPACE != 0 {
        // SAFETY: `place` put it into a headed block; nobody reaches the space any more.
        unsafe { free(object) };
    }
}

/// Returns the block of a headed body.
///
/// # Safety
///
/// The body stands behind an allocation header, and nobody reaches it any more.
#[inline]
pub(crate) unsafe fn free(object: *mut c_void) {
    // SAFETY: the caller's contract; bodies are not null.
    unsafe { alloc_header::delete(NonNull::new_unchecked(object)) };
}

/// Runs a destructor in a C frame: a panic is caught, reported, and not resumed, so that freeing is
/// finished.
pub(crate) fn guarded(drop_body: impl FnOnce()) {
    #[cfg(feature = "std")]
    if let Err(payload) = std::panic::catch_unwind(core::panic::AssertUnwindSafe(drop_body)) {
        // The panic hook has printed it already.
        report_unraisable(panic_text(&*payload));
        discard(payload);
    }
    #[cfg(not(feature = "std"))]
    drop_body(); // a panic leaves through a C frame: the process aborts
}

/// Drops a caught panic's payload, whose own destructor may panic too, and so on. What still panics
/// after a while is leaked.
#[cfg(feature = "std")]
pub(crate) fn discard(payload: std::boxed::Box<dyn core::any::Any + Send>) {
    let mut left = Some(payload);
    for _ in 0..8 {
        let drop_it = core::panic::AssertUnwindSafe(|| drop(left.take()));
        match std::panic::catch_unwind(drop_it) {
            Ok(()) => return,
            Err(payload) => left = Some(payload),
        }
    }
    core::mem::forget(left);
}

/// Tells the frontend of an error that nobody can catch.
pub fn report_unraisable(message: &str) {
    // SAFETY: the message is readable for the call.
    unsafe { (runtime().report_unraisable)(ByteSlice::new(message.as_bytes())) };
}

/// The text of a caught panic.
#[cfg(feature = "std")]
#[must_use]
pub fn panic_text(payload: &(dyn core::any::Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<std::string::String>() {
        text
    } else {
        "a panic with a payload that is no text"
    }
}
