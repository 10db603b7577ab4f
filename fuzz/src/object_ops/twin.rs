//! An object's twin in the model, and handles by what they were made as.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use object_core::{Object, ObjectArc, ObjectRef, WithItems};

use super::ops::Kind;
use crate::objects::{Noisy, Told, told};

/// What an object's body is to the model.
pub(super) struct Twin {
    pub(super) kind: Kind,
    pub(super) id: u16,
    pub(super) bomb: bool,
    pub(super) items: Vec<u16>,
    pub(super) next: Option<Arc<Twin>>,
    /// Counted by the slow functions.
    pub(super) slow: AtomicBool,
    /// What drops have been told of in the model.
    pub(super) drops: Arc<AtomicU64>,
}

impl Drop for Twin {
    fn drop(&mut self) {
        let own = self
            .items
            .iter()
            .fold(told(self.id), |sum, &id| sum.wrapping_add(told(id)));
        self.drops.fetch_add(own, Ordering::Relaxed);
    }
}

/// A handle, by what it was made as.
#[derive(Clone)]
pub(super) enum Handle {
    Any(ObjectRef),
    Items(ObjectArc<WithItems<Noisy, Told>>),
}

impl Handle {
    pub(super) fn of<T: Object>(object: ObjectArc<T>) -> Self {
        Self::Any(ObjectArc::upcast(object))
    }

    pub(super) fn as_ref(&self) -> ObjectRef {
        match self {
            Self::Any(object) => object.clone(),
            Self::Items(object) => ObjectArc::upcast(object.clone()),
        }
    }

    pub(super) fn counts(&self) -> (u32, u32) {
        match self {
            Self::Any(object) => (
                ObjectArc::strong_count(object),
                ObjectArc::weak_count(object),
            ),
            Self::Items(object) => (
                ObjectArc::strong_count(object),
                ObjectArc::weak_count(object),
            ),
        }
    }
}

/// Whether the model says that there is one reference, of any kind.
pub(super) fn is_alone(twin: &Arc<Twin>) -> bool {
    Arc::strong_count(twin) == 1 && Arc::weak_count(twin) == 0 && !twin.slow.load(Ordering::Relaxed)
}
