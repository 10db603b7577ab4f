//! A bump arena: blocks one behind the other, none used again.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rust_binding::allocator_api2::alloc::{AllocError, Allocator, Global};

/// How much it asks for at a time.
const CHUNK: usize = 1 << 20;

/// What is left of the chunk in use.
#[derive(Debug)]
struct Rest {
    start: Option<NonNull<u8>>,
    len: usize,
}

// SAFETY: it owns the memory it points to, and is used under the arena's lock only.
unsafe impl Send for Rest {}

/// Lives as long as the process, and gives nothing back before.
#[derive(Debug)]
pub(crate) struct Arena {
    rest: Mutex<Rest>,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        let rest = Rest {
            start: None,
            len: 0,
        };
        Self {
            rest: Mutex::new(rest),
        }
    }
}

impl Rest {
    /// The next block, if it fits what is left.
    fn take(&mut self, layout: Layout) -> Option<NonNull<[u8]>> {
        let start = self.start?;
        let pad = start.align_offset(layout.align());
        let end = pad.checked_add(layout.size())?;
        if end > self.len {
            return None;
        }
        // SAFETY: both inside the chunk, as just compared.
        let (block, rest) = unsafe { (start.add(pad), start.add(end)) };
        (self.start, self.len) = (Some(rest), self.len - end);
        Some(NonNull::slice_from_raw_parts(block, layout.size()))
    }
}

// SAFETY: blocks are parts of chunks that are never freed, and no two overlap.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = rest.take(layout) {
            return Ok(block);
        }
        let size = layout
            .size()
            .checked_add(layout.align())
            .ok_or(AllocError)?;
        let chunk = Layout::from_size_align(size.max(CHUNK), 16).map_err(|_| AllocError)?;
        let fresh = Global.allocate(chunk)?;
        *rest = Rest {
            start: Some(fresh.cast()),
            len: chunk.size(),
        };
        rest.take(layout).ok_or(AllocError)
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
}
