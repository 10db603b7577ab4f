//! Everything of an object that threads may do at once, done at once: each value read is one that
//! somebody wrote, each destructor runs once and sees what was done to its object, every count is
//! exact at the end. Under the thread sanitizer (`ci/tsan.sh`) an ordering too weak is a report.
//!
//! `TIEBACK_ROUNDS` says how often each thread does its part.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::cell::UnsafeCell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use common::{Drops, Noisy, Point, Told, object};
use object_core::abi::FieldKind;
use object_core::{
    Any, Array, Bytes, Error, FieldSpec, Function, MutField, Object, ObjectArc, ObjectHeader, Str,
    TypeBuilder, UniqueObject, WeakObjectArc, WithItems, is_instance, register_reflected,
    type_index as index, type_index_of, type_info,
};

const THREADS: usize = 4;

fn rounds() -> usize {
    std::env::var("TIEBACK_ROUNDS").map_or(20_000, |text| text.parse().unwrap())
}

/// Each thread does its part, all from the same moment on.
fn at_once(part: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let (part, barrier) = (&part, &barrier);
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    barrier.wait();
                    part(thread);
                })
            })
            .collect();
        // Joined by hand, which thread checkers understand.
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

/// A note that each thread writes in a place of its own, without an atomic; the destructor reads
/// all of them.
#[repr(C)]
struct Notes {
    header: ObjectHeader,
    notes: [UnsafeCell<usize>; THREADS],
    _told: Told,
    total: &'static AtomicUsize,
}
object!(Notes, "threads_stress.Notes");

// SAFETY: thread i writes note i only, and the destructor reads when nobody else can.
unsafe impl Sync for Notes {}

impl Notes {
    fn place(drops: &Drops, total: &'static AtomicUsize) -> ObjectArc<Self> {
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            notes: std::array::from_fn(|_| UnsafeCell::new(0)),
            _told: Told(drops.clone()),
            total,
        })
    }

    fn note(&self, thread: usize) {
        // SAFETY: thread i's alone.
        unsafe { *self.notes[thread].get() += 1 };
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let sum = self.notes.iter_mut().map(|note| *note.get_mut()).sum();
        self.total.fetch_add(sum, Ordering::Relaxed);
    }
}

/// The last of the threads drops it: the destructor has to see what the others did.
#[test]
fn a_destructor_sees_what_every_holder_did() {
    static TOTAL: AtomicUsize = AtomicUsize::new(0);
    let (drops, batch) = (Drops::new(), 64);
    let batches = rounds().div_ceil(batch);
    for _ in 0..batches {
        let objects: Vec<_> = (0..batch).map(|_| Notes::place(&drops, &TOTAL)).collect();
        let shares: Vec<_> = (0..THREADS)
            .map(|_| std::sync::Mutex::new(Some(objects.clone())))
            .collect();
        drop(objects);
        at_once(|thread| {
            let mine = shares[thread].lock().unwrap().take().unwrap();
            for object in mine {
                let clone = object.clone();
                clone.note(thread);
                drop(object);
                drop(clone);
            }
        });
    }
    assert_eq!(drops.count(), batches * batch);
    assert_eq!(TOTAL.load(Ordering::Relaxed), batches * batch * THREADS);
}

#[test]
fn upgrades_race_the_last_drop_and_the_last_weak_frees() {
    static TOTAL: AtomicUsize = AtomicUsize::new(0);
    let (drops, batch, noted) = (Drops::new(), 64, AtomicUsize::new(0));
    let batches = rounds().div_ceil(batch);
    for _ in 0..batches {
        let objects: Vec<_> = (0..batch).map(|_| Notes::place(&drops, &TOTAL)).collect();
        let weak: Vec<_> = (0..THREADS)
            .map(|_| std::sync::Mutex::new(objects.iter().map(ObjectArc::downgrade).collect()))
            .collect();
        let strong = std::sync::Mutex::new(objects);
        at_once(|thread| {
            if thread == 0 {
                strong.lock().unwrap().clear();
            }
            let mine: Vec<WeakObjectArc<Notes>> = std::mem::take(&mut weak[thread].lock().unwrap());
            for weak in mine {
                let other = weak.clone();
                if let Some(object) = weak.upgrade() {
                    object.note(thread);
                    noted.fetch_add(1, Ordering::Relaxed);
                    drop((weak, object));
                } else {
                    drop(weak);
                }
                drop(other);
            }
        });
    }
    assert_eq!(drops.count(), batches * batch);
    assert_eq!(TOTAL.load(Ordering::Relaxed), noted.load(Ordering::Relaxed));
}

