//! Lifetimes of objects: every handle has a twin in the model, an `Arc` or a `Weak`, and every body
//! tells when it is dropped. Memory runs out at any point, destructors and constructors panic, blocks
//! come from three backings, with and without a frontend's word, and some objects are counted by
//! the runtime's slow functions.

#![allow(
    clippy::result_large_err,
    reason = "a value that found no room comes back as it is"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use alloc_header::{DEFAULT_BACKING, REGISTRY};
use object_core::{
    DropScope, NewError, Object, ObjectArc, ObjectRef, PlaceError, WeakObjectArc, WithItems,
    is_instance, runtime,
};

use crate::arena::{ARENAS, Backing, is_tied, set_ties};
use crate::heap::failing;
use crate::objects::{Node, Noisy, Point, Told, Wide, drops};
use crate::program::{Play, at};
use crate::quiet::{self, Panicked, quietly};

mod alone;
mod ops;
mod twin;

pub use ops::{Alone, Kind, Making, ObjectOp};
use twin::{Handle, Twin};

/// Handles and their twins.
pub struct World {
    strong: Vec<(Handle, Arc<Twin>)>,
    weak: Vec<(WeakObjectArc<object_core::ObjectHeader>, Weak<Twin>)>,
    drops: Arc<AtomicU64>,
    next_id: u16,
    backing: Backing,
}

impl Play for World {
    type Op = ObjectOp;

    fn begin() -> Self {
        Self {
            strong: Vec::new(),
            weak: Vec::new(),
            drops: Arc::new(AtomicU64::new(drops())),
            next_id: 0,
            backing: Backing::Default,
        }
    }

    fn apply(&mut self, op: &ObjectOp) {
        // A destructor's panic ends where the object ends.
        quietly(|| self.play(op)).expect("a destructor's panic came out of a drop");
        self.compare();
    }

    fn end(mut self) {
        let strong = std::mem::take(&mut self.strong);
        quietly(|| drop(strong)).expect("a destructor's panic came out of a drop");
        self.compare();
        self.weak.clear();
        REGISTRY.set_backing(&DEFAULT_BACKING);
        set_ties(false);
        for arena in &ARENAS {
            arena.allocator().tidy();
        }
    }
}

impl World {
    fn play(&mut self, op: &ObjectOp) {
        match *op {
            ObjectOp::New {
                kind,
                bomb,
                next,
                fail,
            } => self.new_object(kind, bomb, next, fail),
            ObjectOp::Items {
                len,
                making,
                stop,
                bomb,
                fail,
            } => {
                self.new_items(len, making, stop, bomb, fail);
            }
            ObjectOp::Chain(len) => self.chain(len),
            ObjectOp::Backing(backing, ties) => {
                REGISTRY.set_backing(backing.entry());
                set_ties(ties);
                self.backing = backing;
            }
            ObjectOp::CloneWeak(pick) | ObjectOp::DropWeak(pick) | ObjectOp::Upgrade(pick) => {
                if let Some(place) = at(&self.weak, pick) {
                    self.act_on_weak(op, place);
                }
            }
            ObjectOp::Drop(pick) => {
                if let Some(place) = at(&self.strong, pick) {
                    let _scope = DropScope::open();
                    self.strong.swap_remove(place);
                }
            }
            ObjectOp::Alone(pick, how) => {
                if let Some(place) = at(&self.strong, pick) {
                    let (handle, twin) = self.strong.swap_remove(place);
                    self.alone(handle, twin, how);
                }
            }
            ObjectOp::Clone(pick)
            | ObjectOp::Downgrade(pick)
            | ObjectOp::Raw(pick)
            | ObjectOp::Table(pick)
            | ObjectOp::Cast(pick)
            | ObjectOp::Slow(pick) => {
                if let Some(place) = at(&self.strong, pick) {
                    self.act_on_strong(op, place);
                }
            }
        }
    }

    fn compare(&self) {
        assert_eq!(
            drops(),
            self.drops.load(Ordering::Relaxed),
            "bodies dropped"
        );
        for (handle, twin) in &self.strong {
            let (strong, weak) = handle.counts();
            assert_eq!(strong as usize, Arc::strong_count(twin));
            assert_eq!(weak as usize, Arc::weak_count(twin));
        }
    }

    fn id(&mut self) -> u16 {
        self.next_id += 1;
        self.next_id
    }

