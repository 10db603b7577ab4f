//! The deferred list, its gate and its pending call under every interleaving (I7); and copies with
//! one weakness each, which the same models must find. `make loom` runs it.
//!
//! Fork's reset is no part of this: there is only one thread then.

#![cfg(loom)]
#![allow(unsafe_code)]

#[macro_use]
#[path = "../../object-core/tests/modelled/run.rs"]
mod run;

use core::ffi::c_void;
use core::ptr::NonNull;
use std::sync::Arc; // not loom's, which would order more than the list does

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use loom::thread;
use py_binding::tie::deferred::{Deferred, DeferredList};
use py_binding::tie::gate::Gate;
use py_binding::tie::pending::PendingCall;

/// What is put on the list: a word for the link, and something of Python's that whoever frees it
/// must find as the pusher left it.
#[repr(align(8))]
struct Node {
    link: UnsafeCell<usize>,
    owed: UnsafeCell<u32>,
}

/// A node that was dropped once already: `owed` is 1.
fn node() -> &'static Node {
    let node: &'static Node = Box::leak(Box::new(Node {
        link: UnsafeCell::new(usize::MAX),
        owed: UnsafeCell::new(0),
    }));
    // SAFETY: nobody else knows it yet.
    node.owed.with_mut(|owed| unsafe { *owed = 1 });
    node
}

impl Node {
    fn write_link(&self, link: usize) {
        // SAFETY: loom panics if somebody may look meanwhile.
        self.link.with_mut(|place| unsafe { *place = link });
    }

    fn read_link(&self) -> usize {
        // SAFETY: as above.
        self.link.with(|place| unsafe { *place })
    }

    /// Frees it: it must be owed once.
    fn free(&self) {
        // SAFETY: as above.
        self.owed.with_mut(|owed| unsafe {
            assert_eq!(*owed, 1, "freed twice");
            *owed = 0;
        });
    }

    fn is_owed(&self) -> bool {
        // SAFETY: as above.
        self.owed.with(|owed| unsafe { *owed }) == 1
    }

    fn address(&'static self) -> NonNull<c_void> {
        NonNull::from(self).cast()
    }
}

