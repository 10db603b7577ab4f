//! Sums of blocks against sums in 128 bits; bodies of every size and alignment from every kind of
//! backing, with and without a frontend's word, filled to the brim and freed in any order.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use alloc_header::width::{self, MAX_16, MAX_32, MAX_64};
use alloc_header::{
    AllocatorEntry, BlockLayout, DEFAULT_BACKING, MIN_ALIGN, Registry, body_offset, delete,
};

use crate::arena::{ARENAS, Backing, frontend, is_tied, set_ties};
use crate::heap;
use crate::program::{Op, Play, Reader, at};

/// An operation.
#[derive(Debug)]
pub enum LayoutOp {
    /// The sums for a width.
    Sums {
        /// Of the largest object there.
        max: u64,
        /// Bytes in front.
        prefix: u64,
        /// Bytes of the body.
        size: u64,
        /// Alignment asked for.
        align: u64,
    },
    /// A body.
    Allocate {
        /// Bytes.
        size: usize,
        /// Alignment asked for.
        align: usize,
        /// With a frontend's word.
        tied: bool,
        /// The heap's n-th allocation fails.
        fail: usize,
    },
    /// A body goes.
    Free(u8),
    /// Another backing.
    Backing(Backing),
    /// An arena has only so many blocks left.
    Budget(usize, usize),
}

/// Mostly a power of two.
fn align(from: &mut Reader<'_>) -> u64 {
    match from.byte() {
        power @ 0..=199 => 1 << (power % 21),
        _ => from.edge(),
    }
}

impl Op for LayoutOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        match from.byte() % 16 {
            0..=3 => Self::Sums {
                max: [MAX_16, MAX_32, MAX_64][from.below(3)],
                prefix: from.edge(),
                size: from.edge(),
                align: align(from),
            },
            4..=8 => Self::Allocate {
                size: match from.byte() {
                    255 => from.edge() as usize,
                    254 => usize::from(from.short()),
                    small => usize::from(small),
                },
                align: align(from) as usize,
                tied: from.flag(),
                fail: from.byte().saturating_sub(250).into(),
            },
            9..=13 => Self::Free(from.byte()),
            14 => Self::Backing(Backing::from_byte(from.byte())),
            _ => Self::Budget(from.below(2), from.below(8)),
        }
    }
}

/// A body and what the model knows of it.
struct Body {
    at: NonNull<c_void>,
    size: usize,
    mark: u8,
    tied: bool,
    arena: Option<usize>,
}

/// The backing in force, and the bodies that live.
pub struct World {
    backing: Backing,
    bodies: Vec<Body>,
    live: [usize; 2],
    budget: [usize; 2],
    mark: u8,
    _alone: MutexGuard<'static, ()>,
}

static SHARED: Mutex<()> = Mutex::new(());
static BACKED: Registry = Registry::new(&DEFAULT_BACKING);
static FRONTEND: LazyLock<AllocatorEntry> = LazyLock::new(|| frontend(&BACKED));

impl Play for World {
    type Op = LayoutOp;

    fn begin() -> Self {
        let alone = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = BACKED.register_frontend(&FRONTEND);
        BACKED.set_backing(&DEFAULT_BACKING);
        Self {
            backing: Backing::Default,
            bodies: Vec::new(),
            live: [0; 2],
            budget: [usize::MAX; 2],
            mark: 0,
            _alone: alone,
        }
    }

    fn apply(&mut self, op: &LayoutOp) {
        match *op {
            LayoutOp::Sums {
                max,
                prefix,
                size,
                align,
            } => sums(max, prefix, size, align),
            LayoutOp::Allocate {
                size,
                align,
                tied,
                fail,
            } => self.allocate(size, align, tied, fail),
            LayoutOp::Free(pick) => {
                if let Some(place) = at(&self.bodies, pick) {
                    let body = self.bodies.swap_remove(place);
                    self.free(&body);
                }
            }
            LayoutOp::Backing(backing) => {
                let before = BACKED.set_backing(backing.entry());
                assert!(std::ptr::eq(before, self.backing.entry()));
                self.backing = backing;
            }
            LayoutOp::Budget(arena, blocks) => {
                ARENAS[arena].allocator().set_budget(blocks);
                self.budget[arena] = blocks;
            }
        }
        for (arena, &live) in ARENAS.iter().zip(&self.live) {
            assert_eq!(arena.allocator().live(), live);
        }
    }

    fn end(mut self) {
        while let Some(body) = self.bodies.pop() {
            self.free(&body);
        }
        for arena in &ARENAS {
            arena.allocator().tidy();
        }
        set_ties(false);
    }
}

