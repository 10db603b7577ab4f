//! The tie's doors, with an interpreter that is a struct. The model knows by itself which wrapper
//! is an object's, and which is only kept; after every step the back words must say the same, every
//! reference must have an owner, and in the end all storage must be gone.
//!
//! Python code that runs in the middle (the collector inside an allocation, a destructor, a class
//! that goes) is a list of operations that the next callback plays.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use py_binding::tie::deferred::{Deferred, DeferredList};
use py_binding::tie::gate::{Gate, Inside};
use py_binding::tie::lock::Gil;
use py_binding::tie::{Host, Object, State, Wrapper, hit, kept_storage, release};

use crate::program::{Play, at};

mod doors;
mod ops;
mod parts;

pub use ops::TieOp;
use parts::{Canon, Life, Native, Wrapped, bits_of, native, peek, wrapped};

/// The interpreter, the objects, and who owns what.
#[allow(clippy::vec_box, reason = "they are known by their addresses")]
pub struct World {
    natives: RefCell<Vec<Box<Native>>>,
    wrappers: RefCell<Vec<Box<Wrapped>>>,
    strong: RefCell<Vec<Object>>,
    weak: RefCell<Vec<Object>>,
    python: RefCell<Vec<Wrapper>>,
    parked: RefCell<Vec<Wrapper>>,
    nested: RefCell<VecDeque<TieOp>>,
    fail_fresh: Cell<bool>,
    attached: Cell<bool>,
    list: DeferredList,
    put_off: RefCell<Vec<Deferred>>,
    /// Nodes that a drain further up the stack has yet to hand out.
    left: Cell<usize>,
    inside: RefCell<Vec<Inside<'static>>>,
    closed: Cell<bool>,
}

static GATE: Gate = Gate::open();

// SAFETY: each method does what the trait says, to structs.
unsafe impl Host for World {
    type Error = ();
    type Lock = Gil;
    const PATIENCE: u32 = 0;

    unsafe fn word<'a>(&self, object: Object) -> Option<&'a AtomicUsize> {
        let native = native(object);
        assert!(native.strong.get() > 0, "the word of a dead object");
        native.tied.then_some(&native.word)
    }

    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        let wrapped = wrapped(wrapper);
        let alive = wrapped.count.get() > 0;
        assert!(!alive || wrapped.life.get() == Life::Alive);
        wrapped.count.set(wrapped.count.get() + u32::from(alive));
        alive
    }

    unsafe fn is_stateless(&self, wrapper: Wrapper) -> bool {
        wrapped(wrapper).stateless.get()
    }

    unsafe fn fresh(&self, object: Object) -> Result<Wrapper, ()> {
        assert!(native(object).strong.get() > 0);
        self.run_nested();
        if self.fail_fresh.take() {
            Err(())
        } else {
            Ok(self.empty_wrapper())
        }
    }

    unsafe fn handle(&self, wrapper: Wrapper) -> Option<Object> {
        wrapped(wrapper).handle.get()
    }

    unsafe fn set_handle(&self, wrapper: Wrapper, object: Option<Object>) {
        let there = wrapped(wrapper).handle.replace(object);
        assert_ne!(
            there.is_some(),
            object.is_some(),
            "a handle's reference was lost or made up"
        );
    }

    unsafe fn revive(&self, wrapper: Wrapper) {
        let wrapped = wrapped(wrapper);
        assert_eq!(
            (wrapped.life.replace(Life::Alive), wrapped.count.replace(1)),
            (Life::Kept, 0)
        );
    }

    unsafe fn arm(&self, wrapper: Wrapper) {
        assert_eq!(wrapped(wrapper).life.get(), Life::Alive);
    }

    unsafe fn pause(&self) {
        panic!("nobody waits where the GIL is the lock");
    }

    unsafe fn free_storage(&self, wrapper: Wrapper) {
        let wrapped = wrapped(wrapper);
        assert_eq!(wrapped.handle.get(), None);
        assert!(wrapped.count.get() == 0 || wrapped.life.get() == Life::Alive);
        wrapped.life.set(Life::Freed);
        self.run_nested();
    }

    unsafe fn others_hold(&self, object: Object) -> bool {
        let native = native(object);
        native.strong.get() > 1 || native.weak.get() > 0
    }

    unsafe fn dec_object(&self, object: Object) {
        let native = native(object);
        native.strong.set(
            native
                .strong
                .get()
                .checked_sub(1)
                .expect("a reference too few"),
        );
        if native.strong.get() == 0 {
            // The strong references' own weak one keeps the space while the destructor runs.
            native.weak.set(native.weak.get() + 1);
            self.run_nested();
            native.weak.set(native.weak.get() - 1);
            if native.weak.get() == 0 {
                self.delete_space(object);
            }
        }
    }
}

