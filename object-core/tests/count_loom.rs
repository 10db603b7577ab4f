//! The counts under every interleaving, and copies of them with one weakness each, which the same
//! models must find. `make loom` runs it.

#![cfg(loom)]
#![allow(unsafe_code)]

mod modelled;
#[macro_use]
#[path = "modelled/run.rs"]
mod run;
#[path = "modelled/twin.rs"]
mod twin;

use std::sync::Arc; // not loom's, which would order more than the counts do
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use modelled::{Marked, Words, object};
use object_core::count::{Counts, Released};
use twin::*;

fn clones_are_dropped_on_three_threads<C: Words>() {
    let first = object::<C>();
    let threads = [(); 2].map(|()| {
        let own = first.clone_strong();
        thread::spawn(move || {
            own.look();
            own.drop_strong();
        })
    });
    first.look();
    first.drop_strong();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    first.ended();
}

/// What a call returns is given back, and the argument that it is keeps the object: a reference of
/// another thread's, which lends it meanwhile.
fn one_of_two_is_given_back<C: Words>() {
    let lent = object::<C>();
    let done = Arc::new(AtomicBool::new(false));
    let thread = thread::spawn({
        let (own, done) = (lent.clone_strong(), done.clone());
        move || {
            own.look();
            assert!(own.counts.dec_kept());
            done.store(true, Relaxed); // which orders nothing: the counts do
        }
    });
    let third = lent.clone_strong();
    while !done.load(Relaxed) {
        thread::yield_now();
    }
    lent.drop_strong();
    third.drop_strong();
    lent.ended();
    thread.join().unwrap();
}

fn an_upgrade_races_the_last_drop<C: Words>() {
    upgrade_races_drop::<C>(|_| ());
}

/// `meanwhile` runs on the thread that drops, before it does.
fn upgrade_races_drop<C: Words>(meanwhile: fn(&C)) {
    let strong = object::<C>();
    strong.counts.inc_weak();
    let weak = strong.clone();
    let thread = thread::spawn(move || {
        if weak.upgrade() {
            weak.look();
            weak.drop_strong();
        }
        weak.drop_weak();
    });
    meanwhile(&strong.counts);
    strong.look();
    strong.drop_strong();
    thread.join().unwrap();
    strong.ended();
}

fn a_downgrade_races_a_drop<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let thread = thread::spawn(move || {
        own.counts.inc_weak();
        own.look();
        own.drop_strong();
        if own.upgrade() {
            own.look();
            own.drop_strong();
        }
        own.drop_weak();
    });
    strong.drop_strong();
    thread.join().unwrap();
    strong.ended();
}

fn weak_references_end_the_space_once<C: Words>() {
    let strong = object::<C>();
    let threads = [(); 2].map(|()| {
        strong.counts.inc_weak();
        let weak = strong.clone();
        thread::spawn(move || weak.drop_weak())
    });
    strong.drop_strong();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    strong.ended();
}

fn the_only_reference_may_change_the_body<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let thread = thread::spawn(move || {
        own.look();
        own.drop_strong();
    });
    // loom does not come back to a load once the other thread has loaded too: let that one go first.
    thread::yield_now();
    if strong.counts.is_unique() {
        // SAFETY: as above.
        strong.body.with_mut(|body| unsafe { *body = true });
    }
    thread.join().unwrap();
    assert!(strong.counts.is_unique());
    strong.drop_strong();
    strong.ended();
}

/// A wrapper has the object's one reference, and lends it to two threads; meanwhile its bit is set.
/// That the object owns its wrapper from there on is somebody's to see to.
fn one_step_from_the_wrapper_alone_is_settled<C: Words>() {
    let object = object::<C>();
    let settled = Arc::new(AtomicUsize::new(0));
    let threads = [(); 2].map(|()| {
        let (lent, settled) = (object.clone(), settled.clone());
        thread::spawn(move || {
            let due = lent.counts.inc();
            settled.fetch_add(usize::from(due), SeqCst);
        })
    });
    let others = object.counts.set_shared() > 1;
    settled.fetch_add(usize::from(others), SeqCst);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_ne!(settled.load(SeqCst), 0, "settled by nobody");
    assert_eq!(object.counts.strong(), 3, "and counted by both");
}

