//! The host of `tie_ops.rs`: objects and wrappers with counts, whose memory is never really freed.

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use py_binding::tie::lock::{Lock, assert_none_held, peek};
use py_binding::tie::word::{State, Wrapper};
use py_binding::tie::{Host, Object, kept_storage};

#[repr(align(16))]
pub(crate) struct Body {
    pub(crate) tied: bool,
    pub(crate) word: AtomicUsize,
    pub(crate) strong: Cell<usize>,
    pub(crate) weak: Cell<usize>,
    /// Strong references that native code has, by the model's books.
    pub(crate) native: Cell<usize>,
    pub(crate) body_gone: Cell<bool>,
    pub(crate) space_gone: Cell<bool>,
}

#[repr(align(16))]
pub(crate) struct Face {
    pub(crate) count: Cell<usize>,
    /// Of the count, what programs have and may drop; the rest is somebody's on the stack.
    pub(crate) at_large: Cell<usize>,
    pub(crate) handle: Cell<Option<Object>>,
    pub(crate) stateless: Cell<bool>,
    /// Its object can be part of a cycle, so that it takes the wrapper instead of keeping its storage.
    pub(crate) followed: Cell<bool>,
    /// The object has one of the references.
    pub(crate) owned: Cell<bool>,
    /// Other threads may try to take references.
    pub(crate) armed: Cell<bool>,
    pub(crate) freed: Cell<bool>,
}

/// xorshift64*: the same programs every time.
pub(crate) struct Rng(pub(crate) Cell<u64>);

impl Rng {
    pub(crate) fn below(&self, n: usize) -> usize {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    pub(crate) fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }
}

pub(crate) struct Model<L> {
    pub(crate) lock: PhantomData<L>,
    pub(crate) bodies: RefCell<Vec<&'static Body>>,
    pub(crate) faces: RefCell<Vec<&'static Face>>,
    pub(crate) rng: Rng,
    /// Wrapper storage that an unattached thread left.
    pub(crate) deferred: RefCell<Vec<Wrapper>>,
    pub(crate) depth: Cell<usize>,
    /// Storage whose `tp_dealloc` is under way: its count is 0 and nobody owns it but that.
    pub(crate) dying: RefCell<Vec<Wrapper>>,
    /// Which of the doors were gone through, so that a test can say that it was all there.
    pub(crate) seen: RefCell<[usize; DOORS]>,
}

pub(crate) const REVIVED: usize = 0;
pub(crate) const TAKEN_OVER: usize = 1;
pub(crate) const KEPT: usize = 2;
pub(crate) const FREED: usize = 3;
pub(crate) const MOVED: usize = 4;
pub(crate) const ADOPTED_OTHER: usize = 5;
pub(crate) const FAILED: usize = 6;
pub(crate) const DEFERRED: usize = 7;
pub(crate) const FASTER: usize = 8;
pub(crate) const WAITED: usize = 9;
pub(crate) const TAKEN: usize = 10;
pub(crate) const PUT_AWAY: usize = 11;
pub(crate) const PUT_BACK: usize = 12;
pub(crate) const DOORS: usize = 13;

pub(crate) fn body(object: Object) -> &'static Body {
    // SAFETY: every object of the model is a leaked Body.
    unsafe { object.cast::<Body>().as_ref() }
}

pub(crate) fn face(wrapper: Wrapper) -> &'static Face {
    // SAFETY: every wrapper of the model is a leaked Face.
    unsafe { wrapper.cast::<Face>().as_ref() }
}

pub(crate) fn object(body: &'static Body) -> Object {
    NonNull::from(body).cast()
}

pub(crate) fn wrapper(face: &'static Face) -> Wrapper {
    NonNull::from(face).cast()
}

/// A program has a reference to the wrapper now.
pub(crate) fn give(wrapper: Wrapper) {
    let at_large = &there(wrapper).at_large;
    at_large.set(at_large.get() + 1);
}

/// An object that has its space and a strong reference.
pub(crate) fn live(object: Object) -> &'static Body {
    let body = body(object);
    assert!(
        !body.space_gone.get(),
        "an object was used after its space was freed"
    );
    assert!(
        body.strong.get() > 0,
        "an object was used without a strong reference"
    );
    body
}

