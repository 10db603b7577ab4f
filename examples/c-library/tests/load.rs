//! The C library in a Rust program: objects, fields, methods, callbacks, errors both ways, counts.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicIsize, Ordering};

use rust_binding::object_core::read_field;
use rust_binding::prelude::*;
use rust_binding::{CallArgs, FromAny, load_library, type_index_of, type_info};

mod common;

/// Counts blocks: what C makes comes from this process's allocator.
struct Counting;

static BLOCKS: AtomicIsize = AtomicIsize::new(0);

// SAFETY: all is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn call<R: FromAny>(name: &str, args: impl CallArgs) -> Result<R, Error> {
    Function::get_global(&format!("c_library.{name}"))
        .expect(name)
        .call(args)
}

/// One test: the library's counts, and the blocks, belong to all threads.
#[test]
fn a_rust_program_uses_the_library() {
    the_program_runs_with_either_library();
    let folder = common::make("load");
    let path = common::library(&folder, "c_library");
    // Several threads at once: it registers once.
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        let load = || {
            together.wait();
            // SAFETY: this project's own library.
            unsafe { load_library(&path) }.unwrap();
        };
        // Joined by hand: a scope does not wait for what a thread frees at its end, which would be missing
        // from the blocks of a later round.
        for thread in [(); 4].map(|()| scope.spawn(load)) {
            thread.join().unwrap();
        }
    });

    let mut blocks = Vec::with_capacity(4);
    for _ in 0..4 {
        fields_and_methods();
        errors();
        callbacks();
        held();
        assert_eq!(call::<i64>("live", ()).unwrap(), 0);
        blocks.push(BLOCKS.load(Ordering::Relaxed));
    }
    // The first round makes what stays.
    assert!(
        blocks[1..].windows(2).all(|pair| pair[0] == pair[1]),
        "leaked: {blocks:?}"
    );
    panics();
    threads();
    assert_eq!(call::<i64>("live", ()).unwrap(), 0);

    // The same names from another library: refused by name, and nothing of the first is lost.
    let other = common::library(&folder, "cpp_library");
    for _ in 0..if common::has_cpp(&folder) { 2 } else { 0 } {
        // SAFETY: as above.
        let error = unsafe { load_library(&other) }.unwrap_err();
        assert_eq!(error.kind(), "ValueError");
        assert!(
            error
                .message()
                .contains("'c_library.open' is already registered"),
            "{error}"
        );
    }
    fields_and_methods();
    assert_eq!(call::<i64>("live", ()).unwrap(), 0);
}

fn fields_and_methods() {
    let ada: ObjectRef = call("open", ("Ada, whose name is long", 100)).unwrap();
    let info = type_info(type_index_of("c_library.Account").unwrap()).unwrap();
    assert_eq!(info.doc(), "Somebody's money.");
    let names: Vec<_> = info.own_fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["owner", "balance", "backup"]);
    // SAFETY: the object is alive and of the type whose field it is.
    let field = |name| unsafe { read_field(ObjectArc::as_ptr(&ada), info.field(name).unwrap()) };
    assert_eq!(
        field("owner").view().as_str(),
        Some("Ada, whose name is long")
    );
    assert_eq!(field("balance").get::<i64>().unwrap(), 100);
    assert!(field("backup").is_none());

    // SAFETY: the table holds the function for ever.
    let deposit = |name: &str| unsafe {
        let method = info
            .own_methods()
            .iter()
            .find(|method| method.name() == name)
            .unwrap();
        Function::from_object(ObjectArc::from_borrowed(
            std::ptr::NonNull::new(method.function).unwrap().cast(),
        ))
    };
    assert_eq!(
        deposit("deposit").call::<i64>((ada.clone(), 20)).unwrap(),
        120
    );
    let made: ObjectRef = deposit("__new__").call(("Bob", 1)).unwrap();
    call::<()>("transfer", (ada.clone(), made.clone(), 120)).unwrap();
    assert_eq!(field("balance").get::<i64>().unwrap(), 0);
    let live: i64 = call("live", ()).unwrap();
    drop((ada, made));
    assert_eq!(call::<i64>("live", ()).unwrap(), live - 2);
}