impl World {
    fn run_nested(&self) {
        let program = std::mem::take(&mut *self.nested.borrow_mut());
        for op in program {
            self.play(&op);
        }
    }

    fn empty_wrapper(&self) -> Wrapper {
        self.wrappers.borrow_mut().push(Box::new(Wrapped::empty()));
        let wrappers = self.wrappers.borrow();
        NonNull::from(&**wrappers.last().expect("just pushed")).cast()
    }

    fn delete_space(&self, object: Object) {
        let native = native(object);
        let kept = native
            .tied
            .then(|| kept_storage(peek(&native.word)))
            .flatten();
        let canon = match native.canon.replace(Canon::Nobody) {
            Canon::Kept(wrapper) => Some(wrapper),
            Canon::Nobody => None,
            Canon::Active(_) => panic!("an Active wrapper owns a reference"),
        };
        assert_eq!(kept, canon, "the storage that goes with an object");
        native.word.store(usize::MAX, Ordering::Relaxed);
        let Some(wrapper) = kept else { return };
        assert_eq!(wrapped(wrapper).life.get(), Life::Kept);
        if self.attached.get() {
            // SAFETY: nobody names it any more.
            unsafe { self.free_storage(wrapper) };
        } else {
            wrapped(wrapper).life.set(Life::PutOff);
            self.put_off(Deferred::Storage(wrapper), &wrapped(wrapper).link);
        }
    }

    fn put_off(&self, node: Deferred, link: &Cell<usize>) {
        let was_empty = self.put_off.borrow().is_empty();
        self.put_off.borrow_mut().push(node);
        // SAFETY: the node is ours, and becomes the list's.
        let was_first = unsafe { self.list.push(node, |to| link.set(to)) };
        assert_eq!(was_first, was_empty);
    }

    fn drain(&self) {
        let mut wanted = std::mem::take(&mut *self.put_off.borrow_mut());
        let outer = self.left.get();
        assert_eq!(
            (self.list.len(), self.list.is_empty()),
            (wanted.len() + outer, wanted.is_empty())
        );
        let link = |node: Deferred| match node {
            Deferred::Storage(wrapper) => wrapped(wrapper).link.get(),
            // SAFETY: holds are boxed links, until they are freed below.
            Deferred::Hold(hold) => unsafe { hold.cast::<Cell<usize>>().as_ref() }.get(),
        };
        // What is put off while the list is freed goes on the list again.
        let free = |node: Deferred| {
            assert_eq!(Some(node), wanted.pop(), "the list's order");
            self.left.set(outer + wanted.len());
            match node {
                // SAFETY: nobody else names it.
                Deferred::Storage(wrapper) => unsafe { self.free_storage(wrapper) },
                Deferred::Hold(hold) => {
                    // SAFETY: made by `Box::leak`, handed out once.
                    drop(unsafe { Box::from_raw(hold.cast::<Cell<usize>>().as_ptr()) });
                }
            }
            self.left.set(outer);
        };
        // SAFETY: the one thread there is, attached.
        unsafe { self.list.drain(link, free) };
        assert!(wanted.is_empty());
    }

    /// A reference to an object, made of the one picked.
    fn another(&self, pick: u8) -> Option<Object> {
        let strong = self.strong.borrow();
        let object = strong[at(&strong, pick)?];
        native(object).strong.set(native(object).strong.get() + 1);
        Some(object)
    }

    fn taken<T>(list: &RefCell<Vec<T>>, pick: u8) -> Option<T> {
        let mut list = list.borrow_mut();
        let place = at(&list, pick)?;
        Some(list.swap_remove(place))
    }