/// Whoever is told that it is unique changes the body at once, without a lock.
#[test]
fn who_is_unique_may_write() {
    let wins = AtomicUsize::new(0);
    for round in 0..rounds() / 8 {
        let object = ObjectArc::new(Point::at(0, 0));
        let shares: Vec<_> = (0..2)
            .map(|_| std::sync::Mutex::new(Some(object.clone())))
            .collect();
        drop(object);
        std::thread::scope(|scope| {
            let threads = [&shares[0], &shares[1]].map(|share| {
                let wins = &wins;
                scope.spawn(move || {
                    let mine = share.lock().unwrap().take().unwrap();
                    assert_eq!(mine.x, mine.y);
                    if let Ok(mut unique) = ObjectArc::try_unique(mine) {
                        unique.x = round as i64;
                        unique.y = unique.x;
                        wins.fetch_add(1, Ordering::Relaxed);
                        let shared = UniqueObject::share(unique);
                        assert_eq!(shared.x, shared.y);
                    }
                })
            });
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        });
    }
    let wins = wins.load(Ordering::Relaxed);
    assert!(
        (1..=rounds() / 8).contains(&wins),
        "{wins} of {}",
        rounds() / 8
    );
}

#[repr(C)]
struct Every {
    header: ObjectHeader,
    i8: MutField<i8>,
    i16: MutField<i16>,
    i32: MutField<i32>,
    i64: MutField<i64>,
    u8: MutField<u8>,
    u16: MutField<u16>,
    u32: MutField<u32>,
    u64: MutField<u64>,
    // In front of f32: on a 32-bit target nothing else aligns it to 8.
    f64: MutField<f64>,
    f32: MutField<f32>,
    bool: MutField<bool>,
    text: MutField<Str>,
    bytes: MutField<Bytes>,
    any: MutField<Any>,
    object: MutField<Option<ObjectArc<Noisy>>>,
    weak: MutField<WeakObjectArc<Noisy>>,
    array: MutField<Array>,
    call: MutField<Function>,
    error: MutField<Error>,
}
object!(Every, "threads_stress.Every");

fn returns(value: i64) -> Function {
    Function::from_packed(move |_| Ok(Any::from(value)))
}

fn numbers(value: i64) -> Array {
    Array::try_from_values([value; 3]).unwrap()
}

