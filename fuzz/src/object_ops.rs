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
    DropScope, NewError, Object, ObjectArc, ObjectRef, PlaceError, UniqueObject, WeakObjectArc,
    WithItems, is_instance, runtime,
};

use crate::arena::{ARENAS, Backing, is_tied, set_ties};
use crate::heap::failing;
use crate::objects::{Node, Noisy, Point, Tells, Told, Wide, drops, told};
use crate::program::{Op, Play, Reader, at};
use crate::quiet::{self, Panicked, quietly};

/// What kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Noisy`].
    Noisy,
    /// [`Node`].
    Node,
    /// [`Wide`].
    Wide,
    /// [`Noisy`] with [`Told`] items behind it.
    Items,
}

/// What making an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// It is made.
    Goes,
    /// It fails.
    Fails,
    /// It panics.
    Panics,
}

/// What is done to an object while it is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// Shared again.
    Share,
    /// Dropped.
    Drop,
    /// The value is moved out and dropped.
    MoveOut,
    /// The value is moved out and placed again.
    MoveOn,
    /// The whole value is exchanged with another one, header and all.
    Exchange,
}

/// An operation.
#[derive(Debug)]
pub enum ObjectOp {
    /// A new object.
    New {
        /// Of this kind.
        kind: Kind,
        /// Its drop panics.
        bomb: bool,
        /// For nodes: holds this one.
        next: u8,
        /// The heap's n-th allocation fails.
        fail: usize,
    },
    /// A new object with items.
    Items {
        /// How many.
        len: usize,
        /// What making the one at `stop` does.
        making: Making,
        /// See above.
        stop: usize,
        /// The one whose drop panics.
        bomb: usize,
        /// The heap's n-th allocation fails.
        fail: usize,
    },
    /// Nodes, each holding the one before; then only the last is held.
    Chain(u8),
    /// Another strong reference.
    Clone(u8),
    /// A strong reference goes.
    Drop(u8),
    /// A weak reference of a strong one.
    Downgrade(u8),
    /// Another weak reference.
    CloneWeak(u8),
    /// A weak reference goes.
    DropWeak(u8),
    /// A strong reference of a weak one.
    Upgrade(u8),
    /// A handle becomes an address and back.
    Raw(u8),
    /// The runtime's table counts up and down.
    Table(u8),
    /// Casts to every type.
    Cast(u8),
    /// What a unique handle can do.
    Alone(u8, Alone),
    /// The runtime counts from here on.
    Slow(u8),
    /// Another backing; with the frontend's word, or without.
    Backing(Backing, bool),
}

fn fail(from: &mut Reader<'_>) -> usize {
    from.byte().saturating_sub(240).into()
}

impl Op for ObjectOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        match from.byte() % 24 {
            0..=3 => Self::New {
                kind: [Kind::Noisy, Kind::Node, Kind::Wide][from.below(3)],
                bomb: from.byte() % 16 == 1,
                next: from.byte(),
                fail: fail(from),
            },
            4 | 5 => {
                let len = from.below(9);
                let (making, stop) = match from.byte() {
                    stop @ 0..=31 => (Making::Fails, stop),
                    stop @ 32..=39 => (Making::Panics, stop - 32),
                    _ => (Making::Goes, 0),
                };
                let bomb = usize::from(from.byte());
                Self::Items {
                    len,
                    making,
                    stop: stop.into(),
                    bomb,
                    fail: fail(from),
                }
            }
            6 => Self::Chain(from.byte() % 80),
            7 | 8 => Self::Clone(from.byte()),
            9..=11 => Self::Drop(from.byte()),
            12 => Self::Downgrade(from.byte()),
            13 => Self::CloneWeak(from.byte()),
            14 => Self::DropWeak(from.byte()),
            15 | 16 => Self::Upgrade(from.byte()),
            17 => Self::Raw(from.byte()),
            18 => Self::Table(from.byte()),
            19 => Self::Cast(from.byte()),
            20 | 21 => Self::Alone(
                from.byte(),
                [
                    Alone::Share,
                    Alone::Drop,
                    Alone::MoveOut,
                    Alone::MoveOn,
                    Alone::Exchange,
                ][from.below(5)],
            ),
            22 => Self::Slow(from.byte()),
            _ => Self::Backing(Backing::from_byte(from.byte()), from.flag()),
        }
    }
}

/// What an object's body is to the model.
struct Twin {
    kind: Kind,
    id: u16,
    bomb: bool,
    items: Vec<u16>,
    next: Option<Arc<Twin>>,
    /// Counted by the slow functions.
    slow: AtomicBool,
    /// What drops have been told of in the model.
    drops: Arc<AtomicU64>,
}

impl Drop for Twin {
    fn drop(&mut self) {
        let own = self
            .items
            .iter()
            .fold(told(self.id), |sum, &id| sum.wrapping_add(told(id)));
        self.drops.fetch_add(own, Ordering::Relaxed);
    }
}

/// A handle, by what it was made as.
#[derive(Clone)]
enum Handle {
    Any(ObjectRef),
    Items(ObjectArc<WithItems<Noisy, Told>>),
}