impl World {
    fn allocate(&mut self, size: usize, align: usize, tied: bool, fail: usize) {
        let arena = match self.backing {
            Backing::Arena(number) => Some(number),
            _ => None,
        };
        let valid = BlockLayout::new(64, size, align).is_ok();
        let large = size.max(align) > 1 << 22;
        if valid && large && self.backing == Backing::Default {
            return; // what a real heap does with that much is its own affair
        }
        set_ties(tied);
        let (made, failed) = heap::failing(fail, || BACKED.allocate(size, align, 7));
        let dry = failed
            || self.backing == Backing::Failing
            || arena.is_some_and(|arena| self.budget[arena] == 0 || large);
        // The arena spends before it looks for room.
        if let Some(arena) = arena.filter(|_| valid) {
            self.budget[arena] = self.budget[arena].saturating_sub(1);
            ARENAS[arena].allocator().set_budget(self.budget[arena]);
        }
        match made {
            Err(error) => {
                assert!(dry || !valid, "no body of {size} bytes at {align}");
                assert_eq!((error.size(), error.align()), (size, align));
            }
            Ok(at) => {
                assert!(valid);
                assert_eq!(at.addr().get() % align.max(MIN_ALIGN), 0);
                self.mark = self.mark.wrapping_add(1);
                let filled = size.min(1 << 14);
                // SAFETY: the body is ours, headed, and has `size` bytes.
                unsafe {
                    at.cast::<u8>().as_ptr().write_bytes(self.mark, filled);
                    assert_eq!(is_tied(at), tied);
                }
                if let Some(arena) = arena {
                    self.live[arena] += 1;
                }
                self.bodies.push(Body {
                    at,
                    size: filled,
                    mark: self.mark,
                    tied,
                    arena,
                });
            }
        }
    }

    fn free(&mut self, body: &Body) {
        // SAFETY: the body is headed and lives, `size` bytes of it were written; it is freed this
        // once.
        unsafe {
            let bytes = std::slice::from_raw_parts(body.at.cast::<u8>().as_ptr(), body.size);
            assert!(
                bytes.iter().all(|&byte| byte == body.mark),
                "somebody else wrote a body"
            );
            assert_eq!(is_tied(body.at), body.tied);
            delete(body.at);
        }
        if let Some(arena) = body.arena {
            self.live[arena] -= 1;
        }
    }
}

/// The sums of a width against sums that cannot overflow.
fn sums(max: u64, prefix: u64, size: u64, align: u64) {
    let (wide_prefix, wide_size, wide_max) =
        (u128::from(prefix), u128::from(size), u128::from(max));
    let model = align.is_power_of_two().then(|| {
        let wide_align = u128::from(align);
        let offset = wide_prefix.next_multiple_of(wide_align);
        (
            offset,
            offset + wide_size,
            (offset + wide_size).next_multiple_of(wide_align),
        )
    });
    let offset = width::body_offset(prefix, align, max);
    let wanted = model.filter(|&(offset, ..)| offset <= wide_max);
    assert_eq!(
        offset.ok().map(u128::from),
        wanted.map(|(offset, ..)| offset)
    );

    let block = width::block(prefix, size, align, max);
    match (block, model.filter(|&(.., rounded)| rounded <= wide_max)) {
        (Ok(block), Some((offset, total, _))) => {
            assert_eq!(u128::from(block.size), total);
            assert_eq!(u128::from(block.body_offset), offset);
            assert_eq!(block.align, align);
        }
        (Err(error), None) => {
            let text = error.to_string();
            assert_eq!(
                text.contains("power of two"),
                !align.is_power_of_two(),
                "{text}"
            );
        }
        (block, model) => panic!("{block:?} against {model:?}"),
    }

    let words = wide_prefix & !7;
    let wanted = if align > width::NEAR_ALIGN {
        words + 8
    } else {
        words.next_multiple_of(16)
    };
    assert_eq!(
        u128::from(width::prefix(words as u64, align)),
        wanted.min(u64::MAX.into())
    );

    // The same for the machine at hand, whose bodies are aligned to 8 at least.
    let (prefix, size, align) = (prefix as usize, size as usize, align as usize);
    let here = BlockLayout::new(prefix, size, align).ok();
    let raised = if align.is_power_of_two() {
        align.max(MIN_ALIGN)
    } else {
        align
    };
    let there = width::block(prefix as u64, size as u64, raised as u64, isize::MAX as u64).ok();
    let parts = |block: BlockLayout| (block.size(), block.align(), block.body_offset());
    let wanted = there.map(|sums| {
        (
            sums.size as usize,
            sums.align as usize,
            sums.body_offset as usize,
        )
    });
    assert_eq!(here.map(parts), wanted);
    if let Some(block) = here {
        let layout = std::alloc::Layout::from_size_align(block.size(), block.align());
        assert!(layout.is_ok());
        assert_eq!(body_offset(prefix, raised), Ok(block.body_offset()));
    }
}