/// Half of the threads replace, half read. Every number stored is a multiple of 11 whose bytes all
/// repeat, so that a torn one shows.
#[test]
fn fields_of_every_kind_are_read_and_replaced() {
    let drops = Drops::new();
    let object = ObjectArc::new(Every {
        header: ObjectHeader::new(),
        i8: MutField::new(0),
        i16: MutField::new(0),
        i32: MutField::new(0),
        i64: MutField::new(0),
        u8: MutField::new(0),
        u16: MutField::new(0),
        u32: MutField::new(0),
        u64: MutField::new(0),
        f32: MutField::new(0.0),
        f64: MutField::new(0.0),
        bool: MutField::new(false),
        text: MutField::new(Str::from("")),
        bytes: MutField::new(Bytes::EMPTY),
        any: MutField::new(Any::NONE),
        object: MutField::new(None),
        weak: MutField::new(WeakObjectArc::null()),
        array: MutField::new(numbers(0)),
        call: MutField::new(returns(0)),
        error: MutField::new(Error::new("E", "0")),
    });
    let made = AtomicUsize::new(0);
    let every = &object;
    at_once(|thread| {
        for round in 0..rounds() / 10 {
            let byte = (round % 128) as u8;
            let whole = i64::from_ne_bytes([byte; 8]);
            if thread % 2 == 0 {
                every.i8.set(every, whole as i8).unwrap();
                every.i16.set(every, whole as i16).unwrap();
                every.i32.set(every, whole as i32).unwrap();
                every.i64.set(every, whole).unwrap();
                every.u8.set(every, byte).unwrap();
                every.u16.set(every, whole as u16).unwrap();
                every.u32.set(every, whole as u32).unwrap();
                every.u64.set(every, whole).unwrap();
                every.f32.set(every, f64::from(byte)).unwrap();
                every.f64.set(every, f64::from(byte)).unwrap();
                every.bool.set(every, byte % 2 == 0).unwrap();
                let text = "text ".repeat(usize::from(byte % 9));
                every.text.set(every, &*text).unwrap();
                every
                    .bytes
                    .set(every, Bytes::from(text.as_bytes()))
                    .unwrap();
                let noisy = Noisy::place(&drops);
                made.fetch_add(1, Ordering::Relaxed);
                every.any.set(every, noisy.clone()).unwrap();
                every.object.set(every, noisy.clone()).unwrap();
                every.weak.set(every, noisy).unwrap();
                every
                    .array
                    .set(every, numbers(whole).into_object())
                    .unwrap();
                every.call.set(every, returns(whole).into_object()).unwrap();
                let error = Error::new("E", &byte.to_string());
                every.error.set(every, error).unwrap();
            } else {
                let is_whole = |value: i64, size: usize| {
                    let bytes = value.to_le_bytes();
                    bytes[..size].iter().all(|byte| *byte == bytes[0])
                };
                assert!(is_whole(every.i16.get(every).unwrap(), 2));
                assert!(is_whole(every.i32.get(every).unwrap(), 4));
                assert!(is_whole(every.i64.get(every).unwrap(), 8));
                assert!(is_whole(every.u16.get(every).unwrap(), 2));
                assert!(is_whole(every.u32.get(every).unwrap(), 4));
                assert!(is_whole(every.u64.get(every).unwrap(), 8));
                for small in [&every.i8.get::<_, i64>(every), &every.u8.get(every)] {
                    assert!((0..128).contains(small.as_ref().unwrap()));
                }
                for float in [every.f32.get::<_, f64>(every), every.f64.get(every)] {
                    let float = float.unwrap();
                    assert!(float.fract() == 0.0 && (0.0..128.0).contains(&float));
                }
                every.bool.get::<_, bool>(every).unwrap();
                let text: Str = every.text.get(every).unwrap();
                assert!(text.split_terminator(' ').all(|word| word == "text"));
                let bytes: Bytes = every.bytes.get(every).unwrap();
                assert!(bytes.chunks(5).all(|word| word == b"text "));
                let any: Any = every.any.get(every).unwrap();
                if let Ok(noisy) = any.get::<ObjectArc<Noisy>>() {
                    assert!(noisy.count() <= made.load(Ordering::Relaxed));
                }
                for field in [
                    every.object.get::<_, Option<ObjectArc<Noisy>>>(every),
                    every.weak.get(every),
                ] {
                    if let Some(noisy) = field.unwrap() {
                        assert!(ObjectArc::strong_count(&noisy) >= 1);
                        assert!(noisy.count() <= made.load(Ordering::Relaxed));
                    }
                }
                let array: Array = every.array.get(every).unwrap();
                let first = array.get(0).unwrap().get::<i64>().unwrap();
                assert!(array.iter().all(|one| one.get::<i64>().unwrap() == first));
                assert!(is_whole(first, 8));
                let call: Function = every.call.get(every).unwrap();
                let value = call.call_packed(&[]).unwrap().get::<i64>().unwrap();
                assert!(is_whole(value, 8));
                let error: Error = every.error.get(every).unwrap();
                assert!(error.message().parse::<u8>().unwrap() < 128);
            }
        }
    });
    drop(object);
    assert_eq!(drops.count(), made.load(Ordering::Relaxed));
}

/// In-place items are written before the array is shared and read by all; whoever is last drops
/// them. Somebody may still know it weakly.
#[test]
fn arrays_are_read_by_all_and_dropped_by_the_last() {
    let drops = Drops::new();
    let batches = rounds().div_ceil(100);
    for batch in 0..batches {
        let plain = ObjectArc::with_items(WithItems::new(ObjectHeader::new()), 16, |i| i + batch);
        let held = ObjectArc::with_items(WithItems::new(ObjectHeader::new()), 8, |_| {
            Noisy::place(&drops)
        });
        let values =
            Array::try_from_values((0..8).map(|_| Noisy::place(&drops)).collect::<Vec<_>>())
                .unwrap();
        let weak = ObjectArc::downgrade(&held);
        let shares: Vec<_> = (0..THREADS)
            .map(|_| std::sync::Mutex::new(Some((plain.clone(), held.clone(), values.clone()))))
            .collect();
        drop((plain, held, values));
        at_once(|thread| {
            let (plain, held, values) = shares[thread].lock().unwrap().take().unwrap();
            let items = ObjectArc::items(&plain);
            assert!(items.iter().enumerate().all(|(i, item)| *item == i + batch));
            let one = ObjectArc::items(&held)[thread].clone();
            drop((plain, held));
            assert!(one.count() <= 16 * batches);
            let value = values.get(thread).unwrap().clone();
            drop(values);
            assert!(value.get::<ObjectArc<Noisy>>().unwrap().count() <= 16 * batches);
            if let Some(again) = weak.upgrade() {
                assert_eq!(ObjectArc::items(&again).len(), 8);
            }
        });
        assert!(weak.upgrade().is_none());
    }
    assert_eq!(drops.count(), 16 * batches);
}