/// Once the bit is set, references are given back by slow calls only.
fn a_bit_set_meanwhile_is_seen<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let slow = Arc::new(AtomicUsize::new(0));
    let calls = slow.clone();
    let thread = thread::spawn(move || {
        if own.counts.dec() == Released::Slow {
            calls.fetch_add(1, SeqCst); // where the runtime would count
        }
    });
    let before = strong.counts.set_shared() as usize;
    thread.join().unwrap();
    let after = strong.counts.strong() as usize;
    assert_eq!(before, after, "a plain count landed on a flagged word");
    let slow = slow.load(SeqCst);
    assert_eq!(after, 1 + slow, "given back in place, or slowly");
}

/// Of a busy object a reference is given back in place, though the bit is set meanwhile, or by a slow call.
fn a_bit_set_meanwhile_is_seen_or_too_late<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let slow = Arc::new(AtomicUsize::new(0));
    let calls = slow.clone();
    let thread = thread::spawn(move || {
        if own.counts.dec_busy() == Released::Slow {
            calls.fetch_add(1, SeqCst); // where the runtime would count
        }
    });
    strong.counts.set_shared();
    thread.join().unwrap();
    let (after, slow) = (strong.counts.strong() as usize, slow.load(SeqCst));
    assert_eq!(after, 1 + slow, "given back in place, or slowly");
}

/// A bit set between any two steps: what is counted in place and what slowly add up.
fn a_bit_set_meanwhile_loses_no_reference<C: Words>() {
    let strong = object::<C>();
    let own = strong.clone_strong();
    let thread = thread::spawn(move || {
        let clone = own.clone_strong();
        clone.look();
        clone.drop_strong();
        own.drop_strong();
    });
    strong.counts.set_shared();
    strong.look();
    strong.drop_strong();
    thread.join().unwrap();
    strong.ended();
}

fn a_flagged_upgrade_races_the_last_drop<C: Words>() {
    upgrade_races_drop::<C>(|counts| {
        counts.set_shared();
    });
}

/// Who turns one kind of reference into the other is seen by whoever looks at both counts.
fn a_look_misses_nobody<C: Words>() {
    let strong = object::<C>();
    strong.counts.inc_weak();
    let own = strong.clone();
    let thread = thread::spawn(move || {
        assert!(own.upgrade(), "it is alive");
        own.drop_weak();
        own
    });
    // As above; what is read then may be older.
    thread::yield_now();
    let (all, weak) = strong.counts.both();
    assert!(all - 1 + weak >= 1, "held by neither: {all}, {weak}");
    thread.join().unwrap().drop_strong();
    strong.drop_strong();
    strong.ended();
}