pub(crate) fn there(wrapper: Wrapper) -> &'static Face {
    let face = face(wrapper);
    assert!(!face.freed.get(), "storage was used after it was freed");
    face
}

pub(crate) struct NoMemory;

// SAFETY: does what each method says, on the model.
unsafe impl<L: Lock> Host for Model<L> {
    type Error = NoMemory;
    type Lock = L;
    const PATIENCE: u32 = 2;

    unsafe fn word<'a>(&self, object: Object) -> Option<&'a AtomicUsize> {
        let body = live(object);
        body.tied.then_some(&body.word)
    }

    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        let face = there(wrapper);
        assert!(face.armed.get(), "a wrapper was published unarmed");
        let count = &face.count;
        if count.get() > 0 {
            count.set(count.get() + 1);
        }
        count.get() > 0
    }

    unsafe fn is_stateless(&self, wrapper: Wrapper) -> bool {
        there(wrapper).stateless.get()
    }

    unsafe fn fresh(&self, object: Object) -> Result<Wrapper, NoMemory> {
        live(object);
        let word = body(object).word.load(Ordering::Relaxed);
        self.foreign_code();
        if body(object).word.load(Ordering::Relaxed) != word {
            self.note(FASTER);
        }
        if self.rng.one_in(12) {
            self.note(FAILED);
            return Err(NoMemory);
        }
        Ok(self.new_face())
    }

    unsafe fn handle(&self, wrapper: Wrapper) -> Option<Object> {
        there(wrapper).handle.get()
    }

    unsafe fn set_handle(&self, wrapper: Wrapper, object: Option<Object>) {
        let old = there(wrapper).handle.replace(object);
        assert!(
            old.is_none() || object.is_none(),
            "a handle was overwritten"
        );
        object.map(live);
    }

    unsafe fn revive(&self, wrapper: Wrapper) {
        let face = there(wrapper);
        assert_eq!(face.count.get(), 0, "a live wrapper was revived");
        assert!(
            !self.dying.borrow().contains(&wrapper),
            "a dying wrapper was revived"
        );
        face.count.set(1);
        face.armed.set(true);
        if L::SHARED {
            assert_none_held();
        }
        self.note(REVIVED);
    }

    unsafe fn is_plain(&self, _: Wrapper) -> bool {
        self.rng.one_in(2)
    }

    /// Likely is not sure: also of an object that nobody else holds.
    unsafe fn goes_back(&self, wrapper: Wrapper, object: Object) -> bool {
        live(object);
        there(wrapper).stateless.get() && self.rng.one_in(2)
    }

    /// Takes the handle's place.
    unsafe fn keep_for(&self, wrapper: Wrapper, object: Object) {
        live(object);
        there(wrapper).handle.set(None);
    }

    unsafe fn arm(&self, wrapper: Wrapper) {
        there(wrapper).armed.set(true);
    }

    /// Other threads go on.
    unsafe fn pause(&self) {
        assert!(L::SHARED, "nobody waits where the GIL is the lock");
        assert_none_held();
        self.note(WAITED);
        self.foreign_code();
    }

    unsafe fn free_storage(&self, wrapper: Wrapper) {
        assert_none_held();
        let face = there(wrapper);
        assert!(
            face.handle.get().is_none(),
            "I1: storage went with a reference in it"
        );
        face.count.set(0);
        face.freed.set(true);
        self.note(FREED);
        self.foreign_code();
    }

    unsafe fn others_hold(&self, object: Object) -> bool {
        let body = live(object);
        body.strong.get() > 1 || body.weak.get() > 0
    }

    unsafe fn take(&self, wrapper: Wrapper, object: Object) -> bool {
        let face = there(wrapper);
        assert_eq!(face.count.get(), 0, "a live wrapper was taken");
        assert!(face.stateless.get() && !face.owned.get());
        let take = live(object).strong.get() > 1;
        if take {
            face.count.set(1);
            face.owned.set(true);
            self.note(TAKEN);
        }
        take
    }

    unsafe fn emptied(&self, wrapper: Wrapper, _: Object) {
        assert_none_held();
        self.give_up(wrapper);
    }

    unsafe fn dec_object(&self, object: Object) {
        assert_none_held();
        let body = live(object);
        body.strong.set(body.strong.get() - 1);
        match body.strong.get() {
            0 => self.delete(object),
            // What the counts tell the frontend.
            1 if body.tied => {
                if let State::Active(one) = peek(&body.word).state() {
                    self.give_up(one);
                }
            }
            _ => {}
        }
    }
}

