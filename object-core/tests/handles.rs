//! Strong, weak and unique handles: what they count, what they free, and what they refuse.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use core::ffi::c_void;
use core::ptr::NonNull;

use common::heap::{Heap, live};
use common::{Drops, Noisy, Point, Point3, baseline};
use object_core::{
    Any, AnyView, Error, Function, FunctionObj, Object, ObjectArc, ObjectHeader, ObjectRef,
    OpaqueObj, UniqueObject, WeakObjectArc, WithItems, type_index,
};

#[global_allocator]
static HEAP: Heap = Heap;

#[test]
fn a_new_object_has_its_values_one_reference_and_the_proof() {
    let point = ObjectArc::new(Point::at(3, 4));
    assert_eq!((point.x, point.y), (3, 4));
    assert_eq!(
        (
            ObjectArc::strong_count(&point),
            ObjectArc::weak_count(&point)
        ),
        (1, 0)
    );
    let header = ObjectArc::header(&point);
    assert!(header.is_headed());
    assert_eq!(header.type_index(), Point::type_index().unwrap());
    assert!(format!("{point:?}").starts_with("Point"));
}

#[test]
fn clones_count_and_the_last_one_drops_the_object_once() {
    let (drops, before) = (Drops::new(), baseline());
    let first = Noisy::place(&drops);
    let second = first.clone();
    assert!(ObjectArc::ptr_eq(&first, &second));
    assert_eq!(ObjectArc::strong_count(&first), 2);
    drop(first);
    assert_eq!((ObjectArc::strong_count(&second), drops.count()), (1, 0));
    drop(second);
    assert_eq!((drops.count(), live()), (1, before));
}

#[test]
fn a_weak_reference_keeps_the_space_and_not_the_object() {
    let (drops, before) = (Drops::new(), baseline());
    let strong = Noisy::place(&drops);
    let weak = ObjectArc::downgrade(&strong);
    let other = weak.clone();
    assert_eq!(ObjectArc::weak_count(&strong), 2);
    assert!(weak.ptr_eq(&other));
    let upgraded = weak.upgrade().unwrap();
    assert!(ObjectArc::ptr_eq(&upgraded, &strong));
    drop((strong, upgraded));
    assert_eq!((drops.count(), live()), (1, before + 1));
    assert!(weak.upgrade().is_none());
    drop(weak);
    assert_eq!(live(), before + 1);
    drop(other);
    assert_eq!((drops.count(), live()), (1, before));
}

#[test]
fn weak_references_to_nothing_upgrade_to_nothing() {
    let weak = WeakObjectArc::<Point>::null();
    assert!(weak.upgrade().is_none() && weak.clone().upgrade().is_none());
    assert!(WeakObjectArc::into_raw(weak).is_null());
    // SAFETY: null is nothing.
    let null = unsafe { WeakObjectArc::<Point>::from_raw(core::ptr::null_mut()) };
    assert!(null.upgrade().is_none());
}

#[test]
fn addresses_carry_the_reference_there_and_back() {
    let (drops, before) = (Drops::new(), baseline());
    let raw = ObjectArc::into_raw(Noisy::place(&drops));
    // SAFETY: the address is alive, by the reference that `into_raw` gave away.
    let borrowed = unsafe { ObjectArc::from_borrowed(raw) };
    assert_eq!(ObjectArc::strong_count(&borrowed), 2);
    assert_eq!(ObjectArc::as_ptr(&borrowed), raw);
    let weak = WeakObjectArc::into_raw(ObjectArc::downgrade(&borrowed));
    drop(borrowed);
    // SAFETY: both take back what was given away.
    let (strong, weak) = unsafe { (ObjectArc::from_raw(raw), WeakObjectArc::from_raw(weak)) };
    assert_eq!(ObjectArc::weak_count(&strong), 1);
    drop(strong);
    assert!(weak.upgrade().is_none());
    drop(weak);
    assert_eq!((drops.count(), live()), (1, before));
}

#[test]
fn casts_go_up_freely_and_down_by_the_table() {
    let heir = ObjectArc::new(Point3::at(1, 2, 3));
    let number = Point3::type_index().unwrap();
    let parent: ObjectArc<Point> = ObjectArc::upcast(heir.clone());
    assert_eq!(
        (parent.x, ObjectArc::header(&parent).type_index()),
        (1, number)
    );
    let root: ObjectRef = ObjectArc::upcast(parent);
    assert_eq!(ObjectArc::downcast::<Point3>(root.clone()).unwrap().z, 3);
    let refused = ObjectArc::downcast::<Noisy>(root).unwrap_err();
    let error = ObjectArc::check::<Noisy>(&refused).unwrap_err();
    assert_eq!(error.to_string(), "expected test.Noisy, got test.Point3");
    assert_eq!((error.expected(), error.got()), ("test.Noisy", number));

    let plain: ObjectRef = ObjectArc::upcast(ObjectArc::new(Point::at(0, 0)));
    assert!(
        ObjectArc::downcast::<Point3>(plain).is_err(),
        "a parent is no heir"
    );
    drop(refused);
    assert_eq!(ObjectArc::strong_count(&heir), 1);
}

