//! No memory: at each allocation of a check in turn, and for real.

use object_core::{DropScope, NewError, ObjectArc, RegisterError};

use crate::arena::ARENA;
use crate::heap;
use crate::objects::{Node, TYPES, dropped};
use crate::print::say;
use crate::report::in_use;

/// Registers the kernel's types, so that later nobody waits for the table's lock; each allocation of the
/// table fails once before.
pub(crate) fn of_registration() -> Result<(), RegisterError> {
    let mut failed = 0;
    for register in TYPES {
        for nth in 1.. {
            heap::REFUSAL.set(nth);
            let result = register();
            let was_left = heap::REFUSAL.clear();
            match result {
                Err(RegisterError::OutOfMemory) if !was_left => failed += 1,
                Ok(_) if was_left => break,
                other => {
                    panic!("allocation {nth} failed (left: {was_left}), and it said {other:?}")
                }
            }
        }
        // Again it is looked up, without asking for anything.
        heap::REFUSAL.set(1);
        register()?;
        assert!(heap::REFUSAL.clear(), "a registered type asks for memory");
    }
    say!(
        "failures: {failed} allocations of the type table failed, and every type was registered after"
    );
    Ok(())
}

/// Runs `check` with its n-th allocation failing, for every n until none does.
fn sweep(check: fn() -> Result<(), NewError>) -> usize {
    for nth in 1.. {
        let before = in_use();
        ARENA.allocator().refusal.set(nth);
        let result = check();
        let was_left = ARENA.allocator().refusal.clear();
        assert!(
            in_use() == before,
            "failing at allocation {nth} left something"
        );
        match result {
            Ok(()) if was_left => return nth - 1,
            Err(NewError::Alloc(error)) if !was_left => assert!(error.size() > 0),
            other => {
                panic!("allocation {nth} failed (left: {was_left}), and the check said {other:?}")
            }
        }
    }
    0
}

/// Every allocation of every check fails once.
pub(crate) fn each_in_turn<const N: usize>(checks: [fn() -> Result<(), NewError>; N]) {
    let failed: usize = checks.into_iter().map(sweep).sum();
    say!(
        "failures: {failed} allocations failed, one at a time; each was an error, nothing was left"
    );
}

/// Takes all memory there is, and gives it back.
pub(crate) fn all_of_it() {
    let before = (in_use(), dropped());
    let mut made = 0;
    let mut chain: Option<ObjectArc<Node>> = None;
    loop {
        match ObjectArc::try_new(Node::new(made, chain.take())) {
            Ok(node) => chain = Some(node),
            Err(error) => {
                // The value came back, and with it the chain.
                assert!(error.value.value == made && matches!(error.cause, NewError::Alloc(_)));
                let mut value = error.value;
                chain = value.next.take();
                break;
            }
        }
        made += 1;
    }
    let full = in_use();
    {
        // The drop list gets no memory either.
        let _rest = heap::fill();
        let _scope = DropScope::open();
        drop(chain);
    }
    assert!(in_use() == before.0 && dropped() as u64 == before.1 as u64 + made + 1);
    say!(
        "failures: memory was full with {made} objects in {} frames, and all came back",
        full.object_frames
    );
}
