//! The atomics of the whole workspace: core's, or loom's under `--cfg loom`.
//!
//! Every lock-free word names its atomics through this module, so that the model checker sees each
//! access. Outside the workspace's semver. loom's atomics are 8 bytes, so frozen 64-bit layouts
//! hold there too; their constructors are not `const`.

/// As `core::hint`; a spin lets loom's scheduler go on.
pub mod hint {
    #[cfg(not(loom))]
    pub use core::hint::spin_loop;
    #[cfg(loom)]
    pub use loom::hint::spin_loop;
}

/// As `core::sync`.
pub mod sync {
    /// As `core::sync::atomic`.
    pub mod atomic {
        #[cfg(all(not(loom), target_has_atomic = "64"))]
        pub use core::sync::atomic::AtomicU64;
        #[cfg(not(loom))]
        pub use core::sync::atomic::{
            AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering, fence,
        };
        #[cfg(loom)]
        pub use loom::sync::atomic::{
            AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
        };
    }
}
