//! The tie under every interleaving (free-threaded builds), and with one weakness at a time, which
//! the same models must find. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p py-binding --no-default-features --release --test tie_loom`.
//!
//! The host is a model: an interpreter's count is an atomic, everything that a wrapper's or an
//! object's memory stands for is a cell that loom watches: touched by two threads without an order
//! between them, or after its end, it fails.

#![cfg(loom)]
#![allow(unsafe_code)]

#[path = "../../object-core/tests/modelled/run.rs"]
#[macro_use]
mod run;

use core::marker::PhantomData;
use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::fence;
use loom::thread;
use py_binding::tie::lock::{Free, Held, Lock, peek};
use py_binding::tie::word::{State, Word, Wrapper};
use py_binding::tie::{Adopted, Host, Object, adopt, dealloc, hit, kept_storage, release, wrap};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Life {
    Alive,
    Gone,
}

/// A wrapper's storage.
#[repr(align(16))]
struct Face {
    count: AtomicUsize,
    handle: UnsafeCell<Option<Object>>,
    memory: UnsafeCell<Life>,
}

/// A native object with its header.
#[repr(align(16))]
struct Body {
    word: AtomicUsize,
    strong: AtomicUsize,
    memory: UnsafeCell<Life>,
    /// Storage that was made and storage that was freed, of the whole model.
    made: std::sync::atomic::AtomicUsize,
    freed: std::sync::atomic::AtomicUsize,
}

fn face<'a>(wrapper: Wrapper) -> &'a Face {
    // SAFETY: leaked.
    unsafe { wrapper.cast::<Face>().as_ref() }
}

fn body<'a>(object: Object) -> &'a Body {
    // SAFETY: leaked.
    unsafe { object.cast::<Body>().as_ref() }
}

/// A look at memory: whoever ends it must have an order after it.
fn there(memory: &UnsafeCell<Life>) {
    // SAFETY: loom checks it.
    memory.with(|life| assert_eq!(unsafe { *life }, Life::Alive, "used after its end"));
}

fn end(memory: &UnsafeCell<Life>) {
    // SAFETY: loom checks it.
    memory.with_mut(|life| unsafe {
        assert_eq!(*life, Life::Alive, "ended twice");
        *life = Life::Gone;
    });
}

/// No weakness.
const SOUND: u8 = 0;
/// References are taken whatever the count says.
const BLIND_INCREF: u8 = 1;
/// Storage is kept although nobody else holds the object, or not kept although somebody does: no
/// weakness of the tie's, whose `delete_space` and dealloc must cope with either answer.
const ALWAYS_KEEPS: u8 = 2;
const NEVER_KEEPS: u8 = 3;
/// The wrapper's reference is given back before the word is settled.
const SETTLES_LATE: u8 = 4;
/// Giving a native reference back orders nothing.
const RELAXED_DROP: u8 = 5;
/// `delete_space` does not look at what the word keeps.
const LEAVES_STORAGE: u8 = 6;

