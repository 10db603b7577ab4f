//! A slab: blocks of six sizes cut from frames; larger ones are frames themselves.
//!
//! ```text
//! frame   64, or the block size if that is larger
//! v       v
//! [ Page | block | block | ... ]      every block at a multiple of its size
//! ```
//!
//! A frame goes back as soon as its last block does, so the frames in use tell what is in use.

use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

use crate::frames::{self, FRAME};
use crate::lock::MaskedLock;

/// log2 of the smallest and the largest block.
const SMALLEST: u32 = 5;
const LARGEST: u32 = 10;
const CLASSES: usize = (LARGEST - SMALLEST + 1) as usize;

/// What a block is filled with when it comes back.
const FREED: u8 = 0x5A;

/// The head of a frame that is cut into blocks.
#[repr(C)]
struct Page {
    next: *mut Page,
    previous: *mut Page,
    free: *mut Free,
    used: usize,
}

/// A free block.
#[repr(C)]
struct Free {
    next: *mut Free,
}

/// # Invariants
///
/// `with_room[class]` begins a doubly linked list of exactly those of our pages of that class that
/// have a free block; a page's `free` lists its free blocks, `used` counts the others, and is not 0.
struct Slab {
    with_room: [*mut Page; CLASSES],
    frames: usize,
    blocks: usize,
}

// SAFETY: its pages belong to it, and follow it wherever it goes.
unsafe impl Send for Slab {}

/// What a layout is served from.
enum Served {
    /// Blocks of `1 << (SMALLEST + class)` bytes.
    Class(usize),
    /// So many frames.
    Frames(usize),
}

fn served(layout: Layout) -> Served {
    let need = layout.size().max(layout.align()).max(1 << SMALLEST);
    if need > 1 << LARGEST {
        return Served::Frames(layout.size().div_ceil(FRAME).max(1));
    }
    Served::Class((need.next_power_of_two().trailing_zeros() - SMALLEST) as usize)
}

impl Slab {
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let start = match served(layout) {
            Served::Frames(count) => {
                let start = frames::take(count, layout.align())?;
                self.frames += count;
                start
            }
            Served::Class(class) => {
                if self.with_room[class].is_null() {
                    self.add_page(class)?;
                }
                // SAFETY: by the invariant the page is ours, and has a free block.
                unsafe {
                    let page = self.with_room[class];
                    let block = (*page).free;
                    (*page).free = (*block).next;
                    (*page).used += 1;
                    if (*page).free.is_null() {
                        self.unlink(page, class);
                    }
                    NonNull::new_unchecked(block).cast()
                }
            }
        };
        self.blocks += 1;
        Some(start)
    }

    /// # Safety
    ///
    /// `take` handed `start` out for this layout, and nobody uses it any more.
    unsafe fn give(&mut self, start: NonNull<u8>, layout: Layout) {
        self.blocks -= 1;
        match served(layout) {
            Served::Frames(count) => {
                self.frames -= count;
                // SAFETY: by the caller: these frames.
                unsafe { frames::give(start, count) };
            }
            Served::Class(class) => {
                let size = 1usize << (SMALLEST as usize + class);
                assert!(
                    start.addr().get() % size == 0,
                    "{start:p} is no block of {size} bytes"
                );
                // SAFETY: by the caller the block is one of a page of ours, whose head begins the
                // frame that the block lies in.
                unsafe {
                    start.write_bytes(FREED, size);
                    let page = start
                        .as_ptr()
                        .map_addr(|at| at & !(FRAME - 1))
                        .cast::<Page>();
                    let was_full = (*page).free.is_null();
                    let block = start.cast::<Free>().as_ptr();
                    block.write(Free { next: (*page).free });
                    (*page).free = block;
                    (*page).used -= 1;
                    if was_full {
                        self.link(page, class);
                    }
                    if (*page).used == 0 {
                        self.unlink(page, class);
                        self.frames -= 1;
                        frames::give(NonNull::new_unchecked(page).cast(), 1);
                    }
                }
            }
        }
    }

    fn add_page(&mut self, class: usize) -> Option<()> {
        let frame = frames::take(1, FRAME)?;
        self.frames += 1;
        let (page, size) = (
            frame.cast::<Page>().as_ptr(),
            1usize << (SMALLEST as usize + class),
        );
        // SAFETY: the frame is ours, and every block lies in it behind the head.
        unsafe {
            page.write(Page {
                next: null_mut(),
                previous: null_mut(),
                free: null_mut(),
                used: 0,
            });
            for at in (size.max(64)..FRAME).step_by(size).rev() {
                let block = frame.as_ptr().add(at).cast::<Free>();
                block.write(Free { next: (*page).free });
                (*page).free = block;
            }
            self.link(page, class);
        }
        Some(())
    }

    /// # Safety
    ///
    /// `page` is ours, of this class, and in no list.
    unsafe fn link(&mut self, page: *mut Page, class: usize) {
        let next = core::mem::replace(&mut self.with_room[class], page);
        // SAFETY: by the caller, and by the invariant for `next`.
        unsafe {
            (*page).next = next;
            (*page).previous = null_mut();
            if !next.is_null() {
                (*next).previous = page;
            }
        }
    }

    /// # Safety
    ///
    /// `page` is ours, and in the list of this class.
    unsafe fn unlink(&mut self, page: *mut Page, class: usize) {
        // SAFETY: by the caller, and by the invariant for its neighbours.
        unsafe {
            let (previous, next) = ((*page).previous, (*page).next);
            if previous.is_null() {
                self.with_room[class] = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
        }
    }
}

/// A slab behind its lock, for anybody: blocks may be given back from an interrupt.
pub(crate) struct Pool(MaskedLock<Slab>);

impl Pool {
    pub(crate) const fn new() -> Self {
        Self(MaskedLock::new(Slab {
            with_room: [null_mut(); CLASSES],
            frames: 0,
            blocks: 0,
        }))
    }

    /// Memory for `layout`.
    pub(crate) fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.with(|slab| slab.take(layout))
    }

    /// Takes memory back.
    ///
    /// # Safety
    ///
    /// This pool handed `start` out for this layout, and nobody uses it any more.
    pub(crate) unsafe fn give(&self, start: NonNull<u8>, layout: Layout) {
        // SAFETY: by the caller.
        self.0.with(|slab| unsafe { slab.give(start, layout) });
    }

    /// Frames and blocks in use.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.0.with(|slab| (slab.frames, slab.blocks))
    }
}
