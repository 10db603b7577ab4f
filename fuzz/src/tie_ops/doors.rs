//! The doors, with the model's word on what each must answer.

use py_binding::tie::step::Storage;
use py_binding::tie::{Adopted, Object, Wrapper, adopt, dealloc, wrap};

use super::World;
use super::parts::{Canon, Life, native, wrapped};

impl World {
    /// Shows an object, taking the reference.
    pub(super) fn show(&self, object: Object) {
        let native = native(object);
        let (before, calm) = (native.canon.get(), self.nested.borrow().is_empty());
        let may_fail = self.fail_fresh.get();
        // What is found there and alive or kept is taken at once, before anything else can run.
        let found = match before {
            Canon::Active(wrapper) if wrapped(wrapper).count.get() > 0 => Some(wrapper),
            Canon::Kept(wrapper) => Some(wrapper),
            _ => None,
        };
        if let (Canon::Kept(wrapper), true) = (before, native.tied) {
            native.canon.set(Canon::Active(wrapper));
        }
        // SAFETY: the reference is ours, and the one thread is attached.
        match unsafe { wrap(self, object) } {
            Err(()) => {
                assert!(found.is_none() && (may_fail || !calm));
                // Nothing has changed, but by what ran in between.
                assert!(!calm || native.canon.get() == before || native.strong.get() == 0);
            }
            Ok(wrapper) => {
                let shown = wrapped(wrapper);
                assert_eq!(shown.life.get(), Life::Alive);
                assert!(shown.count.get() > 0);
                if !native.tied {
                    assert_eq!((shown.count.get(), shown.handle.get()), (1, Some(object)));
                } else if let Some(found) = found {
                    assert_eq!(wrapper, found, "not the object's own wrapper");
                    assert!(!calm || shown.handle.get() == Some(object));
                } else if calm {
                    assert_eq!((shown.count.get(), shown.handle.get()), (1, Some(object)));
                    native.canon.set(Canon::Active(wrapper));
                } else if shown.handle.get() == Some(object) {
                    native.canon.set(Canon::Active(wrapper));
                }
                self.python.borrow_mut().push(wrapper);
            }
        }
    }

    /// A wrapper's Python count is 0, and its turn has come.
    pub(super) fn teardown(&self, wrapper: Wrapper) {
        let dying = wrapped(wrapper);
        assert_eq!((dying.life.get(), dying.count.get()), (Life::Dying, 0));
        let mut kept = false;
        if let Some(object) = dying.handle.get() {
            let native = native(object);
            if native.canon.get() == Canon::Active(wrapper) {
                let others = native.strong.get() > 1 || native.weak.get() > 0;
                kept = dying.stateless.get() && others;
                native.canon.set(if kept {
                    Canon::Kept(wrapper)
                } else {
                    Canon::Nobody
                });
            }
        }
        if kept {
            dying.life.set(Life::Kept);
        }
        // SAFETY: its count is 0, and nobody reaches it through Python.
        let storage = unsafe { dealloc(self, wrapper) };
        assert_eq!(storage, if kept { Storage::Keep } else { Storage::Free });
    }

    pub(super) fn dec_py(&self, wrapper: Wrapper, park: bool) {
        let dying = wrapped(wrapper);
        dying.count.set(dying.count.get() - 1);
        if dying.count.get() == 0 {
            dying.life.set(Life::Dying);
            if park {
                self.parked.borrow_mut().push(wrapper);
            } else {
                self.teardown(wrapper);
            }
        }
    }

    pub(super) fn construct(&self, object: Object) {
        let native = native(object);
        let made = self.empty_wrapper();
        let wanted = match native.canon.get() {
            _ if !native.tied => None,
            Canon::Active(wrapper) if wrapped(wrapper).count.get() > 0 => Some(wrapper),
            Canon::Kept(wrapper) => Some(wrapper),
            _ => None,
        };
        if native.tied {
            native.canon.set(Canon::Active(wanted.unwrap_or(made)));
        }
        // SAFETY: the wrapper is new; the reference is ours.
        match unsafe { adopt(self, made, object) } {
            Adopted::Bound => {
                assert_eq!(wanted, None);
                self.python.borrow_mut().push(made);
            }
            Adopted::Other(other) => {
                assert_eq!(Some(other), wanted);
                self.python.borrow_mut().push(other);
                self.dec_py(made, false);
            }
        }
    }
}
