//! What the model does for the tie, and for who owns a wrapper.

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;
use object_core::count::Counts;
use py_binding::tie::share::{self, Owner};
use py_binding::tie::word::Wrapper;
use py_binding::tie::{Host, Object};

use super::{
    ARMED, CLEARS_BLINDLY, FORGETS_EARLY, IMPATIENT, Kind, MERGED, Model, NO_ARM, ONE, SEEN, end,
    face, there,
};

// SAFETY: does what each method says, on the model.
unsafe impl<K: Kind> Host for Model<K> {
    type Error = ();
    type Lock = K::Lock;
    const PATIENCE: u32 = 8;

    unsafe fn word<'a>(&self, _: Object) -> Option<&'a AtomicUsize> {
        Some(&self.body().word)
    }
    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        self.try_take(wrapper)
    }
    unsafe fn is_stateless(&self, _: Wrapper) -> bool {
        false
    }
    unsafe fn may_be_kept(&self, wrapper: Wrapper) -> bool {
        K::FLAW != IMPATIENT && !face(wrapper).past.load(Relaxed)
    }
    unsafe fn overtaken(&self, _: Object) {
        // SAFETY: the word is held.
        unsafe { self.body().counts.clear_shared() };
    }
    unsafe fn fresh(&self, _: Object) -> Result<Wrapper, ()> {
        Ok(self.new_face())
    }
    unsafe fn handle(&self, wrapper: Wrapper) -> Option<Object> {
        // SAFETY: loom checks it.
        face(wrapper).handle.with(|handle| unsafe { *handle })
    }
    unsafe fn set_handle(&self, wrapper: Wrapper, object: Option<Object>) {
        // SAFETY: loom checks it.
        face(wrapper)
            .handle
            .with_mut(|handle| unsafe { *handle = object });
    }
    unsafe fn revive(&self, _: Wrapper) {
        unreachable!("a wrapper with state is not revived");
    }
    unsafe fn arm(&self, wrapper: Wrapper) {
        face(wrapper).count.fetch_or(ARMED, AcqRel);
    }
    unsafe fn pause(&self) {
        thread::yield_now();
    }
    unsafe fn free_storage(&self, wrapper: Wrapper) {
        end(&face(wrapper).memory);
        self.body().freed.fetch_add(1, SEEN);
    }
    unsafe fn others_hold(&self, _: Object) -> bool {
        !self.body().counts.is_unique()
    }
    unsafe fn shown(&self, wrapper: Wrapper, object: Object) {
        // SAFETY: the trait's contract.
        unsafe { share::begin(self, wrapper, object) };
    }
    unsafe fn emptied(&self, wrapper: Wrapper, object: Object) {
        // SAFETY: the trait's contract.
        unsafe {
            if K::FLAW == CLEARS_BLINDLY {
                self.body().counts.clear_shared();
            }
            share::end(self, wrapper, object);
        }
    }
    unsafe fn ended(&self, _: Object) {
        // SAFETY: the trait's contract.
        unsafe { share::died(&self.body().counts) };
    }
    unsafe fn dec_object(&self, _: Object) {
        self.drop_native(true);
    }
}

// SAFETY: does what each method says, on the model.
unsafe impl<K: Kind> Owner for Model<K> {
    type Lock = K::Lock;

    unsafe fn word<'a>(&self, _: Object) -> &'a AtomicUsize {
        &self.body().word
    }
    unsafe fn counts<'a>(&self, _: Object) -> &'a Counts {
        &self.body().counts
    }
    unsafe fn shares(&self, wrapper: Wrapper) -> bool {
        there(&face(wrapper).memory);
        true
    }
    unsafe fn is_owned(&self, wrapper: Wrapper) -> bool {
        there(&face(wrapper).memory);
        // SAFETY: loom checks it.
        face(wrapper).owned.with(|owned| unsafe { *owned })
    }
    unsafe fn set_owned(&self, wrapper: Wrapper, owned: bool) {
        // SAFETY: loom checks it.
        face(wrapper).owned.with_mut(|was| unsafe {
            assert_ne!(*was, owned, "taken or given up twice");
            *was = owned;
        });
    }
    unsafe fn note_rescue(&self, wrapper: Wrapper) {
        face(wrapper).rescued.store(true, Relaxed);
    }
    unsafe fn note_past(&self, wrapper: Wrapper) -> bool {
        face(wrapper).past.swap(true, Relaxed)
    }
    unsafe fn is_doomed(&self, _: Wrapper) -> bool {
        false // no collector in these models
    }
    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        self.try_take(wrapper)
    }
    unsafe fn incref(&self, wrapper: Wrapper) {
        let was = face(wrapper).count.fetch_add(ONE, Relaxed);
        assert!(was >= ONE, "a dead wrapper was taken");
    }
    unsafe fn arm(&self, wrapper: Wrapper) {
        if K::FLAW != NO_ARM {
            face(wrapper).count.fetch_or(ARMED, AcqRel);
        }
    }
    unsafe fn decref(&self, wrapper: Wrapper) {
        self.drop_python(wrapper);
    }
    unsafe fn give_up(&self, wrapper: Wrapper) {
        let face = face(wrapper);
        if face.rescued.swap(false, Relaxed) {
            while K::FLAW != FORGETS_EARLY && face.count.load(Acquire) & MERGED == 0 {
                thread::yield_now();
            }
            face.finalized.store(false, Relaxed);
        }
        self.drop_python(wrapper);
    }
}
