//! Random programs against a host that is a model: objects with counts, wrappers with counts, classes
//! that may change their mind about state, allocation that may fail, and re-entry wherever the tie
//! lets foreign code run. Nothing is ever really freed, so that a use after the end is seen and not
//! suffered. After each step, and inside of each loud host method, I1 to I4 and I6 are checked.
#![allow(unsafe_code)]

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use py_binding::tie::lock::{Free, Gil, Lock, assert_none_held, peek};
use py_binding::tie::step::Storage;
use py_binding::tie::word::{State, Wrapper};
use py_binding::tie::{
    Adopted, Host, Object, adopt, dealloc, entrust, hit, introduce, kept_storage, release, wrap,
};

#[repr(align(16))]
struct Body {
    tied: bool,
    word: AtomicUsize,
    strong: Cell<usize>,
    weak: Cell<usize>,
    /// Strong references that native code has, by the model's books.
    native: Cell<usize>,
    body_gone: Cell<bool>,
    space_gone: Cell<bool>,
}

#[repr(align(16))]
struct Face {
    count: Cell<usize>,
    /// Of the count, what programs have and may drop; the rest is somebody's on the stack.
    at_large: Cell<usize>,
    handle: Cell<Option<Object>>,
    stateless: Cell<bool>,
    /// Its object can be part of a cycle, so that it takes the wrapper instead of keeping its storage.
    followed: Cell<bool>,
    /// The object has one of the references.
    owned: Cell<bool>,
    /// Other threads may try to take references.
    armed: Cell<bool>,
    freed: Cell<bool>,
}

/// xorshift64*: the same programs every time.
struct Rng(Cell<u64>);

impl Rng {
    fn below(&self, n: usize) -> usize {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }
}

struct Model<L> {
    lock: PhantomData<L>,
    bodies: RefCell<Vec<&'static Body>>,
    faces: RefCell<Vec<&'static Face>>,
    rng: Rng,
    /// Wrapper storage that an unattached thread left.
    deferred: RefCell<Vec<Wrapper>>,
    depth: Cell<usize>,
    /// Storage whose `tp_dealloc` is under way: its count is 0 and nobody owns it but that.
    dying: RefCell<Vec<Wrapper>>,
    /// Which of the doors were gone through, so that a test can say that it was all there.
    seen: RefCell<[usize; 11]>,
}

const REVIVED: usize = 0;
const TAKEN_OVER: usize = 1;
const KEPT: usize = 2;
const FREED: usize = 3;
const MOVED: usize = 4;
const ADOPTED_OTHER: usize = 5;
const FAILED: usize = 6;
const DEFERRED: usize = 7;
const FASTER: usize = 8;
const WAITED: usize = 9;
const TAKEN: usize = 10;

fn body(object: Object) -> &'static Body {
    // SAFETY: every object of the model is a leaked Body.
    unsafe { object.cast::<Body>().as_ref() }
}

fn face(wrapper: Wrapper) -> &'static Face {
    // SAFETY: every wrapper of the model is a leaked Face.
    unsafe { wrapper.cast::<Face>().as_ref() }
}

fn object(body: &'static Body) -> Object {
    NonNull::from(body).cast()
}

fn wrapper(face: &'static Face) -> Wrapper {
    NonNull::from(face).cast()
}

/// A program has a reference to the wrapper now.
fn give(wrapper: Wrapper) {
    let at_large = &there(wrapper).at_large;
    at_large.set(at_large.get() + 1);
}

/// An object that has its space and a strong reference.
fn live(object: Object) -> &'static Body {
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

fn there(wrapper: Wrapper) -> &'static Face {
    let face = face(wrapper);
    assert!(!face.freed.get(), "storage was used after it was freed");
    face
}