#[test]
fn a_unique_object_is_changed_and_then_shared() {
    let mut unique = UniqueObject::new(Point::at(1, 1));
    unique.x = 5;
    let shared = UniqueObject::share(unique);
    assert_eq!((shared.x, ObjectArc::strong_count(&shared)), (5, 1));

    let clone = shared.clone();
    let shared = ObjectArc::try_unique(shared).unwrap_err();
    drop(clone);
    let weak = ObjectArc::downgrade(&shared);
    let shared = ObjectArc::try_unique(shared).unwrap_err();
    drop(weak);
    let mut unique = ObjectArc::try_unique(shared).unwrap();
    unique.y = 6;
    assert_eq!(UniqueObject::share(unique).y, 6);
}

#[test]
fn headers_written_over_while_unique_are_restored() {
    let (drops, before) = (Drops::new(), baseline());
    let (mut one, mut two) = (
        UniqueObject::new(Noisy::new(&drops)),
        UniqueObject::new(Noisy::new(&drops)),
    );
    std::mem::swap(&mut *one, &mut *two);
    *one = Noisy::new(&drops); // a header that proves nothing
    assert_eq!(drops.count(), 1);
    let shared = UniqueObject::share(one);
    assert!(ObjectArc::header(&shared).is_headed());
    assert_eq!(
        ObjectArc::header(&shared).type_index(),
        Noisy::type_index().unwrap()
    );
    *two = Noisy::new(&drops);
    drop((shared, two));
    assert_eq!((drops.count(), live()), (4, before));
}

#[test]
fn a_value_moved_out_proves_nothing_and_its_block_is_freed() {
    let (drops, before) = (Drops::new(), baseline());
    let point = UniqueObject::into_value(UniqueObject::new(Point::at(7, 8)));
    assert_eq!((point.x, live()), (7, before));
    assert!(!point.header.is_headed());
    assert_eq!(point.header.counts().strong(), 1);
    assert_eq!(ObjectArc::new(point).y, 8);

    drop(UniqueObject::into_value(UniqueObject::new(Noisy::new(
        &drops,
    ))));
    assert_eq!((drops.count(), live()), (1, before));
}

/// `&mut` lets a value leave as well: the proof is its block's, and stays there.
#[test]
fn a_value_exchanged_while_unique_proves_nothing() {
    let before = baseline();
    let proof = |point: Point| point.header.is_headed();
    let mut unique = UniqueObject::new(Point::at(1, 2));
    assert!(!proof(std::mem::replace(&mut *unique, Point::at(3, 4))));
    let mut unique = ObjectArc::try_unique(UniqueObject::share(unique)).unwrap();
    assert!(!proof(std::mem::replace(&mut *unique, Point::at(5, 6))));
    assert!(ObjectArc::header(&UniqueObject::share(unique)).is_headed());

    let items = ObjectArc::with_items(WithItems::new(Point::at(7, 8)), 3, |i| i as u8);
    let mut items = ObjectArc::try_unique(items).unwrap();
    let head = UniqueObject::head_mut(&mut items);
    assert!(!proof(std::mem::replace(head, Point::at(9, 10))));
    let items = UniqueObject::share(items);
    assert!(ObjectArc::header(&items).is_headed());
    assert_eq!((ObjectArc::items(&items), items.x), (&[0, 1, 2][..], 9));
    drop(items);
    assert_eq!(live(), before);
}

/// Refused, and given back whole.
fn refuses_unique<T: Object + std::fmt::Debug>(object: ObjectArc<T>) {
    let header = ObjectArc::header(&object);
    assert_eq!((header.counts().strong(), header.counts().weak()), (1, 0));
    let back = ObjectArc::try_unique(object).expect_err("not exactly a T");
    assert_eq!(ObjectArc::strong_count(&back), 1);
}