    fn twin(&self, kind: Kind, id: u16, bomb: bool) -> Twin {
        Twin {
            kind,
            id,
            bomb,
            items: Vec::new(),
            next: None,
            slow: AtomicBool::new(false),
            drops: self.drops.clone(),
        }
    }

    /// What came of a constructor: kept with its twin, or given back whole.
    fn settle<T: Object>(
        &mut self,
        made: Result<ObjectArc<T>, PlaceError<T>>,
        twin: Twin,
        dry: bool,
    ) {
        let bomb = twin.bomb;
        match made {
            Ok(object) => {
                let header = ObjectArc::header(&object);
                assert!(header.is_headed());
                let body = ObjectArc::as_ptr(&object);
                assert!(body.is_aligned());
                // SAFETY: headed, as just found.
                unsafe { is_tied(body.cast()) };
                self.strong.push((Handle::of(object), Arc::new(twin)));
            }
            Err(PlaceError { value, cause }) => {
                assert!(dry && matches!(cause, NewError::Alloc(_)), "{cause:?}");
                assert_eq!(
                    drops(),
                    self.drops.load(Ordering::Relaxed),
                    "the value was dropped, not given back"
                );
                drop(twin);
                assert_eq!(quietly(|| drop(value)).is_err(), bomb);
            }
        }
    }

    fn new_object(&mut self, kind: Kind, bomb: bool, next: u8, fail: usize) {
        let id = self.id();
        let mut twin = self.twin(kind, id, bomb);
        let told = Told { id, bomb };
        let failing_backing = self.backing == Backing::Failing;
        match kind {
            Kind::Noisy | Kind::Items => {
                let (made, failed) = failing(fail, || ObjectArc::try_new(Noisy::new(told)));
                self.settle(made, twin, failed || failing_backing);
            }
            Kind::Wide => {
                let (made, failed) = failing(fail, || ObjectArc::try_new(Wide::new(told)));
                self.settle(made, twin, failed || failing_backing);
            }
            Kind::Node => {
                let held = at(&self.strong, next).filter(|_| next % 4 != 0);
                let held = held.map(|place| self.strong[place].clone());
                twin.next = held.as_ref().map(|(_, twin)| twin.clone());
                let node = Node::new(told, held.map(|(handle, _)| handle.as_ref()));
                let (made, failed) = failing(fail, || ObjectArc::try_new(node));
                self.settle(made, twin, failed || failing_backing);
            }
        }
    }

    fn new_items(&mut self, len: usize, making: Making, stop: usize, bomb: usize, fail: usize) {
        let id = self.id();
        let mut twin = self.twin(Kind::Items, id, false);
        let ids: Vec<u16> = (0..len).map(|_| self.id()).collect();
        let head = WithItems::new(Noisy::new(Told { id, bomb: false }));
        // A destructor that panics while a panic unwinds aborts: none of both at once.
        let bomb = if making == Making::Panics { len } else { bomb };
        // Nor may a panic find no memory.
        let fail = if making == Making::Panics || bomb < len {
            0
        } else {
            fail
        };
        let mut called = 0;
        let (outcome, failed) = failing(fail, || {
            quietly(|| {
                ObjectArc::try_with_items_fallible(head, len, |i| {
                    called += 1;
                    match making {
                        Making::Fails if i == stop => return Err(i),
                        Making::Panics if i == stop => quiet::panic(),
                        _ => {}
                    }
                    Ok(Told {
                        id: ids[i],
                        bomb: i == bomb,
                    })
                })
            })
        });
        let dry = failed || self.backing == Backing::Failing;
        let stopped = making != Making::Goes && stop < len;
        match outcome {
            Ok(Ok(Ok(object))) => {
                assert!(!stopped && called == len);
                assert_eq!(
                    ObjectArc::items(&object)
                        .iter()
                        .map(|told| told.id)
                        .collect::<Vec<_>>(),
                    ids
                );
                twin.items = ids;
                self.strong.push((Handle::Items(object), Arc::new(twin)));
            }
            Ok(Err(PlaceError { value, .. })) => {
                assert!(dry && called == 0);
                drop((value, twin));
            }
            // What was made so far was dropped, and the head.
            Ok(Ok(Err(index))) => {
                assert!(making == Making::Fails && index == stop && called == stop + 1);
                twin.items = ids[..stop].to_vec();
                drop(twin);
            }
            Err(Panicked) => {
                assert!(stopped && (making == Making::Panics || bomb < stop));
                twin.items = ids[..stop].to_vec();
                drop(twin);
            }
        }
    }

