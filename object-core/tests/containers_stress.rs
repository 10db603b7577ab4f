//! Lists and dicts that some threads change while others read and iterate: each reader gets values
//! that are alive and were put there by somebody, an iteration ends or says that something changed,
//! and when all is done every count is exact.

#![cfg(all(not(loom), feature = "infallible", feature = "std"))]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{Drops, Noisy};
use object_core::{Any, AnyView, Dict, List, ObjectArc};

/// `TIEBACK_ROUNDS` changes how often each thread does its part.
fn rounds() -> usize {
    std::env::var("TIEBACK_ROUNDS").map_or(20_000, |text| text.parse().unwrap())
}

/// Runs two writers and two readers; readers go on until the writers are done.
fn race(write: impl Fn(usize, usize) + Sync, read: impl Fn() + Sync) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (write, read, done) = (&write, &read, &done);
        let writers =
            [0, 1].map(|thread| scope.spawn(move || (0..rounds()).for_each(|i| write(thread, i))));
        let readers = [(); 2].map(|()| {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    read();
                }
            })
        });
        // Joined by hand, which thread checkers understand.
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// The object is alive: its body can be read.
fn check(value: &Any) {
    let object = value.get::<ObjectArc<Noisy>>().unwrap();
    assert!(object.count() < usize::MAX);
    assert!(ObjectArc::strong_count(&object) >= 2);
}

#[test]
fn a_list_under_threads() {
    let drops = Drops::new();
    let noisy = || Any::from(Noisy::place(&drops));
    let list = List::from_iter((0..8).map(|_| noisy()));
    let made = std::sync::atomic::AtomicUsize::new(8);
    let new = || {
        made.fetch_add(1, Ordering::Relaxed);
        noisy()
    };
    race(
        |_, i| match i % 6 {
            0 => drop(list.set(i % 8, new())),
            1 => list.try_push(new()).unwrap(),
            2 => drop(list.pop()),
            3 => list.try_splice(1, 3, vec![new(), new()], None).unwrap(),
            4 => list.try_insert(0, new()).unwrap(),
            _ => drop(list.remove(0)),
        },
        || {
            list.try_to_vec().unwrap().iter().for_each(check);
            list.get(3).iter().for_each(check);
            let (len, version) = list.len_and_version();
            for at in 0..=len {
                match list.get_in(at, version) {
                    Ok(Some(value)) => {
                        assert!(at < len);
                        check(&value);
                    }
                    Ok(None) => assert_eq!(at, len, "of one version, so as long as it was"),
                    Err(_) => break,
                }
            }
        },
    );
    let left = list.len();
    assert_eq!(drops.count() + left, made.load(Ordering::Relaxed));
    drop(list);
    assert_eq!(drops.count(), made.load(Ordering::Relaxed));
}

#[test]
fn a_dict_under_threads() {
    let drops = Drops::new();
    let made = std::sync::atomic::AtomicUsize::new(0);
    let new = || {
        made.fetch_add(1, Ordering::Relaxed);
        Any::from(Noisy::place(&drops))
    };
    let dict = Dict::from_iter((0..16i64).map(|key| (key, new())));
    race(
        |thread, i| {
            let key = (i * 7 + thread) as i64 % 40;
            match i % 5 {
                0 | 1 => drop(dict.try_insert(key, new()).unwrap()),
                2 => drop(dict.remove(AnyView::int(key))),
                3 => check(&dict.try_get_or_insert(key, new()).unwrap()),
                _ if i % 500 == 4 => dict.clear(),
                _ => drop(dict.pop()),
            }
        },
        || {
            let flat = dict.try_to_flat().unwrap();
            let mut keys: Vec<i64> = Vec::new();
            for pair in flat.chunks_exact(2) {
                keys.push(pair[0].get().unwrap());
                check(&pair[1]);
            }
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "each key once");
            dict.get(AnyView::int(3)).iter().for_each(check);
            let (mut cursor, len) = dict.cursor(false);
            let mut seen = 0;
            loop {
                match dict.step(&mut cursor) {
                    Ok(Some((_, value))) => check(&value),
                    Ok(None) => {
                        assert_eq!(seen, len, "of one version, so all of it");
                        break;
                    }
                    Err(_) => break,
                }
                seen += 1;
            }
        },
    );
    let left = dict.len();
    assert_eq!(drops.count() + left, made.load(Ordering::Relaxed));
    drop(dict);
    assert_eq!(drops.count(), made.load(Ordering::Relaxed));
}
