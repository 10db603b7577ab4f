//! Objects in the arena and on mimalloc, from Rust: each back where it came from, as it was asked for.

use backings::{Page, Thing, counts, use_backing};
use rust_binding::prelude::*;

fn alive(name: &str) -> u64 {
    let answer = counts(name).unwrap();
    assert_eq!(answer.wrong, 0, "{name}");
    answer.alive
}

/// One test, because the backing is the process's.
#[test]
fn every_block_goes_back_where_it_came_from() {
    // The methods of a type are functions, which stay where they were when it was registered.
    assert!(Page::type_index().unwrap() >= 128);
    let before = Thing::named("made in the default one", 1i64);
    assert_eq!(use_backing("arena").unwrap(), "default");
    let in_arena = Thing::named("a text that has an object of its own", before.clone());
    assert_eq!(alive("arena"), 2);
    assert_eq!(use_backing("general").unwrap(), "arena");
    let general = Thing::named("another text with an object of its own", in_arena.clone());
    assert_eq!(alive("general"), 2);
    // Strings of every length, arrays, errors and closures: every shape of block.
    let kept: Vec<Any> = (0..300)
        .map(|len| match len % 4 {
            0 => Any::from("x".repeat(len).as_str()),
            1 => Any::from(Bytes::from(vec![7; len].as_slice())),
            2 => Any::from(Array::from_iter(0..len as i64)),
            _ => Any::from(typed("kept", move || len as i64)),
        })
        .collect();
    let out = alive("general");
    assert!(out > 290, "{out}");
    assert_eq!(use_backing("default").unwrap(), "general");

    // Freed under another backing than they were made under, on another thread too.
    std::thread::spawn(move || drop(kept)).join().unwrap();
    assert_eq!(alive("general"), 2);
    drop(general);
    assert_eq!((alive("general"), alive("arena")), (0, 2));
    drop(in_arena);
    assert_eq!(alive("arena"), 0);
    assert_eq!(
        before.name.load(&before).as_str(),
        "made in the default one"
    );
    assert_eq!(ObjectArc::strong_count(&before), 1);
    let error = use_backing("heap").unwrap_err();
    assert_eq!(error.kind(), "KeyError");
}
