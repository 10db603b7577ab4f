//! The table: every state against every event, illegal ones too, as pure functions and as bits.

use core::ffi::c_void;
use core::ptr::NonNull;

use py_binding::tie::kept_storage;
use py_binding::tie::step::{
    Count, Storage, Wrapping, on_dealloc, on_delete_space, on_release, on_trim, on_wrap,
};
use py_binding::tie::word::{State, Word, Wrapper};

fn wrapper(number: usize) -> Wrapper {
    let address = core::ptr::with_exposed_provenance_mut::<c_void>(0x1000 + 32 * number);
    NonNull::new(address).expect("not null")
}

/// Every state there is, of wrapper 1.
fn states() -> [State; 4] {
    let one = wrapper(1);
    [
        State::Detached,
        State::Active(one),
        State::Inactive(one),
        State::Reviving(one),
    ]
}

#[test]
fn wrap_of_every_state() {
    let one = wrapper(1);
    let table = [
        // state, the Active wrapper's count, answer
        (State::Active(one), Count::Taken, Wrapping::Return(one)),
        (State::Active(one), Count::Zero, Wrapping::Fresh), // dying: taken over
        (State::Active(one), Count::Settling, Wrapping::Wait),
    ];
    for (state, count, answer) in table {
        assert_eq!(on_wrap(state, count), answer, "{state:?} {count:?}");
    }
    // A count is only ever asked of an Active wrapper; the answer does not lean on it elsewhere.
    for count in [Count::Taken, Count::Zero, Count::Settling] {
        assert_eq!(on_wrap(State::Detached, count), Wrapping::Fresh);
        assert_eq!(on_wrap(State::Inactive(one), count), Wrapping::Revive(one));
        assert_eq!(on_wrap(State::Reviving(one), count), Wrapping::Wait);
    }
}

#[test]
fn dealloc_of_the_canonical_wrapper() {
    let one = wrapper(1);
    let active = State::Active(one);
    let kept = (Some(State::Inactive(one)), Storage::Keep);
    let freed = (Some(State::Detached), Storage::Free);
    assert_eq!(on_dealloc(active, one, true), kept);
    assert_eq!(on_dealloc(active, one, false), freed);
}

#[test]
fn dealloc_of_any_other_wrapper_leaves_the_word_alone() {
    let (one, other) = (wrapper(1), wrapper(2));
    for state in states() {
        for keep in [false, true] {
            assert_eq!(
                on_dealloc(state, other, keep),
                (None, Storage::Free),
                "{state:?}"
            );
        }
    }
    // Illegal: the word says that this very wrapper is dead or being rebuilt. It is not kept twice.
    for state in [State::Detached, State::Inactive(one), State::Reviving(one)] {
        for keep in [false, true] {
            assert_eq!(
                on_dealloc(state, one, keep),
                (None, Storage::Free),
                "{state:?}"
            );
        }
    }
}

#[test]
fn release_of_every_state() {
    let (one, other) = (wrapper(1), wrapper(2));
    assert_eq!(on_release(State::Active(one), one), Some(State::Detached));
    for state in states() {
        assert_eq!(on_release(state, other), None, "{state:?}");
    }
    for state in [State::Detached, State::Inactive(one), State::Reviving(one)] {
        assert_eq!(on_release(state, one), None, "illegal: {state:?}");
    }
}

#[test]
fn delete_space_of_every_state() {
    let one = wrapper(1);
    assert_eq!(on_delete_space(State::Detached), None);
    assert_eq!(on_delete_space(State::Inactive(one)), Some(one));
    // Illegal: an Active wrapper owns a reference, a Reviving one's thread does.
    assert_eq!(on_delete_space(State::Active(one)), None);
    assert_eq!(on_delete_space(State::Reviving(one)), None);
}

#[test]
fn trim_of_every_state() {
    let (one, two) = (wrapper(1), wrapper(2));
    for state in states() {
        let kept = state == State::Inactive(one);
        assert_eq!(on_trim(state, one), kept.then_some(State::Detached));
        assert_eq!(on_trim(state, two), None, "another wrapper's");
    }
}

#[test]
fn kept_storage_reads_the_word() {
    let one = wrapper(1);
    assert_eq!(kept_storage(Word::DETACHED), None);
    assert_eq!(kept_storage(Word::of(State::Inactive(one))), Some(one));
    assert_eq!(kept_storage(Word::of(State::Active(one))), None);
}

#[test]
fn a_word_says_what_was_written() {
    for state in states() {
        let word = Word::of(state);
        assert_eq!(word.state(), state);
        assert_eq!(Word::from_bits(word.bits()).state(), state);
        assert!(!word.is_locked());
        let locked = word.locked();
        assert!(locked.is_locked());
        assert_eq!(locked.state(), state, "the lock bit hides nothing");
    }
}

#[test]
fn every_state_has_bits_of_its_own() {
    let mut all: Vec<usize> = states()
        .iter()
        .flat_map(|&state| [Word::of(state).bits(), Word::of(state).locked().bits()])
        .collect();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(Word::of(State::Detached).bits(), 0, "the header's zero");
    let one = wrapper(1);
    assert_eq!(
        Word::of(State::Active(one)).bits(),
        one.as_ptr().addr(),
        "Active is the plain address"
    );
}

#[test]
fn the_fast_path_takes_exactly_the_unlocked_active() {
    let one = wrapper(1);
    for state in states() {
        let word = Word::of(state);
        let expected = (state == State::Active(one)).then_some(one);
        assert_eq!(word.active(), expected, "{state:?}");
        assert_eq!(word.locked().active(), None, "{state:?} locked");
    }
}

/// I4: every wrapper passed in is untagged.
#[test]
#[cfg(debug_assertions)]
fn a_tagged_wrapper_is_refused() {
    for tag in 1..8 {
        let address = core::ptr::with_exposed_provenance_mut::<c_void>(0x1000 | tag);
        let tagged = NonNull::new(address).expect("not null");
        for state in [
            State::Active(tagged),
            State::Inactive(tagged),
            State::Reviving(tagged),
        ] {
            let outcome = std::panic::catch_unwind(|| Word::of(state));
            assert!(outcome.is_err(), "tag {tag} in {state:?}");
        }
    }
}

#[test]
fn words_are_readable() {
    let one = wrapper(1);
    assert_eq!(format!("{:?}", Word::DETACHED), "Detached");
    let text = format!("{:?}", Word::of(State::Active(one)).locked());
    assert!(
        text.starts_with("Active(") && text.ends_with(" (locked)"),
        "{text}"
    );
}
