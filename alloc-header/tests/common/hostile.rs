//! Memory that is aligned exactly as asked and not better, full of poison, fenced by a record in
//! front and a canary behind, and that must come back to its owner with the layout it was asked
//! for.

use std::alloc::{GlobalAlloc, Layout, System};

/// What fresh memory is filled with, so that nobody takes zeros for granted.
const FRESH: u8 = 0xA5;
/// What freed memory is filled with.
const FREED: u8 = 0x5A;

const CANARY: [u8; 8] = *b"the end.";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Record {
    owner: usize,
    size: usize,
    align: usize,
}

/// An odd multiple of `align` with room for the record: what follows is aligned to `align` only.
fn front(align: usize) -> usize {
    if align >= 32 { align } else { 32 + align }
}

fn outer(layout: Layout) -> Option<Layout> {
    let align = (layout.align() * 2).max(16);
    let size = layout
        .size()
        .checked_add(front(layout.align()) + CANARY.len())?;
    Layout::from_size_align(size, align).ok()
}

/// Memory for `layout`, or NULL.
pub(crate) fn take(owner: usize, layout: Layout) -> *mut u8 {
    let Some(outer) = outer(layout) else {
        return std::ptr::null_mut();
    };
    // SAFETY: the outer layout's size is not zero.
    let base = unsafe { System.alloc(outer) };
    if base.is_null() {
        return base;
    }
    let record = Record {
        owner,
        size: layout.size(),
        align: layout.align(),
    };
    // SAFETY: all of it lies in the outer block.
    unsafe {
        let start = base.add(front(layout.align()));
        start
            .sub(size_of::<Record>())
            .cast::<Record>()
            .write_unaligned(record);
        start.write_bytes(FRESH, layout.size());
        start
            .add(layout.size())
            .cast::<[u8; 8]>()
            .write_unaligned(CANARY);
        start
    }
}

/// Takes `start` back, or ends the process if anything about it is wrong.
///
/// # Safety
///
/// `start` came from `take` and was not given back. (A wrong layout or owner is what this looks
/// for.)
pub(crate) unsafe fn give(owner: usize, start: *mut u8, layout: Layout) {
    let asked = Record {
        owner,
        size: layout.size(),
        align: layout.align(),
    };
    // SAFETY: the record is in front of everything that `take` returned.
    let record = unsafe {
        start
            .sub(size_of::<Record>())
            .cast::<Record>()
            .read_unaligned()
    };
    if record != asked {
        die(&format!(
            "given back as {asked:?}, but handed out as {record:?}"
        ));
    }
    // SAFETY: the record is right, so this is the block that `take` made, canary and all.
    unsafe {
        if start.add(layout.size()).cast::<[u8; 8]>().read_unaligned() != CANARY {
            die("somebody wrote past the end of a block");
        }
        start
            .sub(size_of::<Record>())
            .write_bytes(FREED, size_of::<Record>() + layout.size());
        System.dealloc(start.sub(front(layout.align())), outer(layout).unwrap());
    }
}

/// Its callers are C frames or a global allocator, through which no panic may pass.
fn die(what: &str) -> ! {
    eprintln!("hostile memory: {what}");
    std::process::abort()
}
