//! The world of `share_loom`: one object, its wrapper, and an interpreter that is a model. A wrapper's count can
//! be taken by others only while it is armed, and a finalizer runs between a count of 0 and the end. Whatever
//! the word guards is a cell that loom watches. The counts and the queue are the real ones.

mod host;

use core::marker::PhantomData;
use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use object_core::count::{Counts, Released, Taken};
use py_binding::tie::lock::{Free, Held, Lock, peek};
use py_binding::tie::settle::{Queued, SettleQueue, Settling, on_settle};
use py_binding::tie::share::{self, Owner as _, Rescue};
use py_binding::tie::word::{State, Word, Wrapper};
use py_binding::tie::{Host, Object, dealloc, wrap};

/// A reference to the wrapper, in its count.
pub(crate) const ONE: usize = 4;
/// Threads other than the finalizing one can take references.
const ARMED: usize = 1;
/// It was found alive after its finalizer.
const MERGED: usize = 2;

/// A reference is taken of a wrapper whose count is 0.
pub(crate) const BLIND_TAKE: u8 = 1;
/// A finalizer does not arm the wrapper.
pub(crate) const NO_ARM: u8 = 2;
/// A finalizer does not look at the level.
pub(crate) const NO_RESCUE: u8 = 3;
/// A fetch does not wait for a wrapper that may be kept.
pub(crate) const IMPATIENT: u8 = 4;
/// What is given up is forgotten to have been finalized before its finalizer is through.
pub(crate) const FORGETS_EARLY: u8 = 5;
/// The level is read before the word is held.
pub(crate) const LOOKS_EARLY: u8 = 6;
/// A move clears bit 63 whoever shows the object by then.
pub(crate) const CLEARS_BLINDLY: u8 = 7;
/// Whether a drop is told is decided by a look at the count before it, not by the drop itself.
pub(crate) const DECIDES_EARLY: u8 = 8;

/// The collector does not look at what was given back without a word.
pub(crate) const NO_LOOK: u8 = 9;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Life {
    Alive,
    Gone,
}

/// A wrapper.
#[repr(align(16))]
pub(crate) struct Face {
    pub(crate) count: AtomicUsize,
    handle: UnsafeCell<Option<Object>>,
    owned: UnsafeCell<bool>,
    rescued: AtomicBool,
    past: AtomicBool,
    /// The interpreter's note.
    finalized: AtomicBool,
    memory: UnsafeCell<Life>,
}

/// A native object, and what the whole model counts.
#[repr(align(16))]
pub(crate) struct Body {
    pub(crate) word: AtomicUsize,
    pub(crate) counts: Counts,
    memory: UnsafeCell<Life>,
    queue: SettleQueue,
    pub(crate) made: std::sync::atomic::AtomicUsize,
    pub(crate) freed: std::sync::atomic::AtomicUsize,
    dels: std::sync::atomic::AtomicUsize,
    /// Native references that Python state must live for.
    pub(crate) deaths: std::sync::atomic::AtomicUsize,
    del: fn(&dyn Fn(Native)),
}

/// What a `__del__` does natively.
#[derive(Clone, Copy)]
pub(crate) enum Native {
    Take,
}

pub(crate) const SEEN: std::sync::atomic::Ordering = std::sync::atomic::Ordering::SeqCst;

pub(crate) fn face<'a>(wrapper: Wrapper) -> &'a Face {
    // SAFETY: leaked.
    unsafe { wrapper.cast::<Face>().as_ref() }
}

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

/// How words are held, and which weakness a copy has.
pub(crate) trait Kind: 'static {
    type Lock: Lock;
    const FLAW: u8;
}

/// The real protocol.
pub(crate) type Sound = Flaw<0>;

/// A copy with a weakness.
pub(crate) struct Flaw<const N: u8>;

impl<const N: u8> Kind for Flaw<N> {
    type Lock = Free;
    const FLAW: u8 = N;
}

/// A copy with another lock.
pub(crate) struct Locked<L>(PhantomData<L>);

impl<L: Lock + 'static> Kind for Locked<L> {
    type Lock = L;
    const FLAW: u8 = 0;
}

/// The one object there is.
pub(crate) struct Model<K>(Object, PhantomData<K>);

impl<K> Clone for Model<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Model<K> {}
// SAFETY: an address of something that loom watches.
unsafe impl<K> Send for Model<K> {}

