//! Where blocks come from: arenas that know their own blocks, and a frontend that puts a word in
//! front of each body.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use alloc_header::allocator_api2::alloc::{AllocError, Allocator};
use alloc_header::{
    AllocatorBacking, AllocatorEntry, DEFAULT_BACKING, FAILING_BACKING, Registry, delete_space_of,
    is_mine, layer_allocate, layer_release_far, layer_release_near, word_of,
};

/// An arena that keeps a list of its blocks, and takes back only what is on it.
pub struct Arena {
    blocks: Mutex<Vec<(usize, Layout)>>,
    budget: AtomicUsize,
}

impl Arena {
    const fn new() -> Self {
        Self {
            blocks: Mutex::new(Vec::new()),
            budget: AtomicUsize::new(usize::MAX),
        }
    }

    fn blocks(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Layout)>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many blocks are out.
    #[must_use]
    pub fn live(&self) -> usize {
        self.blocks().len()
    }

    /// How many more allocations succeed.
    pub fn set_budget(&self, budget: usize) {
        self.budget.store(budget, Ordering::Relaxed);
    }

    /// Forgets its list's memory, so that a world leaves nothing.
    pub fn tidy(&self) {
        let mut blocks = self.blocks();
        assert!(blocks.is_empty(), "an arena's block was not given back");
        *blocks = Vec::new();
        self.set_budget(usize::MAX);
    }
}

// SAFETY: blocks come from the system and stay where they are; the arena has no clones.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let mut blocks = self.blocks();
        let spend = |left: usize| left.checked_sub(1);
        self.budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .map_err(|_| AllocError)?;
        blocks.try_reserve(1).map_err(|_| AllocError)?;
        if layout.size() > 1 << 24 {
            return Err(AllocError);
        }
        // SAFETY: blocks are never empty: they hold a header.
        let start = NonNull::new(unsafe { System.alloc(layout) }).ok_or(AllocError)?;
        blocks.push((start.addr().get(), layout));
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        let mut blocks = self.blocks();
        let block = (start.addr().get(), layout);
        let place = blocks.iter().position(|&there| there == block);
        blocks.swap_remove(place.expect("a block of another arena, or of another layout"));
        // SAFETY: on the list: the system gave it, for this layout.
        unsafe { System.dealloc(start.as_ptr(), layout) };
    }
}

/// Two arenas of one type.
pub static ARENAS: [AllocatorBacking<Arena>; 2] = [
    AllocatorBacking::new(Arena::new()),
    AllocatorBacking::new(Arena::new()),
];

/// Which backing: the default one, an arena, or the one that always fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// [`DEFAULT_BACKING`].
    Default,
    /// One of [`ARENAS`].
    Arena(usize),
    /// [`FAILING_BACKING`].
    Failing,
}

impl Backing {
    /// By number.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte % 8 {
            0..=2 => Self::Default,
            3 | 4 => Self::Arena(0),
            5 | 6 => Self::Arena(1),
            _ => Self::Failing,
        }
    }

    /// Its entry.
    #[must_use]
    pub fn entry(self) -> &'static AllocatorEntry {
        match self {
            Self::Default => &DEFAULT_BACKING,
            Self::Arena(number) => ARENAS[number].entry(),
            Self::Failing => &FAILING_BACKING,
        }
    }
}

thread_local! {
    static TIES: Cell<bool> = const { Cell::new(false) };
}

/// What the frontend writes into the back word.
pub const WORD: usize = 0x5AFE_0000;

/// Whether the frontend puts its word in front of the bodies of this thread from now on.
pub fn set_ties(ties: bool) {
    TIES.set(ties);
}

/// The frontend's entry for `registry`, which lives as long as the process.
pub fn frontend(registry: &'static Registry) -> AllocatorEntry {
    let context = ptr::from_ref(registry).cast_mut().cast();
    // SAFETY: `allocate` keeps the contract, and the registry lives for ever.
    unsafe { AllocatorEntry::new(allocate, context) }
}

/// Whether the frontend put its word in front of the body; then the word is what it was.
///
/// # Safety
///
/// The body is headed.
pub unsafe fn is_tied(body: NonNull<c_void>) -> bool {
    // SAFETY: by the caller, and tied as just found.
    unsafe {
        let tied = is_mine(delete_space_of(body), near, far);
        assert!(
            !tied || word_of(body).load(Ordering::Relaxed) == WORD,
            "the back word was changed"
        );
        tied
    }
}

/// # Safety
///
/// `context` is a `&'static Registry`.
unsafe extern "C" fn allocate(
    size: usize,
    align: usize,
    type_index: i32,
    context: *mut c_void,
) -> *mut c_void {
    // SAFETY: by the caller.
    let registry = unsafe { &*context.cast::<Registry>() };
    let body = if TIES.get() {
        // SAFETY: `near` and `far` release by the matching function.
        unsafe { layer_allocate(registry, size, align, type_index, near, far, WORD) }
    } else {
        registry.backing().allocate(size, align, type_index)
    };
    body.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// # Safety
///
/// `body` came from `allocate`, tied and near, and is freed this once.
#[inline(never)]
unsafe extern "C" fn near(body: *mut c_void) {
    let body = NonNull::new(body).expect("bodies are not null");
    // SAFETY: by the caller.
    unsafe {
        assert!(is_tied(body));
        layer_release_near(body);
    }
}

/// # Safety
///
/// As for `near`, far.
#[inline(never)]
unsafe extern "C" fn far(body: *mut c_void) {
    let body = NonNull::new(body).expect("bodies are not null");
    // SAFETY: by the caller.
    unsafe {
        assert!(is_tied(body));
        layer_release_far(body);
    }
}