impl<L: Lock> Model<L> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            lock: PhantomData,
            bodies: RefCell::default(),
            faces: RefCell::default(),
            rng: Rng(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)),
            deferred: RefCell::default(),
            depth: Cell::new(0),
            dying: RefCell::default(),
            seen: RefCell::default(),
        }
    }

    /// The object gives its reference up, if it has one.
    pub(crate) fn give_up(&self, wrapper: Wrapper) {
        if there(wrapper).owned.replace(false) {
            give(wrapper);
            self.drop_face(wrapper);
        }
    }

    pub(crate) fn note(&self, what: usize) {
        self.seen.borrow_mut()[what] += 1;
    }

    pub(crate) fn new_face(&self) -> Wrapper {
        let face: &'static Face = Box::leak(Box::new(Face {
            count: Cell::new(1),
            at_large: Cell::new(0),
            handle: Cell::new(None),
            stateless: Cell::new(!self.rng.one_in(4)),
            followed: Cell::new(self.rng.one_in(2)),
            owned: Cell::new(false),
            armed: Cell::new(false),
            freed: Cell::new(false),
        }));
        self.faces.borrow_mut().push(face);
        wrapper(face)
    }

    pub(crate) fn new_body(&self) -> Object {
        let body: &'static Body = Box::leak(Box::new(Body {
            tied: !self.rng.one_in(8),
            word: AtomicUsize::new(0),
            strong: Cell::new(1),
            weak: Cell::new(0),
            native: Cell::new(1),
            body_gone: Cell::new(false),
            space_gone: Cell::new(false),
        }));
        self.bodies.borrow_mut().push(body);
        object(body)
    }

    /// The last strong reference went.
    pub(crate) fn delete(&self, object: Object) {
        let body = body(object);
        assert!(!body.body_gone.replace(true), "deleted twice");
        // The strong references' weak one keeps the space while the destructor runs.
        body.weak.set(body.weak.get() + 1);
        self.foreign_code();
        self.dec_weak(object);
    }

    pub(crate) fn dec_weak(&self, object: Object) {
        let body = body(object);
        body.weak.set(body.weak.get() - 1);
        if body.weak.get() > 0 || body.strong.get() > 0 {
            return;
        }
        assert!(!body.space_gone.replace(true), "freed twice");
        if !body.tied {
            return;
        }
        let word = peek(&body.word);
        assert!(
            !matches!(word.state(), State::Active(_) | State::Reviving(_)),
            "I3: an object died under its wrapper"
        );
        if let Some(kept) = kept_storage(word) {
            if self.rng.one_in(3) {
                self.note(DEFERRED);
                self.deferred.borrow_mut().push(kept);
            } else {
                // SAFETY: only the word named it.
                unsafe { self.free_storage(kept) };
            }
        }
    }

    /// Whatever a destructor, a collector or a callback may do.
    pub(crate) fn foreign_code(&self) {
        self.check(false);
        if self.depth.get() < 4 && self.rng.one_in(3) {
            self.depth.set(self.depth.get() + 1);
            for _ in 0..self.rng.below(4) {
                self.step();
            }
            self.depth.set(self.depth.get() - 1);
            self.check(false);
        }
    }

    pub(crate) fn any_body(&self, fits: impl Fn(&Body) -> bool) -> Option<Object> {
        let bodies = self.bodies.borrow();
        let fitting: Vec<_> = bodies.iter().filter(|body| fits(body)).collect();
        (!fitting.is_empty()).then(|| object(fitting[self.rng.below(fitting.len())]))
    }

    pub(crate) fn any_face(&self, fits: impl Fn(&Face) -> bool) -> Option<Wrapper> {
        let faces = self.faces.borrow();
        let fitting: Vec<_> = faces.iter().filter(|face| fits(face)).collect();
        (!fitting.is_empty()).then(|| wrapper(fitting[self.rng.below(fitting.len())]))
    }

    pub(crate) fn held(&self) -> Option<Object> {
        self.any_body(|body| body.native.get() > 0)
    }
}