struct NoMemory;

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
    fn new(seed: u64) -> Self {
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
    fn give_up(&self, wrapper: Wrapper) {
        if there(wrapper).owned.replace(false) {
            give(wrapper);
            self.drop_face(wrapper);
        }
    }

    fn note(&self, what: usize) {
        self.seen.borrow_mut()[what] += 1;
    }

    fn new_face(&self) -> Wrapper {
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

    fn new_body(&self) -> Object {
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
    fn delete(&self, object: Object) {
        let body = body(object);
        assert!(!body.body_gone.replace(true), "deleted twice");
        // The strong references' weak one keeps the space while the destructor runs.
        body.weak.set(body.weak.get() + 1);
        self.foreign_code();
        self.dec_weak(object);
    }

    fn dec_weak(&self, object: Object) {
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
    fn foreign_code(&self) {
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

    fn any_body(&self, fits: impl Fn(&Body) -> bool) -> Option<Object> {
        let bodies = self.bodies.borrow();
        let fitting: Vec<_> = bodies.iter().filter(|body| fits(body)).collect();
        (!fitting.is_empty()).then(|| object(fitting[self.rng.below(fitting.len())]))
    }

    fn any_face(&self, fits: impl Fn(&Face) -> bool) -> Option<Wrapper> {
        let faces = self.faces.borrow();
        let fitting: Vec<_> = faces.iter().filter(|face| fits(face)).collect();
        (!fitting.is_empty()).then(|| wrapper(fitting[self.rng.below(fitting.len())]))
    }

    fn held(&self) -> Option<Object> {
        self.any_body(|body| body.native.get() > 0)
    }

    /// One thing that Python or native code does.
    fn step(&self) {
        match self.rng.below(14) {
            0 => {
                let object = self.new_body();
                if self.rng.one_in(3) {
                    let made = self.new_face();
                    body(object).native.set(0); // the wrapper's from here on
                    // SAFETY: alive and empty; nobody else has the object.
                    unsafe { introduce(self, made, object) };
                    give(made);
                    assert_eq!(there(made).handle.get(), Some(object));
                }
            }
            1 => {
                if let Some(object) = self.held() {
                    let body = live(object);
                    body.native.set(body.native.get() + 1);
                    body.strong.set(body.strong.get() + 1);
                }
            }
            2 | 3 => {
                if let Some(object) = self.held() {
                    body(object).native.set(body(object).native.get() - 1);
                    // SAFETY: one of native code's own.
                    unsafe { self.dec_object(object) };
                }
            }
            4..=6 => {
                if let Some(object) = self.held() {
                    self.show(object);
                }
            }
            7..=9 => {
                if let Some(wrapper) = self.any_face(|face| face.at_large.get() > 0) {
                    self.drop_face(wrapper);
                }
            }
            10 => {
                let full = |face: &Face| face.at_large.get() > 0 && face.handle.get().is_some();
                if let Some(wrapper) = self.any_face(full) {
                    // SAFETY: alive and not lent.
                    let object = unsafe { release(self, wrapper) };
                    let body = live(object.expect("it was not empty"));
                    body.native.set(body.native.get() + 1);
                    assert_eq!(face(wrapper).handle.get(), None);
                    // SAFETY: alive.
                    assert_eq!(unsafe { release(self, wrapper) }, None, "it is empty now");
                    self.note(MOVED);
                }
            }
            11 => {
                if let Some(object) = self.held() {
                    self.construct(object);
                }
            }
            12 => {
                if let Some(wrapper) = self.any_face(|face| !face.freed.get()) {
                    let stateless = &face(wrapper).stateless;
                    stateless.set(!stateless.get());
                }
            }
            _ => match self.rng.below(3) {
                0 => {
                    let deferred = core::mem::take(&mut *self.deferred.borrow_mut());
                    for kept in deferred {
                        // SAFETY: handed out once; nobody names it.
                        unsafe { self.free_storage(kept) };
                    }
                }
                1 => {
                    if let Some(object) = self.held() {
                        body(object).weak.set(body(object).weak.get() + 1);
                    }
                }
                _ => {
                    let weak = |body: &Body| {
                        body.weak.get() > 0 && (body.strong.get() > 0 || !body.body_gone.get())
                    };
                    if let Some(object) = self.any_body(weak) {
                        self.dec_weak(object);
                    }
                }
            },
        }
        if self.depth.get() == 0 {
            self.check(true);
        }
    }

    fn show(&self, object: Object) {
        let body = live(object);
        let before = body.tied.then(|| peek(&body.word).state());
        if body.tied && self.rng.one_in(2) {
            // SAFETY: alive by native code's reference.
            if let Some(found) = unsafe { hit(self, &body.word) } {
                assert_eq!(before, Some(State::Active(found)));
                give(found);
                return;
            }
        }
        let dying = |w: Wrapper| face(w).count.get() == 0;
        body.strong.set(body.strong.get() + 1);
        let moves = self.seen.borrow()[MOVED];
        // SAFETY: the reference just made is given.
        let Ok(shown) = (unsafe { wrap(self, object) }) else {
            return;
        };
        give(shown);
        if self.seen.borrow()[MOVED] > moves {
            return; // what freeing the unused one ran may have emptied this one again
        }
        assert_eq!(there(shown).handle.get(), Some(object), "shows another");
        assert!(there(shown).count.get() > 0);
        match before {
            Some(State::Active(one)) if !dying(one) || shown == one => {
                assert_eq!(shown, one, "a second wrapper");
            }
            Some(State::Active(_)) => self.note(TAKEN_OVER),
            Some(State::Inactive(kept)) => {
                assert_eq!(shown, kept, "the id changed over drop and fetch");
            }
            _ => {}
        }
    }

    fn drop_face(&self, wrapper: Wrapper) {
        let face = there(wrapper);
        face.at_large.set(face.at_large.get() - 1);
        face.count.set(face.count.get() - 1);
        if face.count.get() > 0 {
            return;
        }
        // tp_dealloc: a class with state runs foreign code before the tie's part.
        self.dying.borrow_mut().push(wrapper);
        if !face.stateless.get() {
            self.foreign_code();
        }
        self.dying.borrow_mut().retain(|&one| one != wrapper);
        // SAFETY: its count is 0.
        if face.followed.get() && unsafe { entrust(self, wrapper) } {
            return;
        }
        // SAFETY: its count is 0.
        if unsafe { dealloc(self, wrapper) } == Storage::Keep {
            self.note(KEPT);
        }
    }

    /// A class call whose constructor answers `object`.
    fn construct(&self, object: Object) {
        let made = self.new_face();
        let body = live(object);
        body.strong.set(body.strong.get() + 1);
        let before = body.tied.then(|| peek(&body.word).state());
        let waited = self.seen.borrow()[WAITED];
        // SAFETY: alive and empty; the reference just made is given.
        match unsafe { adopt(self, made, object) } {
            Adopted::Bound => {
                give(made);
                assert_eq!(there(made).handle.get(), Some(object));
            }
            Adopted::Other(other) => {
                give(made);
                give(other);
                assert_eq!(there(made).handle.get(), None);
                assert_eq!(there(other).handle.get(), Some(object));
                match before {
                    // What ran while it waited may have put another one there.
                    _ if self.seen.borrow()[WAITED] > waited => {}
                    Some(State::Active(one) | State::Inactive(one)) => assert_eq!(other, one),
                    other => panic!("nothing to answer in {other:?}"),
                }
                self.note(ADOPTED_OTHER);
                self.drop_face(made);
            }
        }
    }

    /// The invariants. `settled`: nothing is under way, so the books must be even.
    fn check(&self, settled: bool) {
        assert_none_held();
        let (bodies, faces) = (self.bodies.borrow(), self.faces.borrow());
        let mut named = std::collections::HashSet::new();
        for &body in bodies
            .iter()
            .filter(|body| body.tied && !body.space_gone.get())
        {
            match peek(&body.word).state() {
                State::Detached => {}
                State::Active(one) => {
                    let face = there(one);
                    assert!(named.insert(one), "two words name one wrapper");
                    assert_eq!(face.handle.get(), Some(object(body)), "I3: the word's own");
                    assert!(
                        face.count.get() > 0 || !settled,
                        "Active and dead, and nothing under way"
                    );
                }
                State::Inactive(kept) => {
                    let face = there(kept);
                    assert!(named.insert(kept), "two words name one wrapper");
                    assert_eq!(face.count.get(), 0, "kept and alive");
                    assert_eq!(face.handle.get(), None, "I1: kept with a reference in it");
                }
                State::Reviving(_) => panic!("I5: nobody revives here"),
            }
        }
        for &body in bodies.iter() {
            let shows = |face: &&&Face| face.handle.get() == Some(object(body));
            let owning = faces.iter().filter(shows).count();
            let alive = faces
                .iter()
                .filter(shows)
                .filter(|face| face.count.get() > 0);
            if body.tied {
                assert!(alive.count() <= 1, "two live wrappers of one object");
            }
            if owning > 0 {
                assert!(
                    body.strong.get() >= owning,
                    "I3: wrappers own what is not there"
                );
            }
            if settled {
                assert_eq!(
                    body.strong.get(),
                    body.native.get() + owning,
                    "I1: a reference is lost, or counted twice"
                );
            }
        }
        let deferred = self.deferred.borrow();
        for &face in faces.iter() {
            let freed = face.freed.get();
            assert!(!freed || face.handle.get().is_none());
            if settled && face.count.get() == 0 && !freed {
                let kept = named.contains(&wrapper(face)) || deferred.contains(&wrapper(face));
                assert!(kept, "I2: storage that nothing keeps was not freed");
            }
        }
    }

    /// Lets go of everything: then nothing is left.
    fn finish(&self) {
        self.depth.set(9); // no more foreign code
        while let Some(wrapper) = self.any_face(|face| face.at_large.get() > 0) {
            self.drop_face(wrapper);
        }
        while let Some(object) = self.held() {
            body(object).native.set(body(object).native.get() - 1);
            // SAFETY: one of native code's own.
            unsafe { self.dec_object(object) };
        }
        while let Some(object) = self.any_body(|body| body.weak.get() > 0) {
            self.dec_weak(object);
        }
        let deferred = core::mem::take(&mut *self.deferred.borrow_mut());
        for kept in deferred {
            // SAFETY: handed out once.
            unsafe { self.free_storage(kept) };
        }
        assert!(
            self.bodies
                .borrow()
                .iter()
                .all(|body| body.space_gone.get() || body.native.get() == 0)
        );
        assert!(
            self.bodies
                .borrow()
                .iter()
                .all(|body| body.strong.get() == 0),
            "I1"
        );
        assert!(
            self.faces.borrow().iter().all(|face| face.freed.get()),
            "I2"
        );
    }
}

#[test]
fn random_programs_keep_the_invariants() {
    random_programs::<Gil>();
}

#[test]
fn random_programs_keep_the_invariants_where_words_are_shared() {
    random_programs::<Free>();
}

fn random_programs<L: Lock>() {
    let programs = if cfg!(miri) { 10 } else { 3000 };
    let mut seen = [0; 11];
    for seed in 1..=programs {
        let model = Model::<L>::new(seed);
        for _ in 0..80 {
            model.step();
        }
        model.finish();
        for (all, one) in seen.iter_mut().zip(*model.seen.borrow()) {
            *all += one;
        }
    }
    for (what, count) in seen.iter().enumerate() {
        assert!(
            (*count > 0) == (what != WAITED || L::SHARED) || cfg!(miri),
            "no program came through door {what}: {seen:?}"
        );
    }
}

/// A fixed program: drop and fetch keep the address, whatever is allocated in between.
#[test]
fn revived_at_the_same_address() {
    revived::<Gil>();
    revived::<Free>();
}

fn revived<L: Lock>() {
    let model = Model::<L>::new(7);
    model.depth.set(9);
    let object = loop {
        let object = model.new_body();
        if body(object).tied {
            break object;
        }
    };
    let show = || loop {
        body(object).strong.set(body(object).strong.get() + 1);
        // SAFETY: the reference just made is given.
        if let Ok(wrapper) = unsafe { wrap(&model, object) } {
            break wrapper;
        }
    };
    let show = || {
        let shown = show();
        give(shown);
        shown
    };
    let first = show();
    face(first).stateless.set(true);
    face(first).followed.set(true); // taken, and given up with the last native reference
    model.drop_face(first);
    assert_eq!(peek(&body(object).word).state(), State::Active(first));
    assert_eq!((show(), face(first).count.get()), (first, 2));
    model.drop_face(first);
    model.give_up(first);
    assert_eq!(
        peek(&body(object).word).state(),
        State::Active(first),
        "taken again"
    );
    assert_eq!(show(), first);
    face(first).followed.set(false);
    model.give_up(first);
    for _ in 0..100 {
        model.drop_face(first);
        assert_eq!(peek(&body(object).word).state(), State::Inactive(first));
        model.new_face();
        assert_eq!(show(), first);
    }
    face(first).stateless.set(false); // it got a `__del__`: judged at the dealloc
    model.drop_face(first);
    assert_eq!(peek(&body(object).word).state(), State::Detached);
    assert!(face(first).freed.get());
    assert_ne!(show(), first);
}