    fn play(&self, op: &TieOp) {
        match *op {
            TieOp::New(tied) => {
                if self.natives.borrow().len() < 24 {
                    let made = Box::new(Native {
                        word: AtomicUsize::new(0),
                        tied,
                        strong: Cell::new(1),
                        weak: Cell::new(0),
                        canon: Cell::new(Canon::Nobody),
                    });
                    self.strong
                        .borrow_mut()
                        .push(NonNull::from(&*made).cast::<c_void>());
                    self.natives.borrow_mut().push(made);
                }
            }
            TieOp::Clone(pick) => {
                if let Some(object) = self.another(pick) {
                    self.strong.borrow_mut().push(object);
                }
            }
            TieOp::Drop(pick) => {
                if let Some(object) = Self::taken(&self.strong, pick) {
                    // SAFETY: the reference is ours.
                    unsafe { self.dec_object(object) };
                }
            }
            TieOp::Weak(pick) => {
                let strong = self.strong.borrow();
                if let Some(place) = at(&strong, pick) {
                    let weak = &native(strong[place]).weak;
                    weak.set(weak.get() + 1);
                    self.weak.borrow_mut().push(strong[place]);
                }
            }
            TieOp::DropWeak(pick) => {
                if let Some(object) = Self::taken(&self.weak, pick) {
                    let native = native(object);
                    native.weak.set(native.weak.get() - 1);
                    if native.weak.get() == 0 && native.strong.get() == 0 {
                        self.delete_space(object);
                    }
                }
            }
            TieOp::Wrap(pick, along) => {
                let object = if along {
                    Self::taken(&self.strong, pick)
                } else {
                    self.another(pick)
                };
                if let Some(object) = object {
                    self.show(object);
                }
            }
            TieOp::Hit(pick) => {
                let strong = self.strong.borrow();
                let Some(place) = at(&strong, pick) else {
                    return;
                };
                let native = native(strong[place]);
                // SAFETY: alive by the reference.
                let found = unsafe { hit(self, &native.word) };
                let wanted = match native.canon.get() {
                    Canon::Active(wrapper) => Some(wrapper),
                    _ => None,
                };
                let wanted = wanted.filter(|&wrapper| wrapped(wrapper).life.get() == Life::Alive);
                assert_eq!(found, wanted);
                self.python.borrow_mut().extend(found);
            }
            TieOp::Adopt(pick) => {
                if let Some(object) = self.another(pick) {
                    self.construct(object);
                }
            }
            TieOp::IncPy(pick) => {
                let mut python = self.python.borrow_mut();
                if let Some(place) = at(&python, pick) {
                    let wrapper = python[place];
                    wrapped(wrapper).count.set(wrapped(wrapper).count.get() + 1);
                    python.push(wrapper);
                }
            }
            TieOp::DecPy(pick) | TieOp::Park(pick) => {
                if let Some(wrapper) = Self::taken(&self.python, pick) {
                    self.dec_py(wrapper, matches!(op, TieOp::Park(_)));
                }
            }
            TieOp::Unpark(pick) => {
                if let Some(wrapper) = Self::taken(&self.parked, pick) {
                    self.teardown(wrapper);
                }
            }
            TieOp::Release(pick) => {
                let python = self.python.borrow();
                let Some(place) = at(&python, pick) else {
                    return;
                };
                let wrapper = python[place];
                let held = wrapped(wrapper).handle.get();
                let canon = held.map(|object| &native(object).canon);
                if let Some(canon) = canon.filter(|canon| canon.get() == Canon::Active(wrapper)) {
                    canon.set(Canon::Nobody);
                }
                // SAFETY: alive by its reference, and not lent.
                assert_eq!(unsafe { release(self, wrapper) }, held);
                self.strong.borrow_mut().extend(held);
            }
            TieOp::Stateless(pick, stateless) => {
                let python = self.python.borrow();
                if let Some(place) = at(&python, pick) {
                    wrapped(python[place]).stateless.set(stateless);
                }
            }
            TieOp::FailFresh => self.fail_fresh.set(true),
            TieOp::Nest(ref program) => self.nested.borrow_mut().extend(program.iter().cloned()),
            TieOp::Attached(attached) => self.attached.set(attached),
            TieOp::Drain => self.drain(),
            TieOp::Hold => {
                let hold = NonNull::from(Box::leak(Box::new(Cell::new(0usize))));
                // SAFETY: just made.
                self.put_off(Deferred::Hold(hold.cast()), unsafe { hold.as_ref() });
            }
            TieOp::Gate(how) => self.gate(how),
            TieOp::Bits(bits) => bits_of(bits as usize),
        }
    }