/// Called, cloned, registered, replaced, looked up and removed by name.
#[test]
fn functions_are_called_and_renamed_from_everywhere() {
    const NAME: &str = "threads_stress.function";
    let (drops, made, calls) = (Drops::new(), AtomicUsize::new(0), AtomicUsize::new(0));
    let shared = {
        let told = Told(drops.clone());
        Function::from_packed(move |args| {
            assert!(told.0.count() < usize::MAX);
            Ok(Any::from(i64::try_from(args[0])? + 1))
        })
    };
    // Half of the threads give the name a new meaning each round, and the last thing they do is that;
    // the others look, until they have found it.
    at_once(|thread| {
        let mut found = thread % 2 == 0;
        let mut round = 0;
        while round < rounds() / 10 || !found {
            round += 1;
            let arg = Any::from((round + thread) as i64);
            let answer = shared.clone().call_packed(&[arg.view()]).unwrap();
            assert_eq!(answer.get::<i64>().unwrap(), (round + thread) as i64 + 1);
            if thread % 2 == 0 {
                let told = Told(drops.clone());
                made.fetch_add(1, Ordering::Relaxed);
                let function = Function::from_packed(move |_| Ok(Any::from(told.0.count() as i64)));
                if round % 16 == 0 {
                    Function::remove_global(NAME);
                }
                function.register_global(NAME, true).unwrap();
            } else if let Some(function) = Function::get_global(NAME) {
                let count = function.call_packed(&[]).unwrap().get::<i64>().unwrap();
                assert!(count as usize <= made.load(Ordering::Relaxed));
                calls.fetch_add(1, Ordering::Relaxed);
                found = true;
            }
        }
    });
    Function::remove_global(NAME);
    drop(shared);
    assert_eq!(drops.count(), made.load(Ordering::Relaxed) + 1);
    assert!(calls.load(Ordering::Relaxed) > 0, "nobody found it");
}

/// New types come while others are looked up, by number and by key: what is found is whole, with its
/// ancestors and fields. Enough of them that tables grow.
#[test]
fn types_are_looked_up_while_others_are_registered() {
    let (types, newest) = (rounds().min(2_000), AtomicI32::new(index::OBJECT));
    let done = AtomicUsize::new(0);
    at_once(|thread| {
        if thread < 2 {
            for number in 0..types {
                // Both threads register each key: one of them first, the other the same again.
                let spec = FieldSpec {
                    name: "only",
                    doc: "",
                    kind: FieldKind::I64,
                    value_kind: None,
                    flags: 0,
                    type_index: index::OBJECT,
                };
                let key = format!("threads_stress.T{number}");
                let made = register_reflected(&key, "doc", index::OBJECT, &[spec]).unwrap();
                assert_eq!(type_index_of(&key), Some(made));
                // Relaxed: the number alone must do, as it does in an object's header.
                newest.store(made, Ordering::Relaxed);
            }
            done.fetch_add(1, Ordering::Relaxed);
            return;
        }
        while done.load(Ordering::Relaxed) < 2 {
            let number = newest.load(Ordering::Relaxed);
            // It may not be in view yet: the number came without any ordering.
            let Some(info) = type_info(number) else {
                continue;
            };
            assert_eq!(info.type_index, number);
            assert!(is_instance(number, index::OBJECT));
            if number != index::OBJECT {
                assert!(info.key().starts_with("threads_stress.T"));
                assert_eq!(info.ancestors().len(), 1);
                assert_eq!(info.own_fields()[0].name(), "only");
                assert_eq!(type_index_of(info.key()), Some(number));
            }
        }
    });
    // A Rust type's first use, by all at once.
    #[repr(C)]
    struct First {
        header: ObjectHeader,
    }
    object!(First, "threads_stress.First", |builder: TypeBuilder<
        'static,
        First,
    >| builder);
    let agreed = AtomicI32::new(0);
    at_once(|_| {
        let object = ObjectArc::new(First {
            header: ObjectHeader::new(),
        });
        let number = ObjectArc::header(&object).type_index();
        assert_eq!(First::type_index(), Ok(number));
        let before = agreed.swap(number, Ordering::Relaxed);
        assert!(before == 0 || before == number);
    });
}

/// Frames are added to one error by all while all read them: what is read is whole lines.
#[test]
fn tracebacks_grow_while_they_are_read() {
    for _ in 0..rounds().div_ceil(2_000) {
        let error = Error::new("ValueError", "shared");
        at_once(|thread| {
            for _ in 0..50 {
                error.clone().push_traceback(&format!("frame {thread}"));
                let text = error.traceback();
                assert!(!text.is_empty());
                assert!(text.lines().all(|line| {
                    line.strip_prefix("frame ")
                        .is_some_and(|rest| rest.len() == 1)
                }));
            }
        });
    }
}
