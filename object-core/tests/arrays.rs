//! Items behind the body, in the object's own block.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::heap::{Heap, failing, live};
use common::{Drops, Point, Told, baseline, panics, quietly};
use object_core::{
    Any, Array, ArrayObj, NewError, Object, ObjectArc, ObjectHeader, ObjectRef, UniqueObject,
    WithItems,
};

#[global_allocator]
static HEAP: Heap = Heap;

type Items<T> = ObjectArc<WithItems<ObjectHeader, T>>;

fn items<T: Send + Sync + 'static>(len: usize, item: impl FnMut(usize) -> T) -> Items<T> {
    ObjectArc::with_items(WithItems::new(ObjectHeader::new()), len, item)
}

#[test]
fn items_lie_behind_the_body_in_order() {
    let before = baseline();
    for len in [0, 1, 2, 7, 100] {
        let array = items(len, |i| i as u16);
        assert_eq!(live(), before + 1, "one block holds it all");
        let start = ObjectArc::as_ptr(&array).addr().get();
        let first = ObjectArc::items(&array).as_ptr().addr();
        assert_eq!(first, start + size_of::<WithItems<ObjectHeader, u16>>());
        assert!(
            ObjectArc::items(&array)
                .iter()
                .copied()
                .eq((0..len).map(|i| i as u16))
        );
    }
    assert_eq!(live(), before);
}

#[repr(align(64))]
struct Line(u8);
#[repr(align(4096))]
struct Page(u8);

#[test]
fn items_are_aligned_as_they_ask() {
    fn check<T: Send + Sync + 'static>(len: usize, make: fn(usize) -> T, read: fn(&T) -> u8) {
        let array = items(len, make);
        let found = ObjectArc::items(&array);
        assert_eq!(
            (found.len(), found.as_ptr().addr() % align_of::<T>()),
            (len, 0)
        );
        assert!(found.iter().map(read).eq((0..len).map(|i| i as u8)));
        assert_eq!(ObjectArc::header(&array).counts().strong(), 1);
    }
    let before = baseline();
    for len in [0, 1, 2, 5] {
        check(len, |i| Line(i as u8), |line| line.0);
        check(len, |i| Page(i as u8), |page| page.0);
    }
    assert_eq!(live(), before);
}

#[test]
fn items_without_a_size_are_made_and_dropped_all_the_same() {
    thread_local!(static DROPPED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPPED.set(DROPPED.get() + 1);
        }
    }
    let array = items(5, |_| Nothing);
    assert_eq!((ObjectArc::items(&array).len(), DROPPED.get()), (5, 0));
    drop(array);
    assert_eq!(DROPPED.get(), 5);
}

#[test]
fn weak_references_keep_the_block_and_not_the_items() {
    let (drops, before) = (Drops::new(), baseline());
    let array = items(3, |_| Told(drops.clone()));
    let weak = ObjectArc::downgrade(&array);
    assert_eq!(ObjectArc::items(&weak.upgrade().unwrap()).len(), 3);
    drop(array);
    assert_eq!((drops.count(), live()), (3, before + 1));
    assert!(weak.upgrade().is_none());
    drop(weak);
    assert_eq!((drops.count(), live()), (3, before));
}

#[test]
fn a_panic_while_filling_drops_what_was_filled_and_frees_the_block() {
    let (drops, head, before) = (Drops::new(), Drops::new(), baseline());
    // Drops the head as well.
    let text = panics(|| {
        let value = WithItems::new(common::Noisy::new(&head));
        let _ = ObjectArc::with_items(value, 5, |i| {
            assert!(i < 3, "number {i} fails");
            Told(drops.clone())
        });
    });
    assert_eq!(text, "number 3 fails");
    drop(text);
    assert_eq!((drops.count(), head.count(), live()), (3, 1, before));
}

#[test]
fn an_error_while_filling_is_returned_after_all_was_dropped() {
    let (drops, head, before) = (Drops::new(), Drops::new(), baseline());
    let value = WithItems::new(common::Noisy::new(&head));
    let made = ObjectArc::try_with_items_fallible(value, 4, |i| {
        if i == 2 {
            Err("no third")
        } else {
            Ok(Told(drops.clone()))
        }
    });
    assert_eq!(made.unwrap().unwrap_err(), "no third");
    assert_eq!((drops.count(), head.count(), live()), (2, 1, before));
}

#[test]
fn the_block_is_freed_though_an_item_panics_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("an item's destructor");
        }
    }
    let before = baseline();
    let text = panics(|| {
        let _ = ObjectArc::try_with_items_fallible(WithItems::new(ObjectHeader::new()), 2, |i| {
            if i == 1 { Err(()) } else { Ok(Bomb) }
        });
    });
    assert_eq!(text, "an item's destructor");
    drop(text);
    assert_eq!(live(), before);
}

