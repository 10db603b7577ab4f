//! The deferred list and the gate, by threads.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use py_binding::tie::deferred::{Deferred, DeferredList};
use py_binding::tie::gate::Gate;

/// A node as the binding's are: 8-aligned, with a word for the link.
#[repr(align(16))]
struct Node {
    link: Plain,
    freed: AtomicUsize,
}

/// A word that is no atomic, as a hold's is: the list alone orders who writes and who reads it.
struct Plain(UnsafeCell<usize>);

// SAFETY: a node belongs to one thread, or to the list.
unsafe impl Sync for Plain {}

impl Plain {
    fn load(&self) -> usize {
        // SAFETY: as above.
        unsafe { *self.0.get() }
    }

    fn store(&self, link: usize) {
        // SAFETY: as above.
        unsafe { *self.0.get() = link };
    }
}

impl Node {
    const fn new() -> Self {
        Self {
            link: Plain(UnsafeCell::new(0)),
            freed: AtomicUsize::new(0),
        }
    }

    fn address(&self) -> NonNull<c_void> {
        NonNull::from(self).cast()
    }
}

fn push(list: &DeferredList, node: &Node, hold: bool) -> bool {
    let address = node.address();
    let deferred = if hold {
        Deferred::Hold(address)
    } else {
        Deferred::Storage(address)
    };
    // SAFETY: each test pushes a node once between drains.
    unsafe { list.push(deferred, |link| node.link.store(link)) }
}

fn drain(list: &DeferredList) -> Vec<Deferred> {
    let mut drained = Vec::new();
    let node = |deferred: Deferred| match deferred {
        Deferred::Storage(at) | Deferred::Hold(at) => at.cast::<Node>(),
    };
    // SAFETY: nodes live as long as the test; "freeing" one counts and spoils its link, which must
    // have been read before.
    unsafe {
        list.drain(
            |deferred| node(deferred).as_ref().link.load(),
            |deferred| {
                let node = node(deferred).as_ref();
                node.link.store(usize::MAX);
                node.freed.fetch_add(1, Ordering::Relaxed);
                drained.push(deferred);
            },
        );
    }
    drained
}

