//! The entry: how any allocator, in any language, hands out headed bodies.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use static_assertions::const_assert_eq;

use crate::error::AllocError;
use crate::offset::MIN_ALIGN;

/// Makes a block, wires its prefix, and returns the body; NULL when it cannot.
///
/// `size` and `align` are the body's, in bytes. `type_index` is the type the body is meant for, as
/// a hint (0 when there is none). `context` is the entry's. The contract is at
/// [`AllocatorEntry::new`].
pub type AllocateFn = unsafe extern "C" fn(
    size: usize,
    align: usize,
    type_index: i32,
    context: *mut c_void,
) -> *mut c_void;

/// An allocator as the registry knows it, in C layout: `{ allocate, context }`.
///
/// Entries are used as `&'static`, from any thread. The fields are private because
/// [`allocate`](Self::allocate), which is safe, relies on what [`new`](Self::new) was promised.
///
/// # Invariants
///
/// `allocate` with this `context` keeps the promise made to [`AllocatorEntry::new`].
#[repr(C)]
#[derive(Debug)]
pub struct AllocatorEntry {
    allocate: AllocateFn,
    context: *mut c_void,
}

const_assert_eq!(size_of::<AllocatorEntry>(), 2 * size_of::<usize>());

// SAFETY: by the type invariant, `allocate` may be called with `context` on every thread.
unsafe impl Send for AllocatorEntry {}
// SAFETY: as for `Send`, also at the same time; the entry itself never changes.
unsafe impl Sync for AllocatorEntry {}

impl AllocatorEntry {
    /// An entry that calls `allocate` with `context`.
    ///
    /// # Safety
    ///
    /// For the rest of the process, on any thread and on many at once, `allocate` called with this
    /// `context`, an `align` that is a power of two and a `size` that is at most `isize::MAX` when
    /// rounded up to `align`
    ///
    /// - returns NULL, or a body aligned to `align` and to [`MIN_ALIGN`], with `size` bytes that
    ///   nobody else uses until they are freed; they need not be initialised;
    /// - has written the [`AllocHeader`](crate::AllocHeader) that ends at the body, whose
    ///   `delete_space` accepts this body once, on any thread, and does not unwind;
    /// - returns a pointer whose provenance covers the prefix too;
    /// - does not unwind.
    pub const unsafe fn new(allocate: AllocateFn, context: *mut c_void) -> Self {
        // INVARIANT: it is what the caller promises.
        Self { allocate, context }
    }

    /// The function, as given to [`new`](Self::new).
    #[must_use]
    pub const fn allocate_fn(&self) -> AllocateFn {
        self.allocate
    }

    /// The context, as given to [`new`](Self::new).
    #[must_use]
    pub const fn context(&self) -> *mut c_void {
        self.context
    }

    /// A body of `size` bytes at alignment `align`, uninitialised, with its prefix wired.
    ///
    /// The caller owns it and frees it once, through its own header
    /// ([`delete`](crate::locate::delete)). `size` may be 0. Any thread may call.
    ///
    /// # Errors
    ///
    /// The allocator has no such block, or `size` and `align` are no valid layout.
    #[inline]
    pub fn allocate(
        &self,
        size: usize,
        align: usize,
        type_index: i32,
    ) -> Result<NonNull<c_void>, AllocError> {
        let error = AllocError::new(size, align);
        if Layout::from_size_align(size, align).is_err() {
            return Err(error);
        }
        // SAFETY: by the type invariant; size and align were checked.
        let body = unsafe { (self.allocate)(size, align, type_index, self.context) };
        let body = NonNull::new(body).ok_or(error)?;
        debug_assert!(
            body.addr().get() % align.max(MIN_ALIGN) == 0,
            "an allocator returned a body at {body:p}, asked for alignment {align}"
        );
        Ok(body)
    }
}

extern "C" fn refuse(_: usize, _: usize, _: i32, _: *mut c_void) -> *mut c_void {
    ptr::null_mut()
}

/// Has no memory: every request fails. The first backing where `default-backing` is off.
pub static FAILING_BACKING: AllocatorEntry =
    // SAFETY: it always returns NULL, which keeps the contract.
    unsafe { AllocatorEntry::new(refuse, ptr::null_mut()) };
