//! Objects that a caller lets the callee take: taken once, by whoever comes first, and left where
//! they were by whoever cannot use them.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::ptr::null_mut;
use std::sync::Barrier;
use std::sync::atomic::{AtomicPtr, Ordering};

use common::{Drops, Noisy, Point, Point3};
use object_core::abi::{FieldKind, RawAny};
use object_core::{
    Any, AnyView, Object, ObjectArc, ObjectHeader, ObjectRef, Str, convert_for,
    type_index as index, type_info,
};

/// A caller's variable.
struct Variable(AtomicPtr<ObjectHeader>);

impl Variable {
    fn of<T: Object>(object: ObjectArc<T>) -> Self {
        Self(AtomicPtr::new(ObjectArc::into_raw(object).cast().as_ptr()))
    }

    fn view(&self) -> AnyView<'_> {
        let mut raw = RawAny {
            type_index: index::RVALUE_REF,
            ..RawAny::NONE
        };
        raw.value.pointer = self.0.as_ptr().cast();
        // SAFETY: the variable outlives the view.
        unsafe { AnyView::from_raw(raw) }
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}

impl Drop for Variable {
    fn drop(&mut self) {
        if let Some(object) = std::ptr::NonNull::new(self.0.swap(null_mut(), Ordering::Relaxed)) {
            // SAFETY: what is in the variable is the variable's.
            drop(unsafe { ObjectRef::from_raw(object) });
        }
    }
}

#[test]
fn a_moved_object_is_taken_with_its_reference() {
    let drops = Drops::new();
    let variable = Variable::of(Noisy::place(&drops));
    let taken = ObjectArc::<Noisy>::try_from(variable.view()).unwrap();
    assert!(variable.is_empty());
    assert_eq!(ObjectArc::strong_count(&taken), 1);
    // A second time there is nothing.
    let error = ObjectArc::<Noisy>::try_from(variable.view()).unwrap_err();
    assert_eq!(error.to_string(), "expected test.Noisy, got None");
    assert!(
        Option::<ObjectArc<Noisy>>::try_from(variable.view())
            .unwrap()
            .is_none()
    );
    assert!(variable.view().try_to_owned().unwrap().is_none());
    drop(taken);
    assert_eq!(drops.count(), 1);

    let variable = Variable::of(Noisy::place(&drops));
    drop(Any::try_from(variable.view()).unwrap());
    assert_eq!((drops.count(), variable.is_empty()), (2, true));
}

#[test]
fn an_object_of_the_wrong_type_stays_where_it_was() {
    let variable = Variable::of(ObjectArc::new(Point::at(3, 4)));
    let error = ObjectArc::<Point3>::try_from(variable.view()).unwrap_err();
    assert_eq!(error.to_string(), "expected test.Point3, got test.Point");
    let error = Str::try_from(variable.view()).unwrap_err();
    assert_eq!(error.to_string(), "expected str, got moved object");
    assert!(!variable.is_empty());
    assert_eq!(ObjectArc::<Point>::try_from(variable.view()).unwrap().x, 3);
}

#[test]
fn fields_take_a_moved_object_that_fits_and_leave_another() {
    let spec = |type_index| object_core::FieldSpec {
        name: "held",
        doc: "",
        kind: FieldKind::Object,
        value_kind: None,
        flags: 0,
        type_index,
    };
    let fields = [spec(Point::type_index().unwrap())];
    let number =
        object_core::register_reflected("moved.Holder", "", index::OBJECT, &fields).unwrap();
    let field = type_info(number).unwrap().field("held").unwrap();

    let variable = Variable::of(Noisy::place(&Drops::new()));
    let error = convert_for(field, variable.view()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: expected test.Point, got test.Noisy"
    );
    assert!(!variable.is_empty());

    let variable = Variable::of(ObjectArc::new(Point3::at(1, 2, 3)));
    assert!(
        convert_for(field, variable.view())
            .unwrap()
            .into_object::<Point3>()
            .is_ok()
    );
    let error = convert_for(field, variable.view()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: expected test.Point, got None"
    );
}

#[test]
fn of_many_threads_one_takes_it() {
    const THREADS: usize = 3;
    let (drops, many) = (Drops::new(), 100_000);
    let variables: Vec<Variable> = (0..many)
        .map(|_| Variable::of(Noisy::place(&drops)))
        .collect();
    let barrier = Barrier::new(THREADS);
    let taken = std::thread::scope(|scope| {
        let take = || {
            barrier.wait();
            let taken = variables
                .iter()
                .filter_map(|variable| ObjectArc::<Noisy>::try_from(variable.view()).ok());
            taken.collect::<Vec<_>>().len()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(take)).collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap());
        counts.sum::<usize>()
    });
    assert_eq!((taken, drops.count()), (many, many));
}
