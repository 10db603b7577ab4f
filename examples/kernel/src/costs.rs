//! What things cost, in instructions, counted one by one. Printed as the rows of a table, which is that
//! of `docs/embedding.md`: `make kernel` compares the two.

use core::alloc::Layout;
use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};

use alloc_header::REGISTRY;
use alloc_header::allocator_api2::alloc::Allocator;
use object_core::{NewError, ObjectArc};

use crate::arena::ARENA;
use crate::objects::Node;
use crate::print::say;
use crate::raw;
use crate::step::stepped;
use crate::vectors;

static STEPS: AtomicUsize = AtomicUsize::new(0);

fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
}

fn steps<R>(f: impl FnOnce() -> R) -> (R, usize) {
    STEPS.store(0, Ordering::Relaxed);
    let result = stepped(f);
    (result, STEPS.load(Ordering::Relaxed))
}

/// Instructions of `f` alone.
fn cost<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let ((), nothing) = steps(|| ());
    let (result, all) = steps(f);
    (result, all.saturating_sub(nothing))
}

/// Prints them.
pub(crate) fn print() -> Result<(), NewError> {
    vectors::at_step(step);
    // The slab keeps its page meanwhile, so that no frame comes or goes.
    let node = ObjectArc::try_new(Node::new(1, None)).map_err(|error| error.cause)?;
    let weak = ObjectArc::downgrade(&node);
    let (second, clone) = cost(|| node.clone());
    let ((), drop_one) = cost(|| drop(second));
    let (other, downgrade) = cost(|| ObjectArc::downgrade(&node));
    let ((), drop_weak) = cost(|| drop(other));
    let (strong, upgrade) = cost(|| weak.upgrade());
    drop(strong);

    let size = size_of::<Node>();
    let near = Layout::new::<[u64; 12]>();
    let (block, slab_take) = cost(|| ARENA.allocator().allocate(black_box(near)));
    let Ok(block) = block else {
        return Err(NewError::Alloc(object_core::AllocError::new(
            near.size(),
            8,
        )));
    };
    let ((), slab_give) = cost(|| raw::give_back(block.cast(), near));
    let (body, headed) = cost(|| {
        REGISTRY
            .backing()
            .allocate(black_box(size), black_box(8), 0)
    });
    let ((), headed_delete) = cost(|| raw::delete(body));
    let (body, tied) = cost(|| REGISTRY.allocate(black_box(size), black_box(8), 0));
    let ((), tied_delete) = cost(|| raw::delete(body));
    let (fresh, new) = cost(|| ObjectArc::try_new(black_box(Node::new(2, None))));
    let ((), last) = cost(|| drop(fresh));
    say!(
        "costs in instructions: the slab's own take {slab_take}, give {slab_give}; a last drop {last}"
    );
    say!(
        "| `AllocatorBacking` on top of the slab: allocate, delete | {}, {} |",
        headed - slab_take,
        headed_delete - slab_give
    );
    say!(
        "| a frontend's word on top of that: allocate, delete (its own counters included) | {}, {} |",
        tied - headed,
        tied_delete - headed_delete
    );
    say!("| clone a handle; drop one that is not the last | {clone}; {drop_one} |");
    say!("| downgrade; drop a weak one; upgrade | {downgrade}; {drop_weak}; {upgrade} |");
    say!("| `try_new` of an object of {size} bytes, the slab and the word included | {new} |");
    Ok(())
}