#[test]
fn what_could_be_more_than_its_handle_says_is_never_unique() {
    let before = baseline();
    // An heir, seen as its parent.
    refuses_unique::<Point>(ObjectArc::upcast(ObjectArc::new(Point3::at(1, 2, 3))));
    refuses_unique::<ObjectHeader>(ObjectArc::upcast(ObjectArc::new(Point::at(1, 2))));
    // Items behind a head of the same number.
    let items = ObjectArc::with_items(WithItems::new(Point::at(1, 2)), 3, |i| i as u8);
    let head: ObjectRef = ObjectArc::into_head(items);
    refuses_unique(ObjectArc::downcast::<Point>(head).unwrap());
    // Closures of different types share their number; heads that trade places would mix them up.
    let text = String::from("captured");
    let closure = Function::from_packed(move |_: &[AnyView<'_>]| -> Result<Any, Error> {
        Ok((text.len() as i64).into())
    });
    refuses_unique::<FunctionObj>(closure.into_object());
    // An error points into itself.
    refuses_unique(Error::new("ValueError", "short").into_object());
    refuses_unique(ObjectArc::new(OpaqueObj::new(core::ptr::null_mut())));
    assert_eq!(live(), before);
}

/// Nothing but the space of a plain object goes: its deleter is not asked. One that only drops no other
/// object may still have something to do.
#[test]
fn a_plain_object_is_freed_without_its_deleter_and_no_other_is() {
    use core::sync::atomic::{AtomicI32, Ordering};
    use object_core::header::flags::{HEADED, LEAF, PLAIN};

    static BITS: AtomicI32 = AtomicI32::new(0);
    unsafe extern "C" fn deleter(object: *mut c_void, bits: i32) {
        BITS.fetch_add(bits, Ordering::Relaxed);
        if bits & object_core::header::DELETE_SPACE != 0 {
            // SAFETY: made below, in a headed block.
            unsafe { object_core::alloc_header::delete(NonNull::new_unchecked(object)) };
        }
    }
    let before = baseline();
    for (extra, asked) in [(LEAF | PLAIN, 0), (LEAF, 3), (0, 3)] {
        let body = object_core::registry()
            .allocate(size_of::<ObjectHeader>(), 8, 0)
            .unwrap();
        let body = body.cast::<ObjectHeader>();
        // SAFETY: a headed block for a header and nothing more; its one reference.
        let object = unsafe {
            ObjectHeader::place(body, type_index::OBJECT, extra, deleter);
            ObjectRef::from_raw(body)
        };
        drop(object);
        assert_eq!((BITS.swap(0, Ordering::Relaxed), live()), (asked, before));
    }

    let bits = |header: &ObjectHeader| header.flags() & (HEADED | PLAIN);
    assert_eq!(
        bits(ObjectArc::header(&ObjectArc::new(Point::at(1, 2)))),
        HEADED | PLAIN
    );
    let noisy = ObjectArc::new(Noisy::new(&Drops::new()));
    assert_eq!(bits(ObjectArc::header(&noisy)), HEADED);
    let mut unique = UniqueObject::new(Point::at(3, 4));
    let left = std::mem::replace(&mut *unique, Point::at(5, 6));
    assert_eq!(
        bits(&left.header),
        0,
        "a value that left its block proves nothing"
    );
    assert_eq!(
        bits(ObjectArc::header(&UniqueObject::share(unique))),
        HEADED | PLAIN
    );
    // A weak reference keeps the space.
    let watched = ObjectArc::new(Point::at(7, 8));
    let weak = ObjectArc::downgrade(&watched);
    drop(watched);
    assert!(weak.upgrade().is_none());
    drop((weak, noisy));
    assert_eq!(live(), before);
}

#[test]
fn objects_of_foreign_code_are_counted_deleted_and_never_unique() {
    #[repr(C)]
    struct Foreign {
        header: ObjectHeader,
        bits: core::sync::atomic::AtomicI32,
    }
    unsafe extern "C" fn deleter(object: *mut c_void, bits: i32) {
        // SAFETY: the object below, which lives on its test's stack.
        unsafe {
            (*object.cast::<Foreign>())
                .bits
                .fetch_add(bits, core::sync::atomic::Ordering::Relaxed)
        };
    }
    // SAFETY: a root object, which its deleter leaves where it is.
    let header = unsafe { ObjectHeader::foreign(type_index::OBJECT, deleter) };
    let mut place = Foreign {
        header,
        bits: 0.into(),
    };
    let object: NonNull<Foreign> = NonNull::from(&mut place);
    // SAFETY: its one reference; the place outlives it.
    let handle = unsafe { ObjectRef::from_raw(object.cast()) };
    assert!(!ObjectArc::header(&handle).is_headed());
    let handle = ObjectArc::try_unique(handle).expect_err("nothing is known of its block");
    let weak = ObjectArc::downgrade(&handle);
    drop(handle);
    let bits = || {
        // SAFETY: on the stack, alive.
        let place = unsafe { object.as_ref() };
        place.bits.load(core::sync::atomic::Ordering::Relaxed)
    };
    assert_eq!(bits(), 1, "the body only");
    assert!(weak.upgrade().is_none());
    drop(weak);
    assert_eq!(bits(), 1 + 2, "then the space");
}
