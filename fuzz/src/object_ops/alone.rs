//! What the only reference to an object can do.

use std::sync::Arc;

use object_core::{ObjectArc, ObjectRef, UniqueObject, WithItems};

use super::World;
use super::ops::{Alone, Kind};
use super::twin::{Handle, Twin, is_alone};
use crate::arena::Backing;
use crate::objects::{Node, Noisy, Tells, Told, Wide};
use crate::quiet::quietly;

impl World {
    pub(super) fn alone(&mut self, handle: Handle, mut twin: Arc<Twin>, how: Alone) {
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
    pub(super) fn exchange_heads(
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

    pub(super) fn alone_as<T: Tells>(&mut self, object: ObjectRef, twin: Arc<Twin>, how: Alone) {
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