/// The one object there is, and how its word is held.
struct Model<L, const FLAW: u8> {
    object: Object,
    lock: PhantomData<L>,
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
    fn new(strong: usize) -> Self {
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
    fn active(strong: usize) -> (Self, Wrapper) {
        let model = Self::new(strong);
        (model, model.wrap())
    }

    /// One with an Inactive wrapper.
    fn inactive(strong: usize) -> (Self, Wrapper) {
        let (model, wrapper) = Self::active(strong + 1);
        model.drop_python(wrapper);
        assert_eq!(
            peek(&body(model.object).word).state(),
            State::Inactive(wrapper)
        );
        (model, wrapper)
    }

    fn new_face(&self) -> Wrapper {
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
    fn wrap(&self) -> Wrapper {
        // SAFETY: a reference of the model's.
        let wrapper = unsafe { wrap(self, self.object) }.expect("never fails");
        self.shows(wrapper);
        wrapper
    }

    /// A live wrapper of the object's.
    fn shows(&self, wrapper: Wrapper) {
        there(&face(wrapper).memory);
        assert!(face(wrapper).count.load(Relaxed) > 0);
    }

    fn drop_python(&self, wrapper: Wrapper) {
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
    fn dealloc_late(&self, wrapper: Wrapper) {
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

    fn drop_native(&self) {
        // SAFETY: a reference of the model's.
        unsafe { self.dec_object(self.object) };
    }

    /// Everything was let go of: object and storage are gone, each once.
    fn over(&self) {
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

/// Two threads fetch what has no wrapper.
fn return_against_return<L: Lock + 'static, const FLAW: u8>() {
    let model = Model::<L, FLAW>::new(3);
    let other = thread::spawn(move || model.wrap().as_ptr().addr());
    let here = model.wrap();
    let there = other.join().unwrap();
    assert_eq!(here.as_ptr().addr(), there, "two faces");
    model.drop_python(here);
    model.drop_python(here);
    model.drop_native();
    model.over();
}

/// One thread drops the last Python reference, another fetches; the object lives on.
fn return_against_dealloc<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(3);
    let at = wrapper.as_ptr().expose_provenance();
    let other = thread::spawn(move || {
        let wrapper = NonNull::new(core::ptr::with_exposed_provenance_mut(at)).unwrap();
        model.drop_python(wrapper);
    });
    let here = model.wrap();
    other.join().unwrap();
    model.shows(here);
    model.drop_python(here);
    model.drop_native();
    model.over();
}

/// The same through the fast path.
fn hit_against_dealloc<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(2);
    let at = wrapper.as_ptr().expose_provenance();
    let other = thread::spawn(move || {
        let wrapper = NonNull::new(core::ptr::with_exposed_provenance_mut(at)).unwrap();
        model.drop_python(wrapper);
    });
    // SAFETY: alive by the second reference.
    if let Some(here) = unsafe { hit(&model, &body(model.object).word) } {
        model.shows(here);
        assert_eq!(here, wrapper);
        model.drop_python(here);
    }
    other.join().unwrap();
    model.drop_native();
    model.over();
}

/// Two threads fetch what has kept storage: one revives it.
fn revival_against_revival<L: Lock + 'static, const FLAW: u8>() {
    let (model, kept) = Model::<L, FLAW>::inactive(3);
    let other = thread::spawn(move || model.wrap().as_ptr().addr());
    let here = model.wrap();
    let there = other.join().unwrap();
    assert_eq!(here, kept, "the id changed");
    assert_eq!(kept.as_ptr().addr(), there, "the id changed");
    model.drop_python(here);
    model.drop_python(here);
    model.drop_native();
    model.over();
}

/// A third waits as well.
fn revival_against_a_waiting_third<L: Lock + 'static, const FLAW: u8>() {
    let (model, kept) = Model::<L, FLAW>::inactive(4);
    let one = thread::spawn(move || model.wrap().as_ptr().addr());
    let two = thread::spawn(move || model.wrap().as_ptr().addr());
    let here = model.wrap();
    for other in [one, two] {
        assert_eq!(
            other.join().unwrap(),
            kept.as_ptr().addr(),
            "the id changed"
        );
    }
    assert_eq!(here, kept, "the id changed");
    for _ in 0..3 {
        model.drop_python(here);
    }
    model.drop_native();
    model.over();
}

/// The wrapper goes, and native code lets go: whoever is last frees it all.
fn dealloc_against_the_last_native_drop<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(2);
    let other = thread::spawn(move || model.drop_native());
    model.drop_python(wrapper);
    other.join().unwrap();
    model.over();
}

/// A move against a fetch: the fetch gets the emptied wrapper or a fresh one.
fn move_against_return<L: Lock + 'static, const FLAW: u8>() {
    let (model, wrapper) = Model::<L, FLAW>::active(2);
    let other = thread::spawn(move || {
        let here = model.wrap();
        model.drop_python(here);
    });
    // SAFETY: alive by our Python reference, not lent.
    let object = unsafe { release(&model, wrapper) };
    assert_eq!(object, Some(model.object));
    model.drop_python(wrapper);
    other.join().unwrap();
    model.drop_native();
    model.over();
}

