//! Shared life without a GIL under every interleaving: threads that settle, fetch, upgrade, move and let
//! go at once, and a finalizer among them; and copies with one weakness each, which the same models must
//! find. `make loom` runs it. (`settle_loom` is the same with a GIL, where the interpreter is the lock.)
//!
//! The counts, the queue, the word's lock, the tie's doors and the protocol (`tie/share.rs`) are the real
//! ones. The interpreter is a model: a wrapper's count can be taken by others only while it is armed,
//! and a finalizer runs between a count of 0 and the end. Whatever the word guards is a cell that loom watches.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "../../object-core/tests/modelled/run.rs"]
mod run;

use core::marker::PhantomData;
use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;
use object_core::count::{Counts, Released, Taken};
use py_binding::tie::lock::{Free, Lock, peek};
use py_binding::tie::settle::{Queued, SettleQueue, Settling, on_settle};
use py_binding::tie::share::{self, Owner, Rescue};
use py_binding::tie::word::{State, Word, Wrapper};
use py_binding::tie::{Host, Object, dealloc, release, wrap};

/// A reference to the wrapper, in its count.
const ONE: usize = 4;
/// Threads other than the finalizing one can take references.
const ARMED: usize = 1;
/// It was found alive after its finalizer.
const MERGED: usize = 2;

/// A reference is taken of a wrapper whose count is 0.
const BLIND_TAKE: u8 = 1;
/// A finalizer does not arm the wrapper.
const NO_ARM: u8 = 2;
/// A finalizer does not look at the level.
const NO_RESCUE: u8 = 3;
/// A fetch does not wait for a wrapper that may be kept.
const IMPATIENT: u8 = 4;
/// What is given up is forgotten to have been finalized before its finalizer is through.
const FORGETS_EARLY: u8 = 5;
/// The level is read before the word is held.
const LOOKS_EARLY: u8 = 6;
/// A move clears bit 63 whoever shows the object by then.
const CLEARS_BLINDLY: u8 = 7;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Life {
    Alive,
    Gone,
}

/// A wrapper.
#[repr(align(16))]
struct Face {
    count: AtomicUsize,
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
struct Body {
    word: AtomicUsize,
    counts: Counts,
    memory: UnsafeCell<Life>,
    queue: SettleQueue,
    made: std::sync::atomic::AtomicUsize,
    freed: std::sync::atomic::AtomicUsize,
    dels: std::sync::atomic::AtomicUsize,
    /// Native references that Python state must live for.
    deaths: std::sync::atomic::AtomicUsize,
    del: fn(&dyn Fn(Native)),
}

/// What a `__del__` does natively.
#[derive(Clone, Copy)]
enum Native {
    Take,
}

const SEEN: std::sync::atomic::Ordering = std::sync::atomic::Ordering::SeqCst;

fn face<'a>(wrapper: Wrapper) -> &'a Face {
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
trait Kind: 'static {
    type Lock: Lock;
    const FLAW: u8;
}

/// The real protocol.
type Sound = Flaw<0>;

/// A copy with a weakness.
struct Flaw<const N: u8>;

impl<const N: u8> Kind for Flaw<N> {
    type Lock = Free;
    const FLAW: u8 = N;
}

/// A copy with another lock.
struct Held<L>(PhantomData<L>);

impl<L: Lock + 'static> Kind for Held<L> {
    type Lock = L;
    const FLAW: u8 = 0;
}

/// The one object there is.
struct Model<K>(Object, PhantomData<K>);

impl<K> Clone for Model<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Model<K> {}
// SAFETY: an address of something that loom watches.
unsafe impl<K> Send for Model<K> {}

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

