//! Destructors that panic: caught, reported, and everything else goes on as if they had not.

#![cfg(all(not(loom), feature = "std", feature = "infallible"))]
#![allow(unsafe_code)]

mod common;

use std::sync::{Mutex, MutexGuard};

use common::heap::{Heap, live};
use common::{Drops, Told, baseline, object, quietly};
use object_core::abi::ByteSlice;
use object_core::{
    Function, ObjectArc, ObjectHeader, UniqueObject, WithItems, report_unraisable, runtime,
};

#[global_allocator]
static HEAP: Heap = Heap;

static REPORTS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

unsafe extern "C" fn report(message: ByteSlice) {
    // SAFETY: readable for the call.
    let text = unsafe { message.as_str() };
    let known = [
        "in a destructor",
        "in an item",
        "no text",
        "by hand",
        "a panic with a payload that is no text",
    ];
    let known = known
        .into_iter()
        .find(|known| *known == text)
        .unwrap_or("unknown");
    REPORTS.lock().unwrap().push(known);
}

/// The hook is the process's: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What was reported while `work` ran; nothing is live afterwards that was not before.
fn reports(work: impl FnOnce()) -> Vec<&'static str> {
    let _alone = alone();
    // SAFETY: the hook may be called on any thread.
    let earlier = unsafe { (runtime().set_unraisable_hook)(Some(report)) };
    assert!(earlier.is_none());
    REPORTS.lock().unwrap().reserve(8);
    Bomb::place("", None);
    let before = baseline();
    quietly(work);
    assert_eq!(live(), before, "memory is freed all the same");
    // SAFETY: nobody is told any more.
    let ours = unsafe { (runtime().set_unraisable_hook)(None) };
    assert!(
        ours.is_some_and(|hook| std::ptr::fn_addr_eq(
            hook,
            report as unsafe extern "C" fn(ByteSlice)
        ))
    );
    let mut told = REPORTS.lock().unwrap();
    let seen = told.clone();
    told.clear();
    seen
}

/// Panics when it is dropped, unless its text is empty.
#[repr(C)]
struct Bomb {
    header: ObjectHeader,
    text: &'static str,
    told: Option<Told>,
}
object!(Bomb, "panics.Bomb");

impl Bomb {
    fn new(text: &'static str, told: Option<&Drops>) -> Self {
        let told = told.map(|drops| Told(drops.clone()));
        Self {
            header: ObjectHeader::new(),
            text,
            told,
        }
    }

    fn place(text: &'static str, told: Option<&Drops>) -> ObjectArc<Self> {
        ObjectArc::new(Self::new(text, told))
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        match self.text {
            "" => {}
            "no text" => std::panic::panic_any(7u8),
            text => panic!("{text}"),
        }
    }
}

#[test]
fn a_panicking_destructor_is_reported_and_the_rest_of_the_object_dropped() {
    let drops = Drops::new();
    let seen = reports(|| drop(Bomb::place("in a destructor", Some(&drops))));
    assert_eq!((seen, drops.count()), (vec!["in a destructor"], 1));
    let seen = reports(|| drop(Bomb::place("no text", Some(&drops))));
    assert_eq!(
        (seen, drops.count()),
        (vec!["a panic with a payload that is no text"], 2)
    );
    let seen = reports(|| {
        drop(UniqueObject::new(Bomb::new(
            "in a destructor",
            Some(&drops),
        )))
    });
    assert_eq!((seen, drops.count()), (vec!["in a destructor"], 3));
}

#[test]
fn weak_references_outlive_the_panic_and_see_a_dead_object() {
    let drops = Drops::new();
    let seen = reports(|| {
        let bomb = Bomb::place("in a destructor", Some(&drops));
        let weak = ObjectArc::downgrade(&bomb);
        let clone = bomb.clone();
        drop(bomb);
        assert_eq!((ObjectArc::strong_count(&clone), drops.count()), (1, 0));
        drop(clone);
        assert!(weak.upgrade().is_none());
        assert_eq!(drops.count(), 1);
        drop(weak);
    });
    assert_eq!(seen, ["in a destructor"]);
}

#[test]
fn one_panicking_item_does_not_keep_the_others_or_the_head() {
    struct Item(
        bool,
        #[expect(dead_code, reason = "dropped with the item")] Told,
    );
    impl Drop for Item {
        fn drop(&mut self) {
            assert!(!self.0, "in an item");
        }
    }
    let (items, head) = (Drops::new(), Drops::new());
    let seen = reports(|| {
        let value = WithItems::new(Bomb::new("in a destructor", Some(&head)));
        drop(ObjectArc::with_items(value, 5, |i| {
            Item(i == 2, Told(items.clone()))
        }));
    });
    assert_eq!(seen, ["in an item", "in a destructor"]);
    assert_eq!((items.count(), head.count()), (5, 1));
}

#[test]
fn a_chain_of_panics_drops_the_whole_chain() {
    struct Link(
        #[expect(dead_code, reason = "dropped with the link")] Option<Function>,
        Told,
    );
    impl Drop for Link {
        fn drop(&mut self) {
            panic!("in a destructor, number {}", self.1.0.count());
        }
    }
    let drops = Drops::new();
    let seen = reports(|| {
        let mut last = None;
        for _ in 0..5 {
            let link = Link(last, Told(drops.clone()));
            last = Some(Function::from_packed(move |_| {
                let _captured = &link;
                Ok(object_core::Any::NONE)
            }));
        }
        drop(last);
    });
    assert_eq!((seen, drops.count()), (vec!["unknown"; 5], 5));
}

#[test]
fn reports_reach_nobody_or_the_hook_in_force() {
    let nobody = || {
        let _alone = alone();
        report_unraisable("by hand");
        quietly(|| drop(Bomb::place("in a destructor", None)));
    };
    nobody();
    assert_eq!(reports(|| report_unraisable("by hand")), ["by hand"]);
    nobody();
    assert_eq!(reports(|| ()), [""; 0]);
}