fn errors() {
    let ada: ObjectRef = call("open", ("Ada", 1)).unwrap();
    let no_account: ObjectRef = ObjectArc::upcast(typed("f", || 1).into_object());
    for (told, error) in [
        (
            "TypeError: c_library.open() takes 2 arguments, got 1",
            call::<Any>("open", ("x",)).unwrap_err(),
        ),
        (
            "TypeError: c_library.live() takes no arguments, got 12",
            Function::get_global("c_library.live")
                .unwrap()
                .call_packed(&[AnyView::NONE; 12])
                .unwrap_err(),
        ),
        (
            "TypeError: c_library.open() argument 2: expected int, got str",
            call::<Any>("open", ("x", "y")).unwrap_err(),
        ),
        (
            "TypeError: c_library.open() argument 1: expected str, got None",
            call::<Any>("open", ((), 1)).unwrap_err(),
        ),
        (
            "ValueError: an account does not begin with a debt",
            call::<Any>("open", ("x", -1)).unwrap_err(),
        ),
        (
            "TypeError: c_library.transfer() argument 2: expected c_library.Account, got tieback.Function",
            call::<Any>("transfer", (ada.clone(), no_account, 1)).unwrap_err(),
        ),
        (
            "ValueError: not enough money on the account of Ada",
            call::<Any>("transfer", (ada.clone(), ada.clone(), 2)).unwrap_err(),
        ),
    ] {
        assert_eq!(error.to_string(), told);
    }
}

fn callbacks() {
    assert_eq!(
        call::<i64>("sum", (4, typed("f", |n: i64| n * 10))).unwrap(),
        60
    );
    let failing = typed("f", |n: i64| {
        if n < 2 {
            Ok(n)
        } else {
            Err(Error::new("KeyError", "two"))
        }
    });
    let error = call::<Any>("sum", (4, failing.clone())).unwrap_err();
    assert_eq!(error.to_string(), "KeyError: two");
    let error = call::<Any>("sum", (4, typed("f", |_: i64| "text that is long"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: c_library.sum(): the function must return an int, it returned tieback.Str"
    );
    assert_eq!(call::<i64>("guarded", (failing.clone(), 1)).unwrap(), 1);
    let error = call::<Any>("guarded", (failing, 2)).unwrap_err();
    assert_eq!(error.to_string(), "RuntimeError: the guarded call failed");
    assert_eq!(error.cause().unwrap().to_string(), "KeyError: two");
}

fn held() {
    let ada: ObjectRef = call("open", ("Ada", 1)).unwrap();
    assert!(call::<Any>("held", ()).unwrap().is_none());
    assert!(call::<Any>("put", (ada.clone(),)).unwrap().is_none());
    assert!(ObjectArc::ptr_eq(
        &call::<ObjectRef>("held", ()).unwrap(),
        &ada
    ));
    let old: ObjectRef = call("put", ("a text that takes an object",)).unwrap();
    assert!(ObjectArc::ptr_eq(&old, &ada));
    assert_eq!(
        &*call::<Str>("held", ()).unwrap(),
        "a text that takes an object"
    );
    call::<Any>("put", ((),)).unwrap();
}

fn panics() {
    let error = call::<Any>(
        "sum",
        (1, typed("f", |_: i64| -> i64 { panic!("in a callback") })),
    )
    .unwrap_err();
    assert_eq!(error.kind(), "PanicError");
}

fn threads() {
    // Readers and writers at once: each reader gets a value that lives.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..2_000 {
                    call::<Any>("put", (call::<ObjectRef>("open", ("x", n)).unwrap(),)).unwrap();
                }
            });
            scope.spawn(|| {
                for _ in 0..2_000 {
                    drop(call::<Any>("held", ()).unwrap());
                }
            });
        }
    });
    call::<Any>("put", ((),)).unwrap();
}

/// The same source as C++17, in a process of its own.
fn the_program_runs_with_either_library() {
    let folder = common::make("run");
    let names = ["c_library", "cpp_library"];
    for name in &names[..if common::has_cpp(&folder) { 2 } else { 1 }] {
        let run = Command::new(env!("CARGO_BIN_EXE_c-library"))
            .arg(common::library(&folder, name))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(
            run.status.success(),
            "{told}{}",
            String::from_utf8_lossy(&run.stderr)
        );
        assert!(
            told.contains("accounts alive: 0") && told.contains("same object: true"),
            "{told}"
        );
    }
}