#[test]
fn no_memory_and_impossible_lengths_give_the_head_back() {
    let before = baseline();
    for len in [
        4,
        usize::MAX,
        usize::MAX / 8,
        usize::MAX / 8 + 1,
        isize::MAX as usize / 8,
    ] {
        let called = std::cell::Cell::new(false);
        let value = WithItems::new(Point::at(6, 7));
        let refused = usize::from(len == 4); // the others are refused before anybody is asked
        let (made, _) = failing(refused, || {
            ObjectArc::try_with_items(value, len, |_| {
                called.set(true);
                0u64
            })
        });
        let error = made.unwrap_err();
        assert!(matches!(error.cause, NewError::Alloc(_)), "{error}");
        assert_eq!((error.value.x, error.value.y, called.get()), (6, 7, false));
    }
    assert_eq!(live(), before);
}

#[test]
fn unique_arrays_change_their_items_and_their_head() {
    let array = ObjectArc::with_items(WithItems::new(Point::at(1, 2)), 3, |i| i as u8);
    let mut unique = ObjectArc::try_unique(array).unwrap();
    UniqueObject::items_mut(&mut unique).copy_from_slice(b"abc");
    *UniqueObject::head_mut(&mut unique) = Point::at(8, 9);
    let array = UniqueObject::share(unique);
    assert_eq!((ObjectArc::items(&array), array.x), (&b"abc"[..], 8));
    let head: ObjectRef = ObjectArc::into_head(array);
    assert_eq!(
        ObjectArc::header(&head).type_index(),
        Point::type_index().unwrap()
    );
}

#[test]
fn arrays_of_values_hold_their_values() {
    let before = baseline();
    let array: Array = [1i64, 2, 3].into_iter().collect();
    assert_eq!((array.len(), array.is_empty()), (3, false));
    assert_eq!(array[1].get::<i64>().unwrap(), 2);
    assert!(array.get(3).is_none());
    assert_eq!(format!("{array:?}"), "[1, 2, 3]");
    assert_eq!((&array).into_iter().count(), 3);
    assert!(
        Array::try_from_values(Vec::<i64>::new())
            .unwrap()
            .is_empty()
    );

    let failed = Array::try_from_fn(3, |i| {
        if i < 2 {
            Ok(Any::from("a longer text"))
        } else {
            Err(i)
        }
    });
    assert_eq!(failed.unwrap().unwrap_err(), 2);

    let back = Array::from_object(array.clone().into_object());
    assert!(ObjectArc::ptr_eq(back.as_object(), array.as_object()));
    let any = Any::from(array);
    assert!(any.get::<ObjectArc<ArrayObj>>().is_ok());
    drop((back, any));
    assert_eq!(live(), before);
}

#[test]
fn an_iterator_that_lies_about_its_length_leaves_none_at_the_end() {
    struct Liar(usize);
    impl Iterator for Liar {
        type Item = i64;
        fn next(&mut self) -> Option<i64> {
            self.0 = self.0.checked_sub(1)?;
            Some(1)
        }
    }
    impl ExactSizeIterator for Liar {
        fn len(&self) -> usize {
            3
        }
    }
    let short = Array::try_from_values(Liar(1)).unwrap();
    assert_eq!(format!("{short:?}"), "[1, None, None]");
    assert_eq!(
        quietly(|| Array::try_from_values(Liar(9))).unwrap().len(),
        3
    );
}

#[test]
fn arrays_of_foreign_code_may_keep_their_values_elsewhere() {
    /// An ArrayObj, as C sees it.
    #[repr(C)]
    struct Foreign {
        header: ObjectHeader,
        data: *mut Any,
        size: i64,
        capacity: i64,
        data_deleter: Option<unsafe extern "C" fn(*mut core::ffi::c_void)>,
    }
    unsafe extern "C" fn keep(_object: *mut core::ffi::c_void, _bits: i32) {}

    let mut values = [Any::from(4i64), Any::from(5i64)];
    // SAFETY: the layout is an array's; it stays on the stack, longer than its handles.
    let header = unsafe { ObjectHeader::foreign(object_core::type_index::ARRAY, keep) };
    let data = values.as_mut_ptr();
    let mut foreign = Foreign {
        header,
        data,
        size: 2,
        capacity: 2,
        data_deleter: None,
    };
    // SAFETY: its one reference.
    let object =
        unsafe { ObjectArc::<ArrayObj>::from_raw(std::ptr::NonNull::from(&mut foreign).cast()) };
    assert!(ObjectArc::items(&object).is_empty(), "none in its block");
    let object = ObjectArc::try_unique(object).unwrap_err();
    assert_eq!(format!("{:?}", Array::from_object(object)), "[4, 5]");
}

#[test]
fn items_are_copied_at_once() {
    let before = baseline();
    let head = || WithItems::new(ObjectHeader::new());
    for len in [0, 1, 7] {
        let from: Vec<u16> = (0..len).collect();
        let copied: Items<u16> = ObjectArc::copy_items(head(), &from);
        assert_eq!(ObjectArc::items(&copied), &from[..]);
        assert_eq!(ObjectArc::header(&copied).counts().strong(), 1);
        assert_eq!(live(), before + 1 + isize::from(len > 0));
        let copy = || drop::<Items<u16>>(ObjectArc::copy_items(head(), &from));
        let (text, failed) = failing(1, || panics(copy));
        assert!(failed && text.contains("bytes"), "{text}");
        assert_eq!(ObjectArc::items(&copied), &from[..]);
    }
    assert_eq!(live(), before);
}
