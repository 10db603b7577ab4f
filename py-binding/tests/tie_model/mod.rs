//! An interpreter and objects as the tie sees them, in which loom watches all that is memory: the host of `tie_loom.rs`.

use core::marker::PhantomData;
use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::fence;
use loom::thread;
use py_binding::tie::lock::{Held, Lock, peek};
use py_binding::tie::word::{State, Wrapper};
use py_binding::tie::{Host, Object, dealloc, kept_storage, wrap};

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Life {
    Alive,
    Gone,
}

/// A wrapper's storage.
#[repr(align(16))]
pub(crate) struct Face {
    pub(crate) count: AtomicUsize,
    pub(crate) handle: UnsafeCell<Option<Object>>,
    pub(crate) memory: UnsafeCell<Life>,
}

/// A native object with its header.
#[repr(align(16))]
pub(crate) struct Body {
    pub(crate) word: AtomicUsize,
    pub(crate) strong: AtomicUsize,
    pub(crate) memory: UnsafeCell<Life>,
    /// Storage that was made and storage that was freed, of the whole model.
    pub(crate) made: std::sync::atomic::AtomicUsize,
    pub(crate) freed: std::sync::atomic::AtomicUsize,
}

pub(crate) fn face<'a>(wrapper: Wrapper) -> &'a Face {
    // SAFETY: leaked.
    unsafe { wrapper.cast::<Face>().as_ref() }
}

pub(crate) fn body<'a>(object: Object) -> &'a Body {
    // SAFETY: leaked.
    unsafe { object.cast::<Body>().as_ref() }
}

/// A look at memory: whoever ends it must have an order after it.
pub(crate) fn there(memory: &UnsafeCell<Life>) {
    // SAFETY: loom checks it.
    memory.with(|life| assert_eq!(unsafe { *life }, Life::Alive, "used after its end"));
}

pub(crate) fn end(memory: &UnsafeCell<Life>) {
    // SAFETY: loom checks it.
    memory.with_mut(|life| unsafe {
        assert_eq!(*life, Life::Alive, "ended twice");
        *life = Life::Gone;
    });
}

/// No weakness.
pub(crate) const SOUND: u8 = 0;
/// References are taken whatever the count says.
pub(crate) const BLIND_INCREF: u8 = 1;
/// Storage is kept although nobody else holds the object, or not kept although somebody does: no
/// weakness of the tie's, whose `delete_space` and dealloc must cope with either answer.
pub(crate) const ALWAYS_KEEPS: u8 = 2;
pub(crate) const NEVER_KEEPS: u8 = 3;
/// The wrapper's reference is given back before the word is settled.
pub(crate) const SETTLES_LATE: u8 = 4;
/// Giving a native reference back orders nothing.
pub(crate) const RELAXED_DROP: u8 = 5;
/// `delete_space` does not look at what the word keeps.
pub(crate) const LEAVES_STORAGE: u8 = 6;

/// The one object there is, and how its word is held.
pub(crate) struct Model<L, const FLAW: u8> {
    pub(crate) object: Object,
    pub(crate) lock: PhantomData<L>,
}

impl<L, const FLAW: u8> Clone for Model<L, FLAW> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<L, const FLAW: u8> Copy for Model<L, FLAW> {}
// SAFETY: an address of something that loom watches.
unsafe impl<L, const FLAW: u8> Send for Model<L, FLAW> {}

// SAFETY: does what each method says, on the model.
unsafe impl<L: Lock, const FLAW: u8> Host for Model<L, FLAW> {
    type Error = ();
    type Lock = L;
    const PATIENCE: u32 = 2;

