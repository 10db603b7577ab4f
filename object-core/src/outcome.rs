//! What a change of a [count](crate::count) came to, and so what is due.

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
