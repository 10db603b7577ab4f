//! What a change of a [count](crate::count) came to, and so what is due.

use crate::limit::{abort, is_flagged};

/// What an increment found that is rare: bit 63, or far too many references. It was done all the same.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Rare(
    /// Strong references before.
    pub(crate) u32,
);

impl Rare {
    /// Whether the runtime has to settle now: bit 63 was set, and only the wrapper held the object. Aborts the
    /// process where there are more than 2^31 references.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn must_settle(self) -> bool {
        if is_flagged(self.0) {
            abort("an object has more than 2^31 strong references");
        }
        self.0 == 1
    }
}

/// What an upgrade came to.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Counted.
    Counted,
    /// The object is dead: its strong count is 0.
    Dead,
    /// Bit 63 is set: the runtime's slow function has to do it; nothing was changed.
    Slow,
}

/// What a decrement came to, and so what its caller owes.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Released {
    /// Others hold the object; do nothing.
    Held,
    /// The last strong reference went, weak ones remain: drop the body, then release one weak.
    Body,
    /// The last reference of any kind went: drop the body and free the space.
    Both,
    /// Bit 63 is set: the runtime's slow function has to do it; nothing was changed.
    Slow,
}