    unsafe fn word<'a>(&self, object: Object) -> Option<&'a AtomicUsize> {
        there(&body(object).memory);
        Some(&body(object).word)
    }

    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        let face = face(wrapper);
        there(&face.memory);
        let mut count = face.count.load(Relaxed);
        loop {
            if count == 0 && FLAW != BLIND_INCREF {
                return false;
            }
            match face
                .count
                .compare_exchange(count, count + 1, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
    }

    unsafe fn is_stateless(&self, wrapper: Wrapper) -> bool {
        there(&face(wrapper).memory);
        true
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
        face(wrapper).handle.with_mut(|handle| unsafe {
            assert_ne!((*handle).is_some(), object.is_some());
            *handle = object;
        });
    }

    unsafe fn revive(&self, wrapper: Wrapper) {
        // Rebuilding writes all of it: nobody may look meanwhile.
        // SAFETY: loom checks it.
        face(wrapper).memory.with_mut(|life| unsafe {
            assert_eq!(*life, Life::Alive, "freed storage was revived");
        });
        let old = face(wrapper).count.swap(1, Relaxed);
        assert_eq!(old, 0, "a live wrapper was revived");
    }

    unsafe fn arm(&self, _: Wrapper) {}

    unsafe fn pause(&self) {
        thread::yield_now();
    }

    unsafe fn free_storage(&self, wrapper: Wrapper) {
        assert_eq!(unsafe { self.handle(wrapper) }, None, "I1");
        end(&face(wrapper).memory);
        body(self.object)
            .freed
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    unsafe fn others_hold(&self, object: Object) -> bool {
        match FLAW {
            ALWAYS_KEEPS => true,
            NEVER_KEEPS => false,
            _ => body(object).strong.load(Relaxed) > 1,
        }
    }

    unsafe fn dec_object(&self, object: Object) {
        there(&body(object).memory);
        let order = if FLAW == RELAXED_DROP {
            Relaxed
        } else {
            Release
        };
        if body(object).strong.fetch_sub(1, order) > 1 {
            return;
        }
        fence(Acquire);
        // delete_space
        let kept = kept_storage(peek(&body(object).word));
        if let Some(kept) = kept.filter(|_| FLAW != LEAVES_STORAGE) {
            // SAFETY: the word was the only one to name it.
            unsafe { self.free_storage(kept) };
        }
        end(&body(object).memory);
    }
}

impl<L: Lock, const FLAW: u8> Model<L, FLAW> {
    /// An object with so many strong references.
    pub(crate) fn new(strong: usize) -> Self {
        let body = Box::leak(Box::new(Body {
            word: AtomicUsize::new(0),
            strong: AtomicUsize::new(strong),
            memory: UnsafeCell::new(Life::Alive),
            made: 0.into(),
            freed: 0.into(),
        }));
        Self {
            object: NonNull::from(body).cast(),
            lock: PhantomData,
        }
    }

    /// One with an Active wrapper, which owns one of the references; a Python reference is the
    /// caller's.
    pub(crate) fn active(strong: usize) -> (Self, Wrapper) {
        let model = Self::new(strong);
        (model, model.wrap())
    }

    /// One with an Inactive wrapper.
    pub(crate) fn inactive(strong: usize) -> (Self, Wrapper) {
        let (model, wrapper) = Self::active(strong + 1);
        model.drop_python(wrapper);
        assert_eq!(
            peek(&body(model.object).word).state(),
            State::Inactive(wrapper)
        );
        (model, wrapper)
    }

    pub(crate) fn new_face(&self) -> Wrapper {
        body(self.object)
            .made
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let face = Box::leak(Box::new(Face {
            count: AtomicUsize::new(1),
            handle: UnsafeCell::new(None),
            memory: UnsafeCell::new(Life::Alive),
        }));
        NonNull::from(face).cast()
    }

    /// Gives a strong reference to `wrap`.
    pub(crate) fn wrap(&self) -> Wrapper {
        // SAFETY: a reference of the model's.
        let wrapper = unsafe { wrap(self, self.object) }.expect("never fails");
        self.shows(wrapper);
        wrapper
    }

    /// A live wrapper of the object's.
    pub(crate) fn shows(&self, wrapper: Wrapper) {
        there(&face(wrapper).memory);
        assert!(face(wrapper).count.load(Relaxed) > 0);
    }

    pub(crate) fn drop_python(&self, wrapper: Wrapper) {
        if face(wrapper).count.fetch_sub(1, AcqRel) > 1 {
            return;
        }
        if FLAW == SETTLES_LATE {
            return self.dealloc_late(wrapper);
        }
        // SAFETY: its count is 0.
        let _ = unsafe { dealloc(self, wrapper) };
    }

    /// `dealloc`, its steps in another order.
    pub(crate) fn dealloc_late(&self, wrapper: Wrapper) {
        // SAFETY: its count is 0.
        unsafe {
            self.set_handle(wrapper, None);
            let keep = self.others_hold(self.object);
            self.dec_object(self.object);
            let word = self.word(self.object).expect("tied");
            let mut held = Held::<L>::hold(word);
            held.set(if keep {
                State::Inactive(wrapper)
            } else {
                State::Detached
            });
            drop(held);
            if !keep {
                self.free_storage(wrapper);
            }
        }
    }

    pub(crate) fn drop_native(&self) {
        // SAFETY: a reference of the model's.
        unsafe { self.dec_object(self.object) };
    }

    /// Everything was let go of: object and storage are gone, each once.
    pub(crate) fn over(&self) {
        let body = body(self.object);
        body.memory
            // SAFETY: loom checks it.
            .with(|life| assert_eq!(unsafe { *life }, Life::Gone, "I1: a reference was lost"));
        let load = |count: &std::sync::atomic::AtomicUsize| {
            count.load(std::sync::atomic::Ordering::SeqCst)
        };
        assert_eq!(load(&body.made), load(&body.freed), "I2: storage was lost");
    }
}
