//! Page frames: which of them are free, one bit each.

use core::ops::Range;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use crate::lock::MaskedLock;

/// Bytes of a frame.
pub(crate) const FRAME: usize = 4096;
/// Frames of the mapped GiB.
const MOST: usize = (1 << 30) / FRAME;

/// What memory is filled with when it is handed out, so that nobody takes zeros for granted.
const FRESH: u8 = 0xA5;

/// # Invariants
///
/// Frames `from..to` (by number: address / `FRAME`) are the allocator's, mapped, and nobody else's;
/// of those the ones whose bit is clear are handed out to nobody.
struct Frames {
    from: usize,
    to: usize,
    used: usize,
    /// No frame in front of this one is free.
    hint: usize,
    bits: [u64; MOST / 64],
}

static FRAMES: MaskedLock<Frames> = MaskedLock::new(Frames {
    from: 0,
    to: 0,
    used: 0,
    hint: 0,
    bits: [0; MOST / 64],
});

impl Frames {
    fn is_used(&self, frame: usize) -> bool {
        self.bits[frame / 64] >> (frame % 64) & 1 != 0
    }

    fn mark(&mut self, frames: Range<usize>, used: bool) {
        for frame in frames {
            assert!(
                self.is_used(frame) != used,
                "frame {frame:#x} is handed out or given back twice"
            );
            self.bits[frame / 64] ^= 1 << (frame % 64);
        }
    }

    /// The first run of `count` free frames whose first number is a multiple of `align`.
    fn find(&self, count: usize, align: usize) -> Option<usize> {
        let mut first = self.hint.next_multiple_of(align);
        while first.checked_add(count)? <= self.to {
            match (first..first + count)
                .rev()
                .find(|&frame| self.is_used(frame))
            {
                None => return Some(first),
                Some(used) => first = (used + 1).next_multiple_of(align),
            }
        }
        None
    }
}

/// Hands `memory` to the allocator.
///
/// # Safety
///
/// Once; the memory is mapped, and nobody else's from here on.
pub(crate) unsafe fn give_memory(memory: Range<usize>) {
    FRAMES.with(|frames| {
        // INVARIANT: whole frames of the caller's memory.
        frames.from = memory.start.div_ceil(FRAME);
        frames.to = memory.end / FRAME;
        frames.hint = frames.from;
    });
}

/// `count` frames in a row, the first at a multiple of `align` bytes.
pub(crate) fn take(count: usize, align: usize) -> Option<NonNull<u8>> {
    let first = FRAMES.with(|frames| {
        let first = frames.find(count, align.div_ceil(FRAME))?;
        frames.mark(first..first + count, true);
        frames.used += count;
        if first == frames.hint {
            frames.hint += count;
        }
        Some(first)
    })?;
    let start = NonNull::new(with_exposed_provenance_mut::<u8>(first * FRAME))?;
    // SAFETY: by the invariant of `Frames` these frames are mapped, and from here on the caller's.
    unsafe { start.write_bytes(FRESH, count * FRAME) };
    Some(start)
}

/// Takes frames back.
///
/// # Safety
///
/// `take` handed out these `count` frames, and nobody uses them any more.
pub(crate) unsafe fn give(start: NonNull<u8>, count: usize) {
    FRAMES.with(|frames| {
        let first = start.addr().get() / FRAME;
        assert!(
            start.addr().get() % FRAME == 0 && first >= frames.from && first + count <= frames.to
        );
        frames.mark(first..first + count, false);
        frames.used -= count;
        frames.hint = frames.hint.min(first);
    });
}

/// How many frames there are, and how many are handed out.
pub(crate) fn counts() -> (usize, usize) {
    FRAMES.with(|frames| (frames.to - frames.from, frames.used))
}
