//! What the checks ask of memory: counts before and after.

use crate::arena::ARENA;
use crate::frames;

/// Frames in use now: of the whole machine, and of objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InUse {
    pub(crate) frames: usize,
    pub(crate) object_frames: usize,
    pub(crate) objects: usize,
}

/// What is in use now.
pub(crate) fn in_use() -> InUse {
    let (object_frames, objects) = ARENA.allocator().counts();
    InUse {
        frames: frames::counts().1,
        object_frames,
        objects,
    }
}

/// Runs a check, which must leave memory as it found it.
pub(crate) fn leaves_nothing<R>(what: &str, check: impl FnOnce() -> R) -> R {
    let before = in_use();
    let result = check();
    let after = in_use();
    assert!(
        before == after,
        "{what}: {before:?} before, {after:?} after"
    );
    result
}