/// A constructor against a fetch: one wrapper shows the object.
fn adopt_against_return<L: Lock + 'static, const FLAW: u8>() {
    let model = Model::<L, FLAW>::new(2);
    let other = thread::spawn(move || model.wrap().as_ptr().addr());
    let mine = model.new_face();
    // SAFETY: new and empty; a reference of the model's.
    let shown = match unsafe { adopt(&model, mine, model.object) } {
        Adopted::Bound => mine,
        Adopted::Other(other) => {
            model.drop_python(mine);
            other
        }
    };
    assert_eq!(shown.as_ptr().addr(), other.join().unwrap(), "two faces");
    model.drop_python(shown);
    model.drop_python(shown);
    model.over();
}

/// Weakness: nothing is locked.
enum NoLock {}

impl Lock for NoLock {
    const SHARED: bool = true;
    fn acquire(word: &AtomicUsize) -> Word {
        Word::from_bits(word.load(Acquire))
    }
    fn release(word: &AtomicUsize, _: Word, now: Word) {
        word.store(now.bits(), Release);
    }
}

/// Weakness: taking the lock orders nothing (`ACQUIRES` false), or giving it back does not.
enum Weak<const ACQUIRES: bool> {}

impl<const ACQUIRES: bool> Lock for Weak<ACQUIRES> {
    const SHARED: bool = true;
    fn acquire(word: &AtomicUsize) -> Word {
        let ordering = if ACQUIRES { Acquire } else { Relaxed };
        loop {
            let seen = Word::from_bits(word.load(Relaxed));
            if !seen.is_locked()
                && word
                    .compare_exchange(seen.bits(), seen.locked().bits(), ordering, Relaxed)
                    .is_ok()
            {
                return seen;
            }
            loom::hint::spin_loop();
        }
    }
    fn release(word: &AtomicUsize, _: Word, now: Word) {
        let ordering = if ACQUIRES { Relaxed } else { Release };
        word.store(now.bits(), ordering);
    }
}

#[test]
fn the_tie_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        within run::waiting();

        holds return_against_return::<Free, SOUND>;
        holds return_against_dealloc::<Free, SOUND>;
        holds hit_against_dealloc::<Free, SOUND>;
        holds revival_against_revival::<Free, SOUND>;
        holds dealloc_against_the_last_native_drop::<Free, SOUND>;
        holds dealloc_against_the_last_native_drop::<Free, ALWAYS_KEEPS>;
        holds dealloc_against_the_last_native_drop::<Free, NEVER_KEEPS>;
        holds return_against_dealloc::<Free, NEVER_KEEPS>;
        holds move_against_return::<Free, SOUND>;
        holds adopt_against_return::<Free, SOUND>;

        is_caught return_against_return::<NoLock, SOUND>;
        is_caught return_against_return::<Weak<true>, SOUND>;
        is_caught return_against_return::<Weak<false>, SOUND>;
        is_caught return_against_dealloc::<NoLock, SOUND>;
        is_caught return_against_dealloc::<Free, BLIND_INCREF>;
        is_caught hit_against_dealloc::<NoLock, NEVER_KEEPS>;
        is_caught hit_against_dealloc::<Weak<true>, NEVER_KEEPS>;
        is_caught hit_against_dealloc::<Weak<false>, NEVER_KEEPS>;
        is_caught hit_against_dealloc::<Free, BLIND_INCREF>;
        is_caught revival_against_revival::<NoLock, SOUND>;
        is_caught revival_against_revival::<Weak<true>, SOUND>;
        is_caught revival_against_revival::<Weak<false>, SOUND>;
        is_caught dealloc_against_the_last_native_drop::<Free, SETTLES_LATE>;
        is_caught dealloc_against_the_last_native_drop::<Free, RELAXED_DROP>;
        is_caught dealloc_against_the_last_native_drop::<Free, LEAVES_STORAGE>;
        is_caught move_against_return::<NoLock, SOUND>;
        is_caught adopt_against_return::<NoLock, SOUND>;
        is_caught revival_against_a_waiting_third::<NoLock, SOUND>;
    }
    // Three that wait give each other the turn without end when more is forced.
    let mut bounds = run::waiting();
    bounds.preemption_bound = Some(1);
    models! {
        within bounds;
        holds revival_against_a_waiting_third::<Free, SOUND>;
    }
}
