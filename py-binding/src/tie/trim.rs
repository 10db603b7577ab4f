//! Taking kept storage away from an object that lives: it has no wrapper then, and the next one is another.

use crate::tie::host::{Host, Object};
use crate::tie::lock::Held;
use crate::tie::step::on_trim;
use crate::tie::word::Wrapper;

/// Takes this storage away from the object that it is marked as kept for; false if it is being revived.
/// Quiet.
///
/// # Safety
///
/// The object's block is there until this returns, whoever drops it: see [`mark`](crate::tie::mark). The thread
/// is attached.
#[must_use]
pub unsafe fn trim<H: Host>(host: &H, wrapper: Wrapper, object: Object) -> bool {
    // SAFETY: the block is there by the caller's contract.
    let Some(word) = (unsafe { host.word(object) }) else {
        return false;
    };
    let mut held = Held::<H::Lock>::hold(word);
    match on_trim(held.state(), wrapper) {
        Some(state) => {
            held.set(state);
            true
        }
        None => false,
    }
}