impl<K: Kind> Model<K> {
    /// An object of `natives` references and a wrapper, settled, of `pythons` references of Python's.
    pub(crate) fn new(pythons: usize, natives: u32, del: fn(&dyn Fn(Native))) -> (Self, Wrapper) {
        let body = Box::leak(Box::new(Body {
            word: AtomicUsize::new(0),
            counts: Counts::one(),
            memory: UnsafeCell::new(Life::Alive),
            queue: SettleQueue::new(),
            made: 0.into(),
            freed: 0.into(),
            dels: 0.into(),
            deaths: 0.into(),
            del,
        }));
        assert!(body.queue.reserve(4));
        let model = Self(NonNull::from(body).cast(), PhantomData);
        let wrapper = model.new_face();
        let body = model.body();
        for _ in 0..natives {
            // SAFETY: each is given back by the models.
            assert!(!unsafe { body.counts.inc_strong() });
        }
        face(wrapper)
            .count
            .store((pythons + usize::from(natives > 0)) * ONE + ARMED, Relaxed);
        // SAFETY: nobody else is there.
        unsafe {
            body.counts.set_shared();
            face(wrapper).owned.with_mut(|owned| *owned = natives > 0);
            face(wrapper)
                .handle
                .with_mut(|handle| *handle = Some(model.0));
        }
        body.word
            .store(Word::of(State::Active(wrapper)).bits(), Relaxed);
        (model, wrapper)
    }

    pub(crate) fn object(&self) -> Object {
        self.0
    }

