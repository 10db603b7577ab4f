//! Mutable fields from many threads at once, by their own methods and by reflection, as every frontend does:
//! no data race, no torn value, nothing freed too early or too late. `ci/tsan.sh` runs it under the
//! thread sanitizer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use rust_binding::object_core::{read_field, write_field};
use rust_binding::prelude::*;
use rust_binding::{ObjectRef, type_info};

static ALIVE: AtomicI64 = AtomicI64::new(0);

#[derive(Debug)]
struct Tally(());

impl Tally {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is exchanged: both numbers are one, or the reader sees an object half made.
#[derive(Object, Debug)]
#[object(key = "stress.Pair")]
#[repr(C)]
struct Pair {
    header: ObjectHeader,
    a: i64,
    b: i64,
    #[object(skip)]
    tally: Tally,
}

fn pair(number: i64) -> ObjectArc<Pair> {
    ObjectArc::new(Pair {
        header: ObjectHeader::new(),
        a: number,
        b: number,
        tally: Tally::new(),
    })
}

#[derive(Object, Debug)]
#[object(key = "stress.Shared")]
#[repr(C)]
struct Shared {
    header: ObjectHeader,
    small: MutField<u8>,
    wide: MutField<i64>,
    ratio: MutField<f64>,
    flag: MutField<bool>,
    text: MutField<Str>,
    any: MutField<Any>,
    pair: MutField<ObjectArc<Pair>>,
    maybe: MutField<Option<ObjectArc<Pair>>>,
    weak: MutField<WeakObjectArc<Pair>>,
    #[object(skip)]
    tally: Tally,
}

const SHORT: &str = "short";
const LONG: &str = "a text that lies in an object of its own";

fn shared() -> ObjectArc<Shared> {
    ObjectArc::new(Shared {
        header: ObjectHeader::new(),
        small: MutField::new(0),
        wide: MutField::new(-1),
        ratio: MutField::new(0.0),
        flag: MutField::new(false),
        text: MutField::new(Str::from(SHORT)),
        any: MutField::new(Any::NONE),
        pair: MutField::new(pair(0)),
        maybe: MutField::new(None),
        weak: MutField::new(WeakObjectArc::null()),
        tally: Tally::new(),
    })
}

/// Writes all of it by the fields' own methods.
fn write(shared: &ObjectArc<Shared>, round: i64) {
    let number = if round % 2 == 0 { -1 } else { i64::MAX };
    shared.small.store(shared, round as u8);
    shared.wide.store(shared, number);
    shared.ratio.store(shared, round as f64);
    shared.flag.store(shared, round % 2 == 0);
    let text = if round % 2 == 0 { SHORT } else { LONG };
    shared.text.store(shared, Str::from(text));
    let new = pair(round);
    shared.any.store(shared, new.clone().into());
    shared.weak.store(shared, ObjectArc::downgrade(&new));
    drop(shared.maybe.swap(shared, Some(new.clone())));
    let old = shared.pair.swap(shared, new);
    assert_eq!(old.a, old.b);
    if round % 3 == 0 {
        shared.any.store(shared, Any::from(LONG));
        shared.maybe.store(shared, None);
    }
}

/// Writes by reflection.
#[allow(unsafe_code)]
fn write_reflected(shared: &ObjectArc<Shared>, round: i64) {
    let info = type_info(Shared::type_index().unwrap()).unwrap();
    let set = |name: &str, value: Any| {
        let field = info.field(name).unwrap();
        // SAFETY: alive, of that type, and a mutable field.
        unsafe { write_field(ObjectArc::as_ptr(shared).cast(), field, value.view()) }.unwrap();
    };
    set("wide", if round % 2 == 0 { -1i64 } else { i64::MAX }.into());
    set("text", if round % 2 == 0 { LONG } else { SHORT }.into());
    set("pair", pair(round).into());
    set("maybe", pair(round).into());
    set("weak", shared.pair.load(shared).into());
    set("any", pair(round).into());
}

/// Reads all of it, and looks at what it read.
fn read(shared: &ObjectArc<Shared>) {
    let _ = (shared.small.load(shared), shared.flag.load(shared));
    let wide = shared.wide.load(shared);
    assert!(wide == -1 || wide == i64::MAX, "{wide}");
    let ratio = shared.ratio.load(shared);
    assert!(ratio.fract() == 0.0 && ratio >= 0.0, "{ratio}");
    let text = shared.text.load(shared);
    assert!(*text == *SHORT || *text == *LONG, "{text}");
    let pairs = [
        Some(shared.pair.load(shared)),
        shared.maybe.load(shared),
        shared.weak.load(shared).upgrade(),
        shared
            .any
            .load(shared)
            .get::<Option<ObjectArc<Pair>>>()
            .unwrap_or_default(),
    ];
    for pair in pairs.into_iter().flatten() {
        assert_eq!(pair.a, pair.b);
    }
}

/// Reads by reflection.
#[allow(unsafe_code)]
fn read_reflected(shared: &ObjectArc<Shared>) {
    for field in type_info(Shared::type_index().unwrap())
        .unwrap()
        .all_fields()
    {
        // SAFETY: alive, of that type.
        let value = unsafe { read_field(ObjectArc::as_ptr(shared).cast(), field) };
        if let Ok(pair) = value.get::<ObjectArc<Pair>>() {
            assert_eq!(pair.a, pair.b);
        }
        if field.name() == "text" {
            let text = value.get::<Str>().unwrap();
            assert!(*text == *SHORT || *text == *LONG, "{text}");
        }
    }
}

#[test]
fn every_kind_is_written_and_read_at_once() {
    let rounds = if std::env::var_os("TIEBACK_SMALL").is_some() {
        50
    } else {
        2_000
    };
    let one = shared();
    thread::scope(|scope| {
        let one = &one;
        let mut threads = Vec::new();
        for offset in 0..2 {
            threads.push(scope.spawn(move || {
                (0..rounds).for_each(|round| write(one, round + offset));
            }));
            threads.push(scope.spawn(move || (0..rounds).for_each(|_| read(one))));
        }
        threads.push(scope.spawn(move || (0..rounds).for_each(|at| write_reflected(one, at))));
        threads.push(scope.spawn(move || (0..rounds).for_each(|_| read_reflected(one))));
        // One by one, because a join is what the thread sanitizer sees of the scope's end.
        for thread in threads {
            thread.join().unwrap();
        }
    });
    let last: ObjectRef = ObjectArc::upcast(one.pair.load(&one));
    drop(one);
    assert_eq!(
        ALIVE.load(Ordering::Relaxed),
        1,
        "what is kept here, and nothing else"
    );
    drop(last);
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
}