/// By hand, which thread checkers understand; a scope's own waiting they do not see.
fn join(threads: Vec<thread::ScopedJoinHandle<'_, ()>>) {
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn an_empty_list_hands_out_nothing() {
    let list = DeferredList::default();
    assert!(list.is_empty());
    assert_eq!(list.len(), 0);
    assert!(drain(&list).is_empty());
}

#[test]
fn both_kinds_come_back_as_what_they_were() {
    let list = DeferredList::new();
    let nodes: [Node; 4] = std::array::from_fn(|_| Node::new());
    for (at, node) in nodes.iter().enumerate() {
        assert_eq!(
            push(&list, node, at % 2 == 1),
            at == 0,
            "first of an empty list"
        );
        assert!(!list.is_empty());
        assert_eq!(list.len(), at + 1);
    }
    let drained = drain(&list);
    let expected = [
        Deferred::Hold(nodes[3].address()),
        Deferred::Storage(nodes[2].address()),
        Deferred::Hold(nodes[1].address()),
        Deferred::Storage(nodes[0].address()),
    ];
    assert_eq!(drained, expected);
    assert!(list.is_empty());
    assert_eq!(list.len(), 0);
    assert!(push(&list, &nodes[0], false), "empty again");
}

#[test]
fn a_push_from_inside_a_drain_waits_for_the_next() {
    let list = DeferredList::new();
    let (first, second) = (Node::new(), Node::new());
    push(&list, &first, false);
    let mut freed = 0;
    // SAFETY: each node is pushed once.
    unsafe {
        list.drain(
            |_| first.link.load(),
            |_| {
                freed += 1;
                assert!(push(&list, &second, true));
            },
        );
    }
    assert_eq!(freed, 1);
    assert_eq!(list.len(), 1);
    assert_eq!(drain(&list), [Deferred::Hold(second.address())]);
}

#[test]
fn forget_leaves_an_empty_list() {
    let list = DeferredList::new();
    let node = Node::new();
    push(&list, &node, false);
    list.forget();
    assert!(list.is_empty());
    assert_eq!(list.len(), 0);
    assert!(drain(&list).is_empty());
    assert_eq!(node.freed.load(Ordering::Relaxed), 0);
}

/// Many push, two drain: each node is handed out exactly once, and none is lost.
#[test]
fn threads_push_and_drain() {
    const THREADS: usize = 4;
    const NODES: usize = if cfg!(miri) { 50 } else { 20_000 };
    let list = DeferredList::new();
    let nodes: Vec<Vec<Node>> = (0..THREADS)
        .map(|_| (0..NODES).map(|_| Node::new()).collect())
        .collect();
    let barrier = Barrier::new(THREADS + 2);
    let pushing = AtomicUsize::new(THREADS);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for mine in &nodes {
            let (list, barrier, pushing) = (&list, &barrier, &pushing);
            threads.push(scope.spawn(move || {
                barrier.wait();
                for (at, node) in mine.iter().enumerate() {
                    push(list, node, at % 3 == 0);
                }
                pushing.fetch_sub(1, Ordering::Relaxed); // the list alone orders
            }));
        }
        for _ in 0..2 {
            let (list, barrier, pushing) = (&list, &barrier, &pushing);
            threads.push(scope.spawn(move || {
                barrier.wait();
                loop {
                    let last = pushing.load(Ordering::Relaxed) == 0;
                    drain(list);
                    if last {
                        break;
                    }
                    thread::yield_now();
                }
            }));
        }
        join(threads);
    });
    drain(&list);
    assert!(list.is_empty());
    assert_eq!(list.len(), 0);
    for node in nodes.iter().flatten() {
        assert_eq!(node.freed.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn the_gate_lets_in_until_it_is_closed() {
    let gate = Gate::open();
    assert!(!gate.is_closed());
    assert!(gate.is_empty());
    let first = gate.enter().expect("open");
    let second = gate.enter().expect("open");
    assert!(!gate.is_empty());
    drop(first);
    assert!(!gate.close(), "somebody is inside");
    assert!(gate.is_closed());
    assert!(gate.enter().is_none());
    assert!(
        !gate.is_empty(),
        "who was refused left again, who was inside is still there"
    );
    drop(second);
    assert!(gate.is_empty());
    assert!(gate.close(), "closing twice is harmless");
}

#[test]
fn an_empty_gate_closes_at_once() {
    let gate = Gate::open();
    assert!(gate.close());
    assert!(gate.is_empty());
    assert!(gate.enter().is_none());
    assert!(gate.is_empty());
}

#[test]
fn reset_opens_it_whatever_was_inside() {
    let gate = Gate::open();
    core::mem::forget(gate.enter()); // a thread that does not exist in the child
    assert!(!gate.close());
    gate.reset();
    assert!(!gate.is_closed());
    assert!(gate.is_empty());
    assert!(gate.enter().is_some());
}

/// Nobody is inside once the closer has seen it empty: what was behind the gate is gone then.
#[test]
fn closing_waits_for_everybody() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 500 };
    for _ in 0..ROUNDS {
        let gate = Gate::open();
        let gone = AtomicBool::new(false);
        let entered = AtomicUsize::new(0);
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for _ in 0..3 {
                let (gate, gone, entered, barrier) = (&gate, &gone, &entered, &barrier);
                threads.push(scope.spawn(move || {
                    barrier.wait();
                    while let Some(_inside) = gate.enter() {
                        entered.fetch_add(1, Ordering::Relaxed);
                        assert!(!gone.load(Ordering::Relaxed), "inside after the end");
                        thread::yield_now();
                        assert!(!gone.load(Ordering::Relaxed), "inside after the end");
                    }
                }));
            }
            barrier.wait();
            while entered.load(Ordering::Relaxed) < 3 {
                thread::yield_now();
            }
            if !gate.close() {
                while !gate.is_empty() {
                    thread::yield_now();
                }
            }
            gone.store(true, Ordering::Relaxed);
            join(threads);
        });
        assert!(gate.is_empty());
    }
}