    pub(crate) fn body(&self) -> &'static Body {
        // SAFETY: leaked.
        let body = unsafe { self.0.cast::<Body>().as_ref() };
        there(&body.memory);
        body
    }

    fn new_face(&self) -> Wrapper {
        self.body().made.fetch_add(1, SEEN);
        let face = Box::leak(Box::new(Face {
            count: AtomicUsize::new(ONE),
            handle: UnsafeCell::new(None),
            owned: UnsafeCell::new(false),
            rescued: AtomicBool::new(false),
            past: AtomicBool::new(false),
            finalized: AtomicBool::new(false),
            memory: UnsafeCell::new(Life::Alive),
        }));
        NonNull::from(face).cast()
    }

    fn try_take(&self, wrapper: Wrapper) -> bool {
        let face = face(wrapper);
        there(&face.memory);
        let mut count = face.count.load(Relaxed);
        loop {
            if (count < ONE || count & ARMED == 0) && K::FLAW != BLIND_TAKE {
                return false;
            }
            match face
                .count
                .compare_exchange(count, count + ONE, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
    }

    /// A reference of the wrapper's goes; with the last one it is finalized, and taken apart if that does
    /// not keep it.
    pub(crate) fn drop_python(&self, wrapper: Wrapper) {
        let face = face(wrapper);
        there(&face.memory);
        let lessen = |flags: usize| {
            let mut count = face.count.load(Relaxed);
            loop {
                let left = count - ONE;
                let now = if left < ONE { 0 } else { left | flags };
                match face.count.compare_exchange(count, now, AcqRel, Relaxed) {
                    Ok(_) => return now,
                    Err(new) => count = new,
                }
            }
        };
        if lessen(0) != 0 {
            return;
        }
        // It is this thread's, with one reference, which nobody else can see.
        face.count.store(ONE, Relaxed);
        if !face.finalized.load(Relaxed) {
            self.finalize(wrapper);
            face.finalized.store(true, Relaxed);
        }
        if lessen(ARMED | MERGED) != 0 {
            return;
        }
        // SAFETY: it is dead.
        let _ = unsafe { dealloc(self, wrapper) };
    }

    fn finalize(&self, wrapper: Wrapper) {
        // SAFETY: its finalizer; nobody moves it in these models.
        let object = unsafe { Host::handle(self, wrapper) };
        // SAFETY: as above.
        let found = unsafe {
            match object {
                Some(object) if K::FLAW != NO_RESCUE => share::rescue(self, wrapper, object, 0),
                _ => Rescue::Past {
                    again: face(wrapper).past.swap(true, Relaxed),
                },
            }
        };
        if found == (Rescue::Past { again: false }) {
            assert!(
                object.is_none() || self.body().counts.strong() == 1,
                "finalized though others hold the object"
            );
            self.body().dels.fetch_add(1, SEEN);
            (self.body().del)(&|native| match native {
                Native::Take => self.take_native(true),
            });
        }
    }

    fn released(&self, released: Released) {
        match released {
            Released::Held => {}
            Released::Slow => unreachable!(),
            Released::Body => {
                self.body().deaths.fetch_add(1, SEEN);
                self.drop_weak();
            }
            Released::Both => {
                self.body().deaths.fetch_add(1, SEEN);
                end(&self.body().memory);
            }
        }
    }

    pub(crate) fn drop_weak(&self) {
        // SAFETY: the caller's reference.
        if unsafe { self.body().counts.dec_weak() } {
            end(&self.body().memory);
        }
    }

    /// As [`drop_native`](Self::drop_native), of a busy object.
    pub(crate) fn drop_busy(&self, attached: bool) {
        // SAFETY: the caller's reference, once.
        match unsafe { self.body().counts.dec_busy() } {
            Released::Slow => self.drop_native(attached),
            done => self.released(done),
        }
    }

    /// A collection, of which the wrapper visits what is its own: `py/collect.rs`. All threads stand still.
    pub(crate) fn collect(&self) {
        if let State::Active(wrapper) = peek(&self.body().word).state() {
            let references = face(wrapper).count.load(Relaxed) / ONE;
            // SAFETY: nobody else is there.
            let owned = unsafe { self.is_owned(wrapper) };
            if K::FLAW != NO_LOOK && owned && references == 1 && self.body().counts.strong() == 1 {
                self.settle();
            }
        }
    }

    /// A strong reference goes: object-core's `dec_ref` and `slow_dec`.
    pub(crate) fn drop_native(&self, attached: bool) {
        let counts = &self.body().counts;
        // SAFETY: the caller's reference, once; the weak one keeps the space.
        unsafe {
            match counts.dec_strong() {
                Released::Slow => {}
                done => return self.released(done),
            }
            if K::FLAW == DECIDES_EARLY {
                if counts.strong() != 2 {
                    return self.released(counts.dec_flagged());
                }
            } else if let Some(done) = counts.dec_unless_two() {
                return self.released(done);
            }
            counts.inc_weak();
            self.released(counts.dec_flagged());
            self.told(attached);
        }
    }

    /// A strong reference comes, from one that is held or lent.
    pub(crate) fn take_native(&self, attached: bool) {
        // SAFETY: the models' own references.
        unsafe {
            if self.body().counts.inc_strong() {
                self.body().counts.inc_weak();
                self.told(attached);
            }
        }
    }

    /// The frontend's `settle`: takes a weak reference over.
    fn told(&self, attached: bool) {
        if attached {
            self.settle();
            self.drop_weak();
        } else {
            match self.body().queue.push(1) {
                Queued::Full => unreachable!(),
                Queued::Already => self.drop_weak(),
                Queued::First | Queued::Waits => {}
            }
        }
    }

    fn settle(&self) {
        if K::FLAW == LOOKS_EARLY {
            return self.settle_by(self.body().counts.strong());
        }
        // SAFETY: the space is there.
        unsafe { share::settle(self, self.0) };
    }

    /// A weak copy of `settle`.
    fn settle_by(&self, strong: u32) {
        let mut given = None;
        {
            let held = Held::<K::Lock>::hold(&self.body().word);
            if let State::Active(wrapper) = held.state() {
                // SAFETY: the word is held.
                unsafe {
                    match on_settle(self.is_owned(wrapper), strong) {
                        Settling::Take if self.try_take(wrapper) => self.set_owned(wrapper, true),
                        Settling::Give => {
                            self.set_owned(wrapper, false);
                            given = Some(wrapper);
                        }
                        _ => {}
                    }
                }
            }
        }
        if let Some(wrapper) = given {
            // SAFETY: as noted.
            unsafe { self.give_up(wrapper) };
        }
    }

    pub(crate) fn drain(&self) {
        loop {
            // The queue's reference may be the last one.
            let body = self.body();
            if body.queue.pop().is_none() {
                return;
            }
            self.settle();
            // SAFETY: the queue's.
            if unsafe { body.counts.dec_weak() } {
                end(&body.memory);
                return;
            }
        }
    }

    pub(crate) fn upgrade(&self) -> bool {
        let counts = &self.body().counts;
        // SAFETY: the models' weak reference.
        unsafe {
            match counts.upgrade() {
                Taken::Slow => {}
                taken => return taken == Taken::Counted,
            }
            match counts.upgrade_unless_one() {
                Some(taken) => taken == Taken::Counted,
                None => share::upgrade(self, self.0),
            }
        }
    }

    /// Gives a strong reference to `wrap`.
    pub(crate) fn wrap(&self) -> Wrapper {
        // SAFETY: a reference of the model's.
        let wrapper = unsafe { wrap(self, self.0) }.expect("never fails");
        there(&face(wrapper).memory);
        wrapper
    }

    /// Everybody is done: what waits is settled, and then there is nothing. The model holds a weak
    /// reference, its last.
    pub(crate) fn over(&self, dels: usize) {
        self.drain();
        let body = self.body();
        assert_eq!(
            body.deaths.load(SEEN),
            1,
            "the object lives on, or died twice"
        );
        assert_eq!(
            body.made.load(SEEN),
            body.freed.load(SEEN),
            "a wrapper lives on"
        );
        assert_eq!(body.dels.load(SEEN), dels, "finalized so often");
        self.drop_weak();
        // SAFETY: loom checks it.
        let memory = unsafe { &self.0.cast::<Body>().as_ref().memory };
        memory.with(|life| assert_eq!(unsafe { *life }, Life::Gone, "a weak reference was lost"));
    }

    /// With a weak reference for [`over`](Self::over).
    pub(crate) fn watched(
        pythons: usize,
        natives: u32,
        del: fn(&dyn Fn(Native)),
    ) -> (Self, Wrapper) {
        let (model, wrapper) = Self::new(pythons, natives, del);
        // SAFETY: given back in `over`.
        unsafe { model.body().counts.inc_weak() };
        (model, wrapper)
    }
}
