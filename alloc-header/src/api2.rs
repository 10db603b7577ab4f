//! Any [`Allocator`] as a backing.
//!
//! ```text
//!   near   start        +8        +16      +24            +32 body
//!          | padding    | context | layout | delete_space | ...
//!
//!   far    start             -32      -24       -16      -8             body
//!          | padding ...... | offset | context | layout | delete_space | ...
//! ```
//!
//! The context word leads each block back to its own arena, so two arenas of one type stay apart
//! although all arenas share the two `delete_space` functions.

use core::alloc::Layout;
use core::ffi::c_void;
use core::fmt;
use core::ptr::{self, NonNull};

use allocator_api2::alloc::Allocator;
use spin::Once;
use static_assertions::const_assert_eq;

use crate::entry::AllocatorEntry;
use crate::header::{AllocHeader, PAD, Pad};
use crate::layout_word::{LayoutWord, SizedHeader};
use crate::locate::before;
use crate::offset::MIN_ALIGN;
use crate::prefix::{block_for, far_start, is_usual, near_start, reach, wire};

/// An [`Allocator`] with the entry that makes a backing of it.
///
/// Blocks find their way back through its address, so it is used as `&'static`: in a `static`, or
/// leaked. A panic inside the allocator ends the process (its callers are C frames).
///
/// # Examples
///
/// ```
/// use alloc_header::allocator_api2::alloc::{AllocError, Allocator, Layout};
/// use alloc_header::{AllocatorBacking, FAILING_BACKING, Registry};
/// use core::ptr::NonNull;
///
/// /// An arena with nothing in it.
/// struct Empty;
///
/// // SAFETY: it hands out no memory.
/// unsafe impl Allocator for Empty {
///     fn allocate(&self, _: Layout) -> Result<NonNull<[u8]>, AllocError> {
///         Err(AllocError)
///     }
///     unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
/// }
///
/// static ARENA: AllocatorBacking<Empty> = AllocatorBacking::new(Empty);
///
/// # #[cfg(not(loom))] {
/// let registry = Registry::new(&FAILING_BACKING);
/// registry.set_backing(ARENA.entry());
/// assert!(registry.allocate(1, 1, 0).is_err());
/// # }
/// ```
///
/// # Invariants
///
/// `head` comes first, and its function is the one for this `A`.
#[repr(C)]
pub struct AllocatorBacking<A> {
    head: Head,
    entry: Once<AllocatorEntry>,
    allocator: A,
}

impl<A: fmt::Debug> fmt::Debug for AllocatorBacking<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllocatorBacking")
            .field("allocator", &self.allocator)
            .finish_non_exhaustive()
    }
}

/// What the `delete_space` functions, which know no `A`, can see of a backing.
#[repr(C)]
struct Head {
    release: unsafe fn(backing: *const Head, start: NonNull<u8>, layout: Layout),
}

/// The words in front of a body.
#[repr(C)]
struct ArenaWords {
    pad: Pad,
    backing: *const Head,
    sized: SizedHeader,
}

const_assert_eq!(size_of::<ArenaWords>(), 24);

impl<A: Allocator + Send + Sync + 'static> AllocatorBacking<A> {
    /// Makes a backing of `allocator`, for a `static` or `Box::leak`.
    #[must_use]
    pub const fn new(allocator: A) -> Self {
        // INVARIANT: `release` for this `A`.
        Self {
            head: Head {
                release: release::<A>,
            },
            entry: Once::new(),
            allocator,
        }
    }

    /// The entry to give to [`Registry::set_backing`](crate::Registry::set_backing); always the
    /// same.
    pub fn entry(&'static self) -> &'static AllocatorEntry {
        self.entry.call_once(|| {
            let context = ptr::from_ref(self).cast_mut().cast();
            // SAFETY: `allocate_in` keeps the contract for a `&'static` backing of an `A` that is
            // `Sync`; blocks are freed on other threads under the same bound.
            unsafe { AllocatorEntry::new(allocate_in::<A>, context) }
        })
    }
}