/// One test, because a panic hook is the process's.
#[test]
fn the_counts_pass_every_model_and_each_weakness_fails_its_own() {
    type Sound = Twin<0>; // without a flaw the copy is as good; so what is caught is the flaw
    type Busy<C> = Marked<C, true>;
    models! {
        holds clones_are_dropped_on_three_threads::<Counts>;
        holds one_of_two_is_given_back::<Counts>;
        holds an_upgrade_races_the_last_drop::<Counts>;
        holds a_downgrade_races_a_drop::<Counts>;
        holds weak_references_end_the_space_once::<Counts>;
        holds the_only_reference_may_change_the_body::<Counts>;
        holds one_step_from_the_wrapper_alone_is_settled::<Counts>;
        holds a_bit_set_meanwhile_is_seen::<Counts>;
        holds a_bit_set_meanwhile_is_seen_or_too_late::<Counts>;
        holds a_bit_set_meanwhile_loses_no_reference::<Counts>;
        holds a_flagged_upgrade_races_the_last_drop::<Counts>;
        holds a_look_misses_nobody::<Counts>;

        holds clones_are_dropped_on_three_threads::<Marked<Counts, false>>;
        holds an_upgrade_races_the_last_drop::<Marked<Counts, false>>;
        holds a_downgrade_races_a_drop::<Marked<Counts, false>>;
        holds weak_references_end_the_space_once::<Marked<Counts, false>>;
        holds the_only_reference_may_change_the_body::<Marked<Counts, false>>;
        holds a_bit_set_meanwhile_loses_no_reference::<Marked<Counts, false>>;
        holds a_flagged_upgrade_races_the_last_drop::<Marked<Counts, false>>;

        holds clones_are_dropped_on_three_threads::<Busy<Counts>>;
        holds an_upgrade_races_the_last_drop::<Busy<Counts>>;
        holds a_downgrade_races_a_drop::<Busy<Counts>>;
        holds weak_references_end_the_space_once::<Busy<Counts>>;
        holds the_only_reference_may_change_the_body::<Busy<Counts>>;
        holds a_bit_set_meanwhile_loses_no_reference::<Busy<Counts>>;
        holds a_flagged_upgrade_races_the_last_drop::<Busy<Counts>>;

        holds clones_are_dropped_on_three_threads::<Sound>;
        holds one_of_two_is_given_back::<Sound>;
        holds an_upgrade_races_the_last_drop::<Sound>;
        holds a_downgrade_races_a_drop::<Sound>;
        holds weak_references_end_the_space_once::<Sound>;
        holds the_only_reference_may_change_the_body::<Sound>;
        holds one_step_from_the_wrapper_alone_is_settled::<Sound>;
        holds a_bit_set_meanwhile_is_seen::<Sound>;
        holds a_bit_set_meanwhile_is_seen_or_too_late::<Sound>;
        holds a_bit_set_meanwhile_loses_no_reference::<Sound>;
        holds a_flagged_upgrade_races_the_last_drop::<Sound>;
        holds a_look_misses_nobody::<Sound>;

        holds clones_are_dropped_on_three_threads::<Busy<Sound>>;
        holds an_upgrade_races_the_last_drop::<Busy<Sound>>;
        holds a_downgrade_races_a_drop::<Busy<Sound>>;
        holds weak_references_end_the_space_once::<Busy<Sound>>;
        holds the_only_reference_may_change_the_body::<Busy<Sound>>;
        holds a_bit_set_meanwhile_loses_no_reference::<Busy<Sound>>;
        holds a_flagged_upgrade_races_the_last_drop::<Busy<Sound>>;

        is_caught clones_are_dropped_on_three_threads::<Twin<RELAXED_DEC>>;
        is_caught clones_are_dropped_on_three_threads::<Twin<NO_ACQUIRE>>;
        is_caught clones_are_dropped_on_three_threads::<Twin<RELAXED_LAST>>;
        is_caught one_of_two_is_given_back::<Twin<RELAXED_KEPT>>;
        is_caught one_of_two_is_given_back::<Twin<SUBTRACTS_IN_TWO>>;
        is_caught an_upgrade_races_the_last_drop::<Twin<BLIND_UPGRADE>>;
        is_caught a_downgrade_races_a_drop::<Twin<FORGETS_WEAK>>;
        is_caught a_downgrade_races_a_drop::<Twin<RELAXED_DEC>>;
        is_caught weak_references_end_the_space_once::<Twin<RELAXED_WEAK_DEC>>;
        is_caught weak_references_end_the_space_once::<Twin<NO_ACQUIRE>>;
        is_caught the_only_reference_may_change_the_body::<Twin<RELAXED_UNIQUE>>;
        is_caught one_step_from_the_wrapper_alone_is_settled::<Twin<LOOKS_FIRST>>;
        is_caught a_bit_set_meanwhile_is_seen::<Twin<BLIND_DEC>>;
        is_caught a_bit_set_meanwhile_loses_no_reference::<Twin<RELAXED_FLAGGED_DEC>>;
        is_caught a_bit_set_meanwhile_loses_no_reference::<Twin<COUNTS_TWICE>>;
        is_caught a_flagged_upgrade_races_the_last_drop::<Twin<BLIND_FLAGGED_UPGRADE>>;
        is_caught a_look_misses_nobody::<Twin<LOOKS_TWICE>>;
        is_caught clones_are_dropped_on_three_threads::<Busy<Twin<RELAXED_BUSY>>>;
        is_caught clones_are_dropped_on_three_threads::<Busy<Twin<ENDS_UNSEEN>>>;
        is_caught a_downgrade_races_a_drop::<Busy<Twin<FORGETS_WEAK_BUSY>>>;
        is_caught a_downgrade_races_a_drop::<Busy<Twin<LOOKS_FOR_WEAK_FIRST>>>;
        is_caught a_bit_set_meanwhile_is_seen_or_too_late::<Twin<BUSY_TWICE>>;
    }
}