/// List, gate and pending call.
trait Side: Send + Sync + 'static {
    fn new() -> Self;
    fn push(&self, node: &'static Node);
    fn is_empty(&self) -> bool;
    fn drain(&self, free: impl FnMut(&'static Node));
    /// Runs `inside` between entering and leaving; false if the gate is closed.
    fn inside(&self, inside: impl FnOnce()) -> bool;
    fn close(&self) -> bool;
    fn nobody_inside(&self) -> bool;
    fn ask(&self) -> bool;
    fn begin(&self);
}

struct Real {
    list: DeferredList,
    gate: Gate,
    call: PendingCall,
}

impl Side for Real {
    fn new() -> Self {
        Self {
            list: DeferredList::new(),
            gate: Gate::open(),
            call: PendingCall::new(),
        }
    }

    fn push(&self, node: &'static Node) {
        // SAFETY: each model pushes a node once.
        unsafe {
            self.list
                .push(Deferred::Hold(node.address()), |link| node.write_link(link))
        };
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn drain(&self, mut free: impl FnMut(&'static Node)) {
        let node = |deferred| match deferred {
            // SAFETY: nodes of the models are leaked.
            Deferred::Storage(at) | Deferred::Hold(at) => unsafe { at.cast::<Node>().as_ref() },
        };
        // SAFETY: whoever drains is attached in the model.
        unsafe {
            self.list.drain(
                |deferred| node(deferred).read_link(),
                |deferred| free(node(deferred)),
            );
        }
    }

    fn inside(&self, inside: impl FnOnce()) -> bool {
        let Some(_inside) = self.gate.enter() else {
            return false;
        };
        inside();
        true
    }

    fn close(&self) -> bool {
        self.gate.close()
    }
    fn nobody_inside(&self) -> bool {
        self.gate.is_empty()
    }
    fn ask(&self) -> bool {
        self.call.ask()
    }
    fn begin(&self) {
        self.call.begin();
    }
}

const RELAXED_PUSH: u8 = 1;
const RELAXED_DRAIN: u8 = 2;
const BLIND_PUSH: u8 = 3;
const LINKED_LATE: u8 = 4;
const LOOKS_THEN_TAKES: u8 = 5;
const LOOKS_THEN_ENTERS: u8 = 6;
const RELAXED_LEAVE: u8 = 7;
const RELAXED_CLOSE: u8 = 8;
const RELAXED_LOOK: u8 = 9;
const CLOSED_IN_PASSING: u8 = 10;
const STORED_BEGIN: u8 = 11;
const RELAXED_BEGIN: u8 = 12;
const BEGINS_LATE: u8 = 13;

/// The same steps, but for one.
struct Twin<const FLAW: u8> {
    head: AtomicUsize,
    gate: AtomicU32,
    called: AtomicBool,
}

const CLOSED: u32 = 1 << 31;

impl<const FLAW: u8> Side for Twin<FLAW> {
    fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            gate: AtomicU32::new(0),
            called: AtomicBool::new(false),
        }
    }

    fn push(&self, node: &'static Node) {
        let bits = node.address().as_ptr().expose_provenance();
        let order = if FLAW == RELAXED_PUSH {
            Relaxed
        } else {
            Release
        };
        let mut head = self.head.load(Relaxed);
        loop {
            if FLAW != LINKED_LATE {
                node.write_link(head);
            }
            if FLAW == BLIND_PUSH {
                self.head.store(bits, order); // over what was pushed meanwhile
                return;
            }
            match self.head.compare_exchange(head, bits, order, Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if FLAW == LINKED_LATE {
            node.write_link(head);
        }
    }

    fn is_empty(&self) -> bool {
        self.head.load(Relaxed) == 0
    }

    fn drain(&self, mut free: impl FnMut(&'static Node)) {
        let order = if FLAW == RELAXED_DRAIN {
            Relaxed
        } else {
            Acquire
        };
        let mut bits = if FLAW == LOOKS_THEN_TAKES {
            let bits = self.head.load(order);
            self.head.store(0, Relaxed); // somebody may have pushed, or drained, meanwhile
            bits
        } else {
            self.head.swap(0, order)
        };
        while bits != 0 {
            // SAFETY: nodes of the models are leaked.
            let node = unsafe { &*core::ptr::with_exposed_provenance::<Node>(bits) };
            bits = node.read_link();
            free(node);
        }
        if FLAW == BEGINS_LATE {
            self.called.swap(false, AcqRel); // what was pushed since relied on this call
        }
    }

    fn inside(&self, inside: impl FnOnce()) -> bool {
        if FLAW == LOOKS_THEN_ENTERS {
            if self.gate.load(Acquire) & CLOSED != 0 {
                return false;
            }
            self.gate.fetch_add(1, Acquire); // it may be closed by now
        } else if self.gate.fetch_add(1, Acquire) & CLOSED != 0 {
            self.gate.fetch_sub(1, Release);
            return false;
        }
        inside();
        let order = if FLAW == RELAXED_LEAVE {
            Relaxed
        } else {
            Release
        };
        self.gate.fetch_sub(1, order);
        true
    }

    fn close(&self) -> bool {
        let order = if FLAW == RELAXED_CLOSE {
            Relaxed
        } else {
            AcqRel
        };
        let before = self.gate.fetch_or(CLOSED, order);
        FLAW == CLOSED_IN_PASSING || before & !CLOSED == 0
    }

    fn nobody_inside(&self) -> bool {
        let order = if FLAW == RELAXED_LOOK {
            Relaxed
        } else {
            Acquire
        };
        self.gate.load(order) & !CLOSED == 0
    }

    fn ask(&self) -> bool {
        !self.called.swap(true, AcqRel)
    }

    fn begin(&self) {
        match FLAW {
            BEGINS_LATE => {}
            STORED_BEGIN => self.called.store(false, Release),
            RELAXED_BEGIN => drop(self.called.swap(false, Relaxed)),
            _ => drop(self.called.swap(false, AcqRel)),
        }
    }
}

/// As the binding drains: a relaxed look first.
fn look_and_drain<S: Side>(side: &S) {
    if !side.is_empty() {
        side.drain(Node::free);
    }
}

fn two_pushers<S: Side>() {
    let (side, nodes) = (Arc::new(S::new()), [node(), node()]);
    let pusher = thread::spawn({
        let side = side.clone();
        move || side.push(nodes[0])
    });
    side.push(nodes[1]);
    pusher.join().unwrap();
    side.drain(Node::free);
    assert!(nodes.iter().all(|node| !node.is_owed()), "a node was lost");
    assert!(side.is_empty());
}

/// Two push, two drain; what neither drain found is still there.
fn pushes_race_two_drains<S: Side>() {
    let (side, nodes) = (Arc::new(S::new()), [node(), node()]);
    let pusher = thread::spawn({
        let side = side.clone();
        move || nodes.iter().for_each(|&node| side.push(node))
    });
    let drainer = thread::spawn({
        let side = side.clone();
        move || side.drain(Node::free)
    });
    side.drain(Node::free);
    pusher.join().unwrap();
    drainer.join().unwrap();
    side.drain(Node::free);
    assert!(nodes.iter().all(|node| !node.is_owed()), "a node was lost");
}

/// Python itself, which is there until it is finalized.
struct Interpreter(UnsafeCell<bool>);

// SAFETY: loom watches the cell.
unsafe impl Sync for Interpreter {}

impl Interpreter {
    fn call(&self) {
        // SAFETY: loom panics if the interpreter may be going meanwhile.
        let there = self.0.with(|there| unsafe { *there });
        assert!(there, "the interpreter is gone");
    }

    fn finalize(&self) {
        // SAFETY: as above.
        self.0.with_mut(|there| unsafe { *there = false });
    }
}

/// A thread that is not attached drops something, an attached one drains, and the interpreter goes:
/// nobody inside the gate finds it gone, and the node is freed, or is leaked on purpose, whole.
fn a_push_and_a_drain_race_the_close<S: Side>() {
    let (side, node) = (Arc::new(S::new()), node());
    let interpreter = Arc::new(Interpreter(UnsafeCell::new(true)));
    let dropper = thread::spawn({
        let (side, interpreter) = (side.clone(), interpreter.clone());
        move || {
            let mut asked = false;
            let pushed = side.inside(|| {
                interpreter.call(); // is this thread attached?
                side.push(node);
                asked = side.ask();
                interpreter.call(); // `Py_AddPendingCall`
            });
            assert_eq!(pushed, asked);
            pushed
        }
    });
    side.begin();
    look_and_drain(&*side);
    if !side.close() {
        while !side.nobody_inside() {
            thread::yield_now();
        }
    }
    interpreter.finalize();
    let pushed = dropper.join().unwrap();
    let (owed, left) = (node.is_owed(), !side.is_empty());
    assert_eq!(
        owed,
        left || !pushed,
        "freed, on the list, or refused at the gate"
    );
}

/// A call is on its way when somebody pushes: it sees the node, or it is asked for again.
fn a_push_races_the_call<S: Side>() {
    let (side, node) = (Arc::new(S::new()), node());
    assert!(side.ask(), "for an earlier push");
    let pusher = thread::spawn({
        let side = side.clone();
        move || {
            side.push(node);
            side.ask()
        }
    });
    side.begin();
    look_and_drain(&*side);
    let asked_again = pusher.join().unwrap();
    assert!(
        asked_again || !node.is_owed(),
        "it waits for a call that nobody asks for"
    );
}

/// Two push at once: one of them asks.
fn two_pushes_race_the_call<S: Side>() {
    let (side, nodes) = (Arc::new(S::new()), [node(), node()]);
    let pusher = thread::spawn({
        let side = side.clone();
        move || {
            side.push(nodes[0]);
            side.ask()
        }
    });
    let called = thread::spawn({
        let side = side.clone();
        move || {
            side.push(nodes[1]);
            let asked = side.ask();
            if asked {
                side.begin(); // the interpreter comes to it
                look_and_drain(&*side);
            }
        }
    });
    let asked = pusher.join().unwrap();
    called.join().unwrap();
    let waits = nodes.iter().any(|node| node.is_owed());
    assert!(
        asked || !waits,
        "a node waits for a call that nobody asks for"
    );
}

/// One test, because a panic hook is the process's.
#[test]
fn list_gate_and_call_pass_every_model_and_each_weakness_fails_its_own() {
    type Sound = Twin<0>; // without a flaw the copy is as good; so what is caught is the flaw
    models! {
        holds two_pushers::<Real>;
        holds pushes_race_two_drains::<Real>;
        holds a_push_and_a_drain_race_the_close::<Real>;
        holds a_push_races_the_call::<Real>;
        holds two_pushes_race_the_call::<Real>;

        holds two_pushers::<Sound>;
        holds pushes_race_two_drains::<Sound>;
        holds a_push_and_a_drain_race_the_close::<Sound>;
        holds a_push_races_the_call::<Sound>;
        holds two_pushes_race_the_call::<Sound>;

        is_caught two_pushers::<Twin<BLIND_PUSH>>;
        is_caught pushes_race_two_drains::<Twin<RELAXED_PUSH>>;
        is_caught pushes_race_two_drains::<Twin<RELAXED_DRAIN>>;
        is_caught pushes_race_two_drains::<Twin<LINKED_LATE>>;
        is_caught pushes_race_two_drains::<Twin<LOOKS_THEN_TAKES>>;
        is_caught a_push_and_a_drain_race_the_close::<Twin<LOOKS_THEN_ENTERS>>;
        is_caught a_push_and_a_drain_race_the_close::<Twin<RELAXED_LEAVE>>;
        is_caught a_push_and_a_drain_race_the_close::<Twin<RELAXED_CLOSE>>;
        is_caught a_push_and_a_drain_race_the_close::<Twin<RELAXED_LOOK>>;
        is_caught a_push_and_a_drain_race_the_close::<Twin<CLOSED_IN_PASSING>>;
        is_caught a_push_races_the_call::<Twin<STORED_BEGIN>>;
        is_caught a_push_races_the_call::<Twin<RELAXED_BEGIN>>;
        is_caught two_pushes_race_the_call::<Twin<BEGINS_LATE>>;
    }
}