impl<A> AllocatorBacking<A> {
    /// The allocator behind it.
    pub const fn allocator(&self) -> &A {
        &self.allocator
    }
}

/// The entry's function for arenas of type `A`.
///
/// # Safety
///
/// `context` is a `&'static AllocatorBacking<A>`.
unsafe extern "C" fn allocate_in<A: Allocator + Send + Sync + 'static>(
    size: usize,
    align: usize,
    _: i32,
    context: *mut c_void,
) -> *mut c_void {
    // SAFETY: by the caller, and nothing but shared references to it exists.
    let backing: &'static AllocatorBacking<A> = unsafe { &*context.cast() };
    let body = if is_usual(size, align) {
        try_allocate(backing, size, MIN_ALIGN)
    } else {
        rarely(backing, size, align)
    };
    body.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// [`try_allocate`] for what [`is_usual`] does not cover.
#[inline(never)]
fn rarely<A: Allocator>(
    backing: &'static AllocatorBacking<A>,
    size: usize,
    align: usize,
) -> Option<NonNull<c_void>> {
    try_allocate(backing, size, align)
}

#[inline(always)]
fn try_allocate<A: Allocator>(
    backing: &'static AllocatorBacking<A>,
    size: usize,
    align: usize,
) -> Option<NonNull<c_void>> {
    let block = block_for::<ArenaWords>(size, align).ok()?;
    let layout = LayoutWord::pack(&block)?;
    let start = backing.allocator.allocate(layout.layout()).ok()?;
    let base = AllocHeader::new(reach(align, near_delete, far_delete));
    let words = ArenaWords {
        pad: PAD,
        // From the whole backing, not from its head: `release` reads on behind it.
        backing: ptr::from_ref(backing).cast(),
        sized: SizedHeader { layout, base },
    };
    // SAFETY: the block is fresh and fits that layout.
    Some(unsafe { wire(start.cast(), &block, words) })
}

/// Frees a body of alignment up to 16, of any arena.
///
/// # Safety
///
/// The contract of [`DeleteSpace`](crate::DeleteSpace): `body` has this function in its header.
#[inline(never)]
unsafe extern "C" fn near_delete(body: *mut c_void) {
    // SAFETY: bodies are not null; this one was wired near, by `try_allocate`, and is freed this
    // once.
    unsafe {
        let body = NonNull::new_unchecked(body);
        give_back(near_start::<ArenaWords>(body), body);
    }
}

/// Frees a body of alignment beyond 16, of any arena.
///
/// # Safety
///
/// As for [`near_delete`].
#[inline(never)]
unsafe extern "C" fn far_delete(body: *mut c_void) {
    // SAFETY: as in `near_delete`, wired far.
    unsafe {
        let body = NonNull::new_unchecked(body);
        give_back(far_start::<ArenaWords>(body), body);
    }
}

/// # Safety
///
/// `start` begins the block of `body`, which `try_allocate` made; it is given back this once.
unsafe fn give_back(start: NonNull<c_void>, body: NonNull<c_void>) {
    // SAFETY: `try_allocate` wired `ArenaWords`. They are copied out, for the block ends here.
    let (backing, layout) = unsafe {
        let words = before::<ArenaWords>(body).as_ptr();
        ((*words).backing, (*words).sized.layout.layout())
    };
    // SAFETY: the backing is `&'static`, and its head's function is the one for it. The block is
    // its own.
    unsafe { ((*backing).release)(backing, start.cast(), layout) }
}

/// # Safety
///
/// `backing` is the head of a `&'static AllocatorBacking<A>`, with provenance for all of it, whose
/// allocator gave `start` for `layout`; it is given back this once.
unsafe fn release<A: Allocator>(backing: *const Head, start: NonNull<u8>, layout: Layout) {
    // SAFETY: the head comes first in a `repr(C)` struct; the rest is by the caller.
    unsafe {
        (*backing.cast::<AllocatorBacking<A>>())
            .allocator
            .deallocate(start, layout)
    }
}
