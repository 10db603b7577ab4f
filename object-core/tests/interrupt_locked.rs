//! Interrupts that find a lock taken: at each allocation that a registration (or the drop list) makes,
//! some of them under its lock, a handler does all that the crate's head allows there. Were one of those
//! things to wait for a lock, this would hang; the look-up by key, which the head forbids, does wait.

#![cfg(all(not(loom), feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{Drops, Noisy, Point, Point3, baseline};
use object_core::{
    Any, AnyView, DropScope, FieldSpec, Function, Object, ObjectArc, ObjectHeader, ObjectRef,
    WeakObjectArc, abi::FieldKind, is_instance, register_reflected, try_new_reflected, type_index,
    type_index_of, type_info,
};

type Handler = Box<dyn FnOnce()>;

thread_local! {
    /// Allocations until the interrupt; 0 means that none comes.
    static IN: Cell<usize> = const { Cell::new(0) };
    static HANDLER: Cell<Option<Handler>> = const { Cell::new(None) };
}

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: the system's heap; the handler runs before it, and panics do not leave a test's thread.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let left = IN.get();
        IN.set(left.saturating_sub(1));
        if left == 1 {
            HANDLER.take().into_iter().for_each(|handler| handler());
        }
        // SAFETY: by the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: by the trait's contract.
        unsafe { System.dealloc(start, layout) }
    }
}

/// Runs `work` again and again, interrupted at its first allocation, at its second and so on, until it
/// makes no more of them; how often that was. On a thread of its own, so that waiting for ever fails.
fn interrupted(
    mut work: impl FnMut(usize) + Send + 'static,
    handler: impl Fn() + Clone + Send + 'static,
) -> usize {
    let (done, wait) = channel();
    thread::spawn(move || {
        for nth in 1.. {
            HANDLER.set(Some(Box::new(handler.clone())));
            IN.set(nth);
            work(nth);
            IN.set(0);
            if HANDLER.take().is_some() {
                done.send(nth - 1).unwrap();
                return;
            }
        }
    });
    let answer = wait.recv_timeout(Duration::from_secs(60));
    answer.expect("the handler waits for what the interrupted code holds")
}

/// All that is allowed always, or where freeing and allocation are.
fn allowed(shared: &ObjectArc<Point3>, weak: &WeakObjectArc<Point3>) {
    let second = shared.clone();
    let third = weak.clone().upgrade().expect("held");
    drop((ObjectArc::downgrade(&third), second));
    assert!(ObjectArc::strong_count(&third) >= 2 && ObjectArc::weak_count(&third) >= 1);

    let (point, point3) = (Point::type_index().unwrap(), Point3::type_index().unwrap());
    assert_eq!(type_info(point3).unwrap().key(), "test.Point3");
    assert!(is_instance(point3, point) && !is_instance(point, point3));
    let any: ObjectRef = ObjectArc::upcast(third);
    assert!(AnyView::object(&any).raw().as_object().is_some());
    let any = Any::from(any);
    let back = any.get::<ObjectArc<Point3>>().unwrap();
    let field = type_info(point).unwrap().field("x").unwrap();
    // SAFETY: a live object of the field's type, whose fields are frozen.
    let x = unsafe { object_core::read_field(ObjectArc::as_ptr(&back).cast(), field) };
    assert_eq!((x.get::<i64>(), back.z), (Ok(1), 3));

    // A new object, and its last reference, within a scope and without.
    let made = |z| ObjectArc::try_new(Point3::at(1, 2, z)).unwrap();
    drop(made(3));
    let drops = Drops::new();
    drop(Noisy::place(&drops)); // may hold others, so that it goes by the drop list
    // Without std a scope that is open keeps it for later.
    assert!(drops.count() == 1 || cfg!(not(feature = "std")));
    let scope = DropScope::open();
    let watched = made(4);
    let weak = ObjectArc::downgrade(&watched);
    drop(watched);
    drop(scope);
    assert!(weak.upgrade().is_none());
}