    fn gate(&self, how: u8) {
        let mut inside = self.inside.borrow_mut();
        match how % 8 {
            0..=2 => {
                let entered = GATE.enter();
                assert_eq!(entered.is_none(), self.closed.get());
                inside.extend(entered);
            }
            3..=5 => drop(inside.pop()),
            6 => {
                assert_eq!(GATE.close(), inside.is_empty());
                self.closed.set(true);
            }
            _ => {
                inside.drain(..).for_each(std::mem::forget); // their threads are gone
                GATE.reset();
                self.closed.set(false);
            }
        }
        assert_eq!(
            (GATE.is_closed(), GATE.is_empty()),
            (self.closed.get(), inside.is_empty())
        );
    }

    fn compare(&self) {
        for object in self.natives.borrow().iter() {
            let here: Object = NonNull::from(&**object).cast();
            let wrappers = self.wrappers.borrow();
            let owning = wrappers
                .iter()
                .filter(|wrapped| wrapped.handle.get() == Some(here));
            let handles = owning
                .inspect(|wrapped| {
                    assert!(
                        matches!(wrapped.life.get(), Life::Alive | Life::Dying),
                        "I3"
                    );
                })
                .count();
            let held = self
                .strong
                .borrow()
                .iter()
                .filter(|&&held| held == here)
                .count();
            assert_eq!(
                object.strong.get() as usize,
                held + handles,
                "I1: a reference has an owner"
            );
            if object.strong.get() == 0 && object.weak.get() == 0 {
                continue;
            }
            let wanted = match object.canon.get() {
                Canon::Nobody => State::Detached,
                Canon::Active(wrapper) => {
                    assert_eq!(wrapped(wrapper).handle.get(), Some(here), "I3");
                    State::Active(wrapper)
                }
                Canon::Kept(wrapper) => {
                    assert_eq!(wrapped(wrapper).life.get(), Life::Kept);
                    State::Inactive(wrapper)
                }
            };
            assert_eq!(peek(&object.word).state(), wanted);
        }
    }
}

impl Play for World {
    type Op = TieOp;

    fn begin() -> Self {
        GATE.reset();
        Self {
            natives: RefCell::default(),
            wrappers: RefCell::default(),
            strong: RefCell::default(),
            weak: RefCell::default(),
            python: RefCell::default(),
            parked: RefCell::default(),
            nested: RefCell::default(),
            fail_fresh: Cell::new(false),
            attached: Cell::new(true),
            list: DeferredList::new(),
            put_off: RefCell::default(),
            left: Cell::new(0),
            inside: RefCell::default(),
            closed: Cell::new(false),
        }
    }

    fn apply(&mut self, op: &TieOp) {
        self.play(op);
        self.compare();
    }

    fn end(self) {
        self.nested.borrow_mut().clear();
        while let Some(wrapper) = Self::taken(&self.parked, 0) {
            self.teardown(wrapper);
        }
        while let Some(wrapper) = Self::taken(&self.python, 0) {
            self.dec_py(wrapper, false);
        }
        while !self.strong.borrow().is_empty() {
            self.play(&TieOp::Drop(0));
        }
        while !self.weak.borrow().is_empty() {
            self.play(&TieOp::DropWeak(0));
        }
        self.compare();
        self.drain();
        let natives = self.natives.borrow();
        assert!(
            natives.iter().all(|native| native.strong.get() == 0),
            "I1: an object lives on"
        );
        let wrappers = self.wrappers.borrow();
        assert!(
            wrappers
                .iter()
                .all(|wrapped| wrapped.life.get() == Life::Freed),
            "I2: kept for ever"
        );
        self.inside.borrow_mut().clear();
    }
}
