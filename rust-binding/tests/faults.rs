//! Registration with its n-th allocation refused, for every n: all of it, or nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rust_binding::prelude::*;
use rust_binding::{IntoAny, register, try_typed};

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// Allocations until one fails; 0 means that none does.
    static FAIL_IN: Cell<usize> = const { Cell::new(0) };
}

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: blocks are the system's; the counters do not allocate and nothing unwinds.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let fail_in = FAIL_IN.get();
        FAIL_IN.set(fail_in.saturating_sub(1));
        if fail_in == 1 {
            return std::ptr::null_mut();
        }
        LIVE.set(LIVE.get() + 1);
        // SAFETY: the trait's contract is this one's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - 1);
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}

/// Calls `make` with ever later failures until it succeeds; answers how often it failed.
fn sweep<T, E: Into<Error>>(make: impl Fn() -> Result<T, E>, failed: impl Fn()) -> usize {
    for nth in 1..100 {
        let before = LIVE.get();
        FAIL_IN.set(nth);
        let made = make();
        let refused = FAIL_IN.replace(0) == 0;
        match made {
            Ok(value) => {
                assert!(!refused, "number {nth} was refused, and nobody noticed");
                drop(value);
                return nth - 1;
            }
            Err(error) => assert_eq!(error.into().kind(), "MemoryError"),
        }
        failed();
        assert_eq!(LIVE.get(), before, "after the refusal of number {nth}");
    }
    panic!("it never succeeds");
}

#[repr(C)]
struct Thing(ObjectHeader);

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Thing {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("faults.Thing").register())
    }
}

#[test]
fn exports_are_registered_whole_or_not_at_all() {
    const NAMES: [&str; 4] = ["faults.one", "faults.two", "faults.three", "faults.four"];
    Thing::type_index().unwrap();
    // The map of names is the process's; what is in it is counted.
    typed("warm", || ())
        .register_global("faults.warm", false)
        .unwrap();
    let (counted, owned) = (Any::from(3), "faults.four".to_owned());
    let refused = sweep(
        || {
            let owned = {
                let (mut copy, wanted) = (String::new(), owned.as_str());
                copy.try_reserve_exact(wanted.len())
                    .map_err(|_| Error::out_of_memory())?;
                copy.push_str(wanted);
                copy
            };
            let (first, second) = (counted.clone(), counted.clone());
            register(|exports| {
                exports
                    .object_type::<Thing>()
                    .function(NAMES[0], move || first.clone())
                    .function_releasing_interpreter(NAMES[1], move || second.clone())
                    .function(owned, |x: i64| x);
                let again = try_typed("again", |x: i64| x)?;
                exports.add(NAMES[2], again);
                Ok(())
            })
        },
        || {
            assert!(
                NAMES
                    .iter()
                    .all(|name| Function::get_global(name).is_none())
            )
        },
    );
    // A list of types, one of functions, four functions, four names, two copies of the fourth.
    assert!(refused >= 12, "{refused}");
    assert!(NAMES.iter().all(|name| Function::remove_global(name)));
}

#[test]
fn typed_functions_and_values() {
    let kept = Any::from(1);
    let captured = || {
        let kept = kept.clone();
        try_typed("captures", move |_: i64| kept.clone())
    };
    assert_eq!(sweep(captured, || {}), 1);
    assert_eq!(sweep(|| "longer than seven bytes".into_any(), || {}), 1);
    let concat = typed("same", |text: Str| text);
    assert_eq!(
        sweep(|| concat.call::<Str>(("longer than seven bytes",)), || {}),
        1
    );
}

/// A call that cannot succeed raises what it would, or that there is no memory to say so.
#[test]
fn messages_of_wrong_calls() {
    let narrow = typed("narrow", |_: i8, _: Str| ());
    let many: [(Any, &str); 3] = [
        (300.into(), "OverflowError"),
        (Any::NONE, "TypeError"),
        (1.into(), "TypeError"),
    ];
    // What the process makes once is made now, and not counted below.
    drop(narrow.call::<()>((1,)).unwrap_err());
    for (first, kind) in &many {
        for nth in 1.. {
            let before = LIVE.get();
            FAIL_IN.set(nth);
            let answer = match nth % 2 {
                0 => narrow.call::<()>((first, 1)),
                _ => narrow.call::<()>((first, 1, 2)),
            };
            let refused = FAIL_IN.replace(0) == 0;
            let error = answer.unwrap_err();
            let wanted = if nth % 2 == 0 { kind } else { &"TypeError" };
            assert_eq!(error.kind(), if refused { "MemoryError" } else { wanted });
            drop(error);
            assert_eq!(LIVE.get(), before);
            if !refused && nth > 8 {
                break;
            }
        }
    }
}