impl Handle {
    fn of<T: Object>(object: ObjectArc<T>) -> Self {
        Self::Any(ObjectArc::upcast(object))
    }

    fn as_ref(&self) -> ObjectRef {
        match self {
            Self::Any(object) => object.clone(),
            Self::Items(object) => ObjectArc::upcast(object.clone()),
        }
    }

    fn counts(&self) -> (u32, u32) {
        match self {
            Self::Any(object) => (
                ObjectArc::strong_count(object),
                ObjectArc::weak_count(object),
            ),
            Self::Items(object) => (
                ObjectArc::strong_count(object),
                ObjectArc::weak_count(object),
            ),
        }
    }
}

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

    fn alone(&mut self, handle: Handle, mut twin: Arc<Twin>, how: Alone) {
        match (handle, twin.kind) {
            (Handle::Items(object), _) => {
                let unique = is_alone(&twin);
                match ObjectArc::try_unique(object) {
                    Ok(mut object) => {
                        assert!(unique);
                        let ids: Vec<u16> = UniqueObject::items_mut(&mut object)
                            .iter_mut()
                            .map(|told| told.id)
                            .collect();
                        assert_eq!(ids, twin.items);
                        if how == Alone::Exchange {
                            self.exchange_heads(&mut object, &mut twin);
                        }
                        if how == Alone::Drop {
                            drop((object, twin));
                        } else {
                            let object = UniqueObject::share(object);
                            self.strong.push((Handle::Items(object), twin));
                        }
                    }
                    Err(object) => {
                        assert!(!unique);
                        self.strong.push((Handle::Items(object), twin));
                    }
                }
            }
            (Handle::Any(object), Kind::Noisy) => self.alone_as::<Noisy>(object, twin, how),
            (Handle::Any(object), Kind::Wide) => self.alone_as::<Wide>(object, twin, how),
            (Handle::Any(object), Kind::Node) => self.alone_as::<Node>(object, twin, how),
            // An item array by its head's type: nobody gets `&mut` to a part of it.
            (Handle::Any(object), Kind::Items) => {
                let object = ObjectArc::downcast::<Noisy>(object).expect("its head");
                let object = ObjectArc::try_unique(object).expect_err("only a part of the object");
                self.strong.push((Handle::of(object), twin));
            }
        }
    }

    /// A head and the value of another object trade places, headers and all; the items stay.
    fn exchange_heads(
        &mut self,
        object: &mut UniqueObject<WithItems<Noisy, Told>>,
        twin: &mut Arc<Twin>,
    ) {
        let id = self.id();
        let mut other_twin = self.twin(Kind::Noisy, id, false);
        match UniqueObject::try_new(Noisy::new(Told { id, bomb: false })) {
            Ok(mut other) => {
                std::mem::swap(UniqueObject::head_mut(object), &mut *other);
                let twin = Arc::get_mut(twin).expect("unique");
                std::mem::swap(&mut twin.id, &mut other_twin.id);
                drop((other, other_twin));
            }
            Err(error) => drop((error, other_twin)),
        }
    }

    fn alone_as<T: Tells>(&mut self, object: ObjectRef, twin: Arc<Twin>, how: Alone) {
        // By another type it is never unique.
        let object = ObjectArc::try_unique(object).expect_err("only its head");
        let object = ObjectArc::downcast::<T>(object).expect("made as one");
        let unique = is_alone(&twin);
        let mut object = match ObjectArc::try_unique(object) {
            Ok(object) => object,
            Err(object) => {
                assert!(!unique);
                self.strong.push((Handle::of(object), twin));
                return;
            }
        };
        assert!(unique);
        assert_eq!(object.told_mut().id, twin.id);
        match how {
            Alone::Share => {
                self.strong
                    .push((Handle::of(UniqueObject::share(object)), twin));
            }
            Alone::Drop => {
                drop((object, twin));
            }
            Alone::MoveOut => {
                let value = UniqueObject::into_value(object);
                let bomb = twin.bomb;
                drop(twin);
                assert_eq!(quietly(|| drop(value)).is_err(), bomb);
            }
            Alone::MoveOn => {
                let twin = Arc::into_inner(twin).expect("unique");
                let value = UniqueObject::into_value(object);
                self.settle(
                    ObjectArc::try_new(value),
                    twin,
                    self.backing == Backing::Failing,
                );
            }
            Alone::Exchange => {
                let id = self.id();
                let other_twin = self.twin(twin.kind, id, false);
                match UniqueObject::try_new(T::make(Told { id, bomb: false })) {
                    Ok(mut other) => {
                        std::mem::swap(&mut *object, &mut *other);
                        self.strong
                            .push((Handle::of(UniqueObject::share(object)), other_twin.into()));
                        self.strong
                            .push((Handle::of(UniqueObject::share(other)), twin));
                    }
                    Err(error) => {
                        self.strong
                            .push((Handle::of(UniqueObject::share(object)), twin));
                        drop((error, other_twin));
                    }
                }
            }
        }
    }
}

/// Whether the model says that there is one reference, of any kind.
fn is_alone(twin: &Arc<Twin>) -> bool {
    Arc::strong_count(twin) == 1 && Arc::weak_count(twin) == 0 && !twin.slow.load(Ordering::Relaxed)
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
