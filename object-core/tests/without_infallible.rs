//! Without the feature `infallible` nobody can call a panicking form by mistake: there is none.
//!
//! A type's own function is chosen before a trait's. So each line below compiles only if the type has
//! none of that name: with it the trait's result would have another type.

#![cfg(all(not(loom), not(feature = "infallible")))]

use std::marker::PhantomData;

use object_core::{
    Any, Array, Bytes, Function, ObjectArc, ObjectHeader, Str, UniqueObject, WithItems,
};

/// Says that it was the one to be called.
#[derive(Debug, PartialEq)]
struct Absent;

#[allow(
    clippy::new_ret_no_self,
    reason = "that it is another type is the test"
)]
trait Fallback: Sized {
    fn new(_: ObjectHeader) -> Absent {
        Absent
    }

    fn with_items(_: WithItems<ObjectHeader, u8>, _: usize, _: fn(usize) -> u8) -> Absent {
        Absent
    }

    fn from_packed(_: ()) -> Absent {
        Absent
    }
}

impl Fallback for ObjectArc<ObjectHeader> {}
impl Fallback for ObjectArc<WithItems<ObjectHeader, u8>> {}
impl Fallback for UniqueObject<ObjectHeader> {}
impl Fallback for Function {}

#[test]
fn no_panicking_constructor() {
    assert_eq!(ObjectArc::<ObjectHeader>::new(ObjectHeader::new()), Absent);
    assert_eq!(
        UniqueObject::<ObjectHeader>::new(ObjectHeader::new()),
        Absent
    );
    let head = WithItems::new(ObjectHeader::new());
    assert_eq!(
        ObjectArc::<WithItems<ObjectHeader, u8>>::with_items(head, 1, |_| 0),
        Absent
    );
    assert_eq!(Function::from_packed(()), Absent);
}

/// Whether `T` is made of an `F` by a conversion that would panic.
struct Conversion<T, F>(PhantomData<(T, F)>);

impl<T: From<F>, F> Conversion<T, F> {
    const THERE: bool = true;
}

struct Collection<T, F>(PhantomData<(T, F)>);

impl<T: FromIterator<F>, F> Collection<T, F> {
    const THERE: bool = true;
}

trait NotThere {
    const THERE: bool = false;
}

impl<T, F> NotThere for Conversion<T, F> {}
impl<T, F> NotThere for Collection<T, F> {}

#[test]
fn no_panicking_conversion() {
    const {
        assert!(
            Conversion::<Any, i64>::THERE,
            "the probe sees what is there"
        );
        assert!(!Conversion::<Str, &str>::THERE);
        assert!(!Conversion::<Bytes, &[u8]>::THERE);
        assert!(!Conversion::<Any, &str>::THERE);
        assert!(!Conversion::<ObjectArc<ObjectHeader>, ObjectHeader>::THERE);
        assert!(Collection::<Vec<i64>, i64>::THERE, "as above");
        assert!(!Collection::<Array, i64>::THERE);
    }
}