impl<K: Kind> Model<K> {
    /// An object of `natives` references and a wrapper, settled, of `pythons` references of Python's.
    fn new(pythons: usize, natives: u32, del: fn(&dyn Fn(Native))) -> (Self, Wrapper) {
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

    fn body(&self) -> &'static Body {
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
    fn drop_python(&self, wrapper: Wrapper) {
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

    fn drop_weak(&self) {
        // SAFETY: the caller's reference.
        if unsafe { self.body().counts.dec_weak() } {
            end(&self.body().memory);
        }
    }

    /// A strong reference goes: object-core's `dec_ref` and `slow_dec`.
    fn drop_native(&self, attached: bool) {
        let counts = &self.body().counts;
        // SAFETY: the caller's reference, once; the weak one keeps the space.
        unsafe {
            match counts.dec_strong() {
                Released::Slow => {}
                done => return self.released(done),
            }
            if let Some(done) = counts.dec_unless_two() {
                return self.released(done);
            }
            counts.inc_weak();
            self.released(counts.dec_flagged());
            self.told(attached);
        }
    }

    /// A strong reference comes, from one that is held or lent.
    fn take_native(&self, attached: bool) {
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
            let held = py_binding::tie::lock::Held::<K::Lock>::hold(&self.body().word);
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

    fn drain(&self) {
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

    fn upgrade(&self) -> bool {
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
    fn wrap(&self) -> Wrapper {
        // SAFETY: a reference of the model's.
        let wrapper = unsafe { wrap(self, self.0) }.expect("never fails");
        there(&face(wrapper).memory);
        wrapper
    }

    /// Everybody is done: what waits is settled, and then there is nothing. The model holds a weak
    /// reference, its last.
    fn over(&self, dels: usize) {
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
    fn watched(pythons: usize, natives: u32, del: fn(&dyn Fn(Native))) -> (Self, Wrapper) {
        let (model, wrapper) = Self::new(pythons, natives, del);
        // SAFETY: given back in `over`.
        unsafe { model.body().counts.inc_weak() };
        (model, wrapper)
    }
}

fn nothing(_: &dyn Fn(Native)) {}

fn address(wrapper: Wrapper) -> usize {
    wrapper.as_ptr().expose_provenance()
}

fn at(address: usize) -> Wrapper {
    NonNull::new(core::ptr::with_exposed_provenance_mut(address)).unwrap()
}

/// One thread drops the last native reference and settles; another, which was lent the object, takes one, and
/// drops it again. Then Python lets go.
fn settle_against_settle<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 1, nothing);
    let other = thread::spawn(move || model.drop_native(true));
    model.take_native(true);
    model.drop_native(true);
    other.join().unwrap();
    model.drop_python(wrapper);
    model.over(1);
}

/// The same, and what was taken is kept: so the wrapper is.
fn what_was_taken_is_kept<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 1, nothing);
    let other = thread::spawn(move || model.drop_native(true));
    model.take_native(true);
    model.drop_python(wrapper);
    other.join().unwrap();
    assert_eq!(peek(&model.body().word).state(), State::Active(wrapper));
    assert!(face(wrapper).count.load(Relaxed) >= ONE, "not owned");
    model.drop_native(true);
    model.over(1);
}

/// Two threads drop a native reference each, and Python has let go.
fn two_drops<K: Kind>() {
    let (model, _) = Model::<K>::watched(0, 2, nothing);
    let other = thread::spawn(move || model.drop_native(true));
    model.drop_native(true);
    other.join().unwrap();
    model.over(1);
}

/// The last native reference goes on a thread that is not attached, while another fetches and lets go.
fn an_unattached_drop_against_a_fetch<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(0, 2, nothing);
    let other = thread::spawn(move || model.drop_native(false));
    let shown = model.wrap(); // with the second reference
    assert_eq!(shown, wrapper);
    model.drain();
    model.drop_python(shown);
    other.join().unwrap();
    model.over(1);
}

/// A thread that is not attached keeps what it was lent. Its call ends while another thread has taken the
/// object off the queue, and the lender lets go: the wrapper is kept, settled or rescued, and `__del__` is not
/// run before it goes.
fn a_drain_against_the_last_python_drop<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    model.take_native(false); // the call
    let other = thread::spawn(move || model.drain());
    model.drop_python(wrapper);
    other.join().unwrap();
    assert_eq!(peek(&model.body().word).state(), State::Active(wrapper));
    model.drop_native(false);
    model.over(1);
}

/// The same, and the reference goes again at once, on another thread.
fn a_rescue_against_a_give_up<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    model.take_native(false);
    let other = thread::spawn(move || model.drop_native(true));
    model.drop_python(wrapper);
    other.join().unwrap();
    model.over(1);
}

/// The same, and another thread fetches with a reference of its own: it gets that very wrapper.
fn a_rescue_against_a_fetch<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    model.take_native(false);
    model.take_native(false);
    let other = thread::spawn(move || address(model.wrap()));
    model.drop_python(wrapper);
    let shown = at(other.join().unwrap());
    assert_eq!(shown, wrapper, "a fresh wrapper: its state is lost");
    model.drop_native(true);
    model.drop_python(shown);
    model.over(1);
}

