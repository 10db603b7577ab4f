//! One pending call for however many pushes: who asks the interpreter for it, and when again.
//!
//! ```text
//!   pusher                          the call, attached
//!   push the node                   begin: the next pusher asks anew
//!   ask: on its way already? ---->  drain the list
//! ```
//!
//! A pusher that finds the call on its way relies on that call to see its node. So `begin` is a
//! read-modify-write like `ask`: the two have an order. Either `ask` comes first, and what it pushed
//! before is seen by the drain after `begin`; or `begin` comes first, and `ask` asks anew. (A plain
//! store could still wait in the processor's store buffer while the drain already reads an empty
//! list: the pusher would rely on a call that has looked, and nobody would ever be asked again.)

use alloc_header::primitive::sync::atomic::{AtomicBool, Ordering};

/// Whether the call is on its way.
#[derive(Debug)]
pub struct PendingCall(AtomicBool);

impl PendingCall {
    /// Not on its way.
    #[must_use]
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Not on its way.
    #[must_use]
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// After each push. True: the caller schedules the call, or says that it could not.
    #[must_use]
    pub fn ask(&self) -> bool {
        // AcqRel: the push before is seen by the drain after a `begin` that reads this.
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// The caller could not schedule it: the next push asks again.
    pub fn failed(&self) {
        // Relaxed: nobody relies on what the caller did.
        self.0.store(false, Ordering::Relaxed);
    }

    /// First thing in the call, before it drains.
    pub fn begin(&self) {
        // AcqRel: see `ask`. A swap, not a store: see the module's head.
        self.0.swap(false, Ordering::AcqRel);
    }
}

impl Default for PendingCall {
    fn default() -> Self {
        Self::new()
    }
}