    fn chain(&mut self, len: u8) {
        let mut held: Option<(ObjectRef, Arc<Twin>)> = None;
        for _ in 0..len {
            let id = self.id();
            let mut twin = self.twin(Kind::Node, id, false);
            let (object, next) = held.take().unzip();
            twin.next = next;
            match ObjectArc::try_new(Node::new(Told { id, bomb: false }, object)) {
                Ok(node) => held = Some((ObjectArc::upcast(node), Arc::new(twin))),
                Err(error) => {
                    assert_eq!(self.backing, Backing::Failing);
                    drop(twin);
                    drop(error);
                }
            }
        }
        if let Some((object, twin)) = held {
            self.strong.push((Handle::Any(object), twin));
        }
    }

    fn act_on_weak(&mut self, op: &ObjectOp, place: usize) {
        match op {
            ObjectOp::CloneWeak(_) => self.weak.push(self.weak[place].clone()),
            ObjectOp::DropWeak(_) => drop(self.weak.swap_remove(place)),
            _ => {
                let (weak, twin) = &self.weak[place];
                match (weak.upgrade(), twin.upgrade()) {
                    (Some(object), Some(twin)) => self.strong.push((Handle::Any(object), twin)),
                    (None, None) => {}
                    (object, _) => panic!("alive to one of the two: {}", object.is_some()),
                }
            }
        }
    }

    fn act_on_strong(&mut self, op: &ObjectOp, place: usize) {
        let (handle, twin) = self.strong[place].clone();
        match *op {
            ObjectOp::Clone(_) => self.strong.push((handle, twin)),
            ObjectOp::Downgrade(_) => {
                let weak = ObjectArc::downgrade(&handle.as_ref());
                self.weak.push((weak, Arc::downgrade(&twin)));
            }
            ObjectOp::Raw(_) => {
                let raw = ObjectArc::into_raw(handle.as_ref());
                // SAFETY: the reference that `into_raw` gave, which lives for the borrow.
                let (again, borrowed) =
                    unsafe { (ObjectRef::from_borrowed(raw), ObjectRef::from_raw(raw)) };
                assert!(ObjectArc::ptr_eq(&again, &borrowed));
                let weak = WeakObjectArc::into_raw(ObjectArc::downgrade(&again));
                // SAFETY: the weak reference that `into_raw` gave.
                let weak = unsafe { WeakObjectArc::from_raw(weak) };
                assert!(weak.clone().ptr_eq(&weak));
            }
            ObjectOp::Table(_) => {
                let object = ObjectArc::as_ptr(&handle.as_ref()).as_ptr();
                let table = runtime();
                // SAFETY: alive, and each reference taken is given back.
                unsafe {
                    (table.inc_ref)(object);
                    (table.inc_weak)(object);
                    assert_eq!((table.upgrade)(object), 1);
                    (table.dec_ref)(object);
                    (table.dec_weak)(object);
                    (table.dec_ref)(object);
                }
            }
            ObjectOp::Cast(_) => casts(&handle.as_ref(), twin.kind),
            ObjectOp::Slow(_) => {
                // SAFETY: the runtime's slow functions are plain arithmetic, for any object.
                unsafe { ObjectArc::header(&handle.as_ref()).counts().set_shared() };
                twin.slow.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// Casts succeed for the object's type and its ancestors, and give the handle back otherwise.
fn casts(object: &ObjectRef, kind: Kind) {
    fn cast<T: Object>(object: &ObjectRef, wanted: bool) {
        assert_eq!(ObjectArc::check::<T>(object).is_ok(), wanted);
        match ObjectArc::downcast::<T>(object.clone()) {
            Ok(cast) => assert!(wanted && ObjectArc::ptr_eq(&cast, object)),
            Err(same) => assert!(!wanted && ObjectArc::ptr_eq(&same, object)),
        }
        let (got, ancestor) = (ObjectArc::header(object).type_index(), T::type_index());
        assert_eq!(is_instance(got, ancestor.expect("registered")), wanted);
    }
    cast::<Noisy>(object, true);
    cast::<Node>(object, kind == Kind::Node);
    cast::<Wide>(object, kind == Kind::Wide);
    cast::<Point>(object, false);
}