/// How often a look-up by key was seen to wait.
static WAITED: AtomicUsize = AtomicUsize::new(0);

/// Looks a type up on another thread, and sees whether it waits.
fn look_up_elsewhere() -> JoinHandle<()> {
    static BACK: AtomicBool = AtomicBool::new(false);
    BACK.store(false, Ordering::SeqCst);
    let other = thread::spawn(|| {
        let _ = type_index_of("test.Point");
        BACK.store(true, Ordering::SeqCst);
    });
    // While the lock is held here it cannot come back, however long this waits.
    let until = Instant::now() + Duration::from_millis(100);
    while !BACK.load(Ordering::SeqCst) && Instant::now() < until {
        thread::yield_now();
    }
    if !BACK.load(Ordering::SeqCst) {
        WAITED.fetch_add(1, Ordering::SeqCst);
    }
    other
}

fn subjects() -> (ObjectArc<Point3>, WeakObjectArc<Point3>) {
    baseline();
    let shared = ObjectArc::try_new(Point3::at(1, 2, 3)).unwrap();
    let weak = ObjectArc::downgrade(&shared);
    (shared, weak)
}

fn register(nth: usize) {
    let key = format!("interrupt.type {nth}");
    let spec = FieldSpec {
        name: "held",
        doc: "A field.",
        kind: FieldKind::Object,
        value_kind: None,
        flags: 0,
        type_index: type_index::OBJECT,
    };
    let number = register_reflected(&key, "A type.", type_index::OBJECT, &[spec]).unwrap();
    drop(try_new_reflected(type_info(number).unwrap(), false).unwrap());
}

#[test]
fn a_registration_of_a_type_may_be_interrupted_anywhere() {
    let (shared, weak) = subjects();
    let times = interrupted(register, move || allowed(&shared, &weak));
    assert!(times >= 7, "{times} interrupts");
}

#[test]
fn a_look_up_by_key_would_wait_in_a_handler() {
    subjects();
    let (send, receive) = channel();
    let times = interrupted(
        |nth| register(nth + 1000),
        move || send.send(look_up_elsewhere()).unwrap(),
    );
    receive.iter().for_each(|other| other.join().unwrap());
    let waited = WAITED.load(Ordering::SeqCst);
    assert!(waited >= 4, "{waited} of {times} look-ups waited");
}

#[test]
fn a_registration_of_a_function_may_be_interrupted_anywhere() {
    let (shared, weak) = subjects();
    let function = Function::try_from_packed(|_| Ok(Any::NONE)).ok().unwrap();
    let times = interrupted(
        move |nth| {
            let name = format!("interrupt.function {nth}");
            function.register_global(&name, false).unwrap();
            assert!(Function::remove_global(&name));
        },
        move || allowed(&shared, &weak),
    );
    assert!(times >= 2, "{times} interrupts");
}

/// A chain of objects with weak references: without std the list asks for memory under its lock.
#[test]
fn the_drop_list_may_be_interrupted_anywhere() {
    #[repr(C)]
    struct Link {
        header: ObjectHeader,
        next: Option<ObjectArc<Link>>,
    }
    common::object!(Link, "interrupt.Link");
    let mut round = 0;
    let (shared, weak) = subjects();
    let times = interrupted(
        move |_| {
            IN.set(0); // making the chain is not the matter
            let handler = HANDLER.take();
            let (mut chain, mut links) = (None, Vec::with_capacity(200));
            for _ in 0..200 {
                let header = ObjectHeader::new();
                let next = chain.take();
                let link = ObjectArc::try_new(Link { header, next }).ok().unwrap();
                links.push(ObjectArc::downgrade(&link));
                chain = Some(link);
            }
            HANDLER.set(handler);
            round += 1;
            IN.set(round);
            let scope = DropScope::open();
            drop(chain);
            drop(scope);
            IN.set(0);
            assert!(links.iter().all(|weak| weak.upgrade().is_none()));
        },
        move || allowed(&shared, &weak),
    );
    assert!(times >= 1, "{times} interrupts");
}