/// `__del__` hands the object to native code, which another thread drops; somebody upgrades meanwhile.
fn a_del_that_hands_itself_on<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, |native| native(Native::Take));
    let other = thread::spawn(move || {
        if model.upgrade() {
            model.drop_native(true);
        }
    });
    model.drop_python(wrapper);
    other.join().unwrap();
    // It is held now by what `__del__` took, and so is the wrapper.
    assert_eq!(peek(&model.body().word).state(), State::Active(wrapper));
    assert!(face(wrapper).count.load(Relaxed) >= ONE, "not owned");
    model.drop_native(true);
    model.over(1);
}

/// A weak reference becomes strong while Python lets go; what was had keeps the wrapper.
fn an_upgrade_against_the_end<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 0, nothing);
    let other = thread::spawn(move || {
        if model.upgrade() {
            let shown = model.wrap();
            assert_eq!(address(shown), address(wrapper_of(model)), "two faces");
            model.drop_python(shown);
        }
    });
    model.drop_python(wrapper);
    other.join().unwrap();
    model.over(1);
}

fn wrapper_of<K: Kind>(model: Model<K>) -> Wrapper {
    match peek(&model.body().word).state() {
        State::Active(wrapper) => wrapper,
        other => panic!("{other:?}"),
    }
}

/// A move empties the wrapper while another thread fetches the object, and so shows it anew; then that
/// one is settled as any other.
fn a_move_against_a_fetch<K: Kind>() {
    let (model, wrapper) = Model::<K>::watched(1, 1, nothing);
    let other = thread::spawn(move || {
        let shown = model.wrap(); // with the native reference
        address(shown)
    });
    // SAFETY: alive by our Python reference, not lent.
    let moved = unsafe { release(&model, wrapper) };
    let shown = at(other.join().unwrap());
    let moved = moved.is_some();
    if shown == wrapper {
        // It came first; what it got was emptied under its hands.
        model.drop_python(shown);
        assert!(!model.body().counts.is_shared());
    } else {
        assert!(model.body().counts.is_shared(), "nobody is told any more");
        model.drop_python(shown);
        assert!(face(shown).count.load(Relaxed) >= ONE, "not owned");
    }
    model.drop_python(wrapper);
    if moved {
        model.drop_native(true);
    }
    model.drain();
    let body = model.body();
    assert_eq!(body.deaths.load(SEEN), 1);
    assert_eq!(body.made.load(SEEN), body.freed.load(SEEN));
    model.drop_weak();
}

/// The word is not locked at all.
#[derive(Debug)]
enum Unlocked {}

impl Lock for Unlocked {
    const SHARED: bool = true;

    fn acquire(word: &AtomicUsize) -> Word {
        Word::from_bits(word.load(Acquire))
    }

    fn release(word: &AtomicUsize, was: Word, now: Word) {
        if was != now {
            word.store(now.bits(), loom::sync::atomic::Ordering::Release);
        }
    }
}

/// Giving the lock back orders nothing.
#[derive(Debug)]
enum Relaxing {}

impl Lock for Relaxing {
    const SHARED: bool = true;

    fn acquire(word: &AtomicUsize) -> Word {
        Free::acquire(word)
    }

    fn release(word: &AtomicUsize, _: Word, now: Word) {
        word.store(now.bits(), Relaxed);
    }
}

/// One test, because a panic hook is the process's.
#[test]
fn shared_life_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        holds settle_against_settle::<Sound>;
        holds what_was_taken_is_kept::<Sound>;
        holds two_drops::<Sound>;
        holds an_unattached_drop_against_a_fetch::<Sound>;
        holds a_drain_against_the_last_python_drop::<Sound>;
        holds a_rescue_against_a_give_up::<Sound>;
        holds a_rescue_against_a_fetch::<Sound>;
        holds a_del_that_hands_itself_on::<Sound>;
        holds an_upgrade_against_the_end::<Sound>;
        holds a_move_against_a_fetch::<Sound>;

        is_caught settle_against_settle::<Held<Unlocked>>;
        is_caught settle_against_settle::<Held<Relaxing>>;
        is_caught settle_against_settle::<Flaw<LOOKS_EARLY>>;
        is_caught an_upgrade_against_the_end::<Flaw<BLIND_TAKE>>;
        is_caught a_del_that_hands_itself_on::<Flaw<NO_ARM>>;
        is_caught a_drain_against_the_last_python_drop::<Flaw<NO_RESCUE>>;
        is_caught a_rescue_against_a_fetch::<Flaw<IMPATIENT>>;
        is_caught a_rescue_against_a_give_up::<Flaw<FORGETS_EARLY>>;
        is_caught a_move_against_a_fetch::<Flaw<CLEARS_BLINDLY>>;
    }
}
