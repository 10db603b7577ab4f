//! What `tieback.stats()` says. Relaxed counters: each is exact once nobody is at work.

use std::sync::atomic::AtomicIsize;

/// Tied objects that live, of any frontend.
pub(crate) static OBJECTS: AtomicIsize = AtomicIsize::new(0);
/// Wrapper storage there is, alive or kept.
pub(crate) static WRAPPERS: AtomicIsize = AtomicIsize::new(0);
/// Of it, kept for objects whose wrapper died.
pub(crate) static KEPT: AtomicIsize = AtomicIsize::new(0);
