//! Random programs against a host that is a model: objects with counts, wrappers with counts, classes
//! that may change their mind about state, allocation that may fail, and re-entry wherever the tie
//! lets foreign code run. Nothing is ever really freed, so that a use after the end is seen and not
//! suffered. After each step, and inside of each loud host method, I1 to I4 and I6 are checked.
#![allow(unsafe_code)]

mod ops_model;

use py_binding::tie::lock::{Free, Gil, Lock, assert_none_held, peek};
use py_binding::tie::step::Storage;
use py_binding::tie::word::{State, Wrapper};
use py_binding::tie::{
    Adopted, Host, Object, adopt, dealloc, entrust, hit, introduce, put_away, release, rewrap,
    rewrap_plain, wrap,
};

use ops_model::*;

impl<L: Lock> Model<L> {
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
        // SAFETY: the reference just made is given, to the first that takes it.
        let again = unsafe {
            match self.rng.below(if body.tied { 3 } else { 1 }) {
                0 => None,
                1 => rewrap(self, &body.word, object),
                _ => rewrap_plain(self, &body.word, object),
            }
        };
        if let Some(kept) = again {
            assert_eq!(before, Some(State::Inactive(kept)), "nothing was kept");
            self.note(PUT_BACK);
        }
        // SAFETY: as above.
        let Some(shown) = again.or_else(|| unsafe { wrap(self, object) }.ok()) else {
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
        if self.rng.one_in(2) {
            // SAFETY: its count is 0.
            if let Some(object) = unsafe { put_away(self, wrapper) } {
                self.note(PUT_AWAY);
                // SAFETY: the wrapper's, which was handed out.
                unsafe { self.dec_object(object) };
                return;
            }
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
    let mut seen = [0; DOORS];
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
        let is_there = match what {
            WAITED => L::SHARED,
            PUT_AWAY | PUT_BACK => !L::SHARED,
            _ => true,
        };
        assert!(
            (*count > 0) == is_there || cfg!(miri),
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
