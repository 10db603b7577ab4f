//! The library as a Rust host sees it: loaded at run time, called by name, nothing left behind.
#![allow(unsafe_code)]

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_binding::object_core::abi::{FieldInfo, FieldKind};
use rust_binding::object_core::{RuntimeState, read_field, runtime_state, write_field};
use rust_binding::prelude::*;
use rust_binding::{load_library, type_index_of, type_info};

/// The test's own build of the library: beside the test itself.
fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let name = format!(
        "{}test_library{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    test.parent().unwrap().join(name)
}

/// One test at a time; at its end as many objects are alive as at its start.
struct Session {
    before: i64,
    _one_at_a_time: MutexGuard<'static, ()>,
}

fn call<R: rust_binding::FromAny>(
    name: &str,
    args: impl rust_binding::CallArgs,
) -> Result<R, Error> {
    Function::get_global(&format!("test_library.{name}"))
        .expect(name)
        .call(args)
}

fn session() -> Session {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: this project's own library.
    unsafe { load_library(path()) }.unwrap();
    Session {
        before: call("live", ()).unwrap(),
        _one_at_a_time: guard,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(
                call::<i64>("live", ()).unwrap(),
                self.before,
                "objects were leaked"
            );
        }
    }
}

/// A type's method or static, as a frontend finds it.
fn member(key: &str, name: &str) -> Function {
    let info = type_info(type_index_of(key).expect(key)).unwrap();
    let mut types = std::iter::once(info).chain(info.ancestors().iter().copied().rev());
    let method = types.find_map(|info| info.own_methods().iter().find(|one| one.name() == name));
    let object = std::ptr::NonNull::new(method.expect(name).function).unwrap();
    // SAFETY: the table holds the function as long as the process.
    Function::from_object(unsafe { ObjectArc::from_borrowed(object.cast()) })
}

fn make(key: &str, args: impl rust_binding::CallArgs) -> ObjectRef {
    member(&format!("test_library.{key}"), "__new__")
        .call(args)
        .unwrap()
}

fn field_of(object: &ObjectRef, name: &str) -> &'static FieldInfo {
    let number = ObjectArc::header(object).type_index();
    type_info(number).unwrap().field(name).expect(name)
}

fn read(object: &ObjectRef, name: &str) -> Any {
    // SAFETY: a live object and a field of its type.
    unsafe { read_field(ObjectArc::as_ptr(object), field_of(object, name)) }
}

fn write(object: &ObjectRef, name: &str, value: impl Into<Any>) -> Result<(), Error> {
    let field = field_of(object, name);
    assert!(!field.is_frozen());
    // SAFETY: a live object and a mutable field of its type.
    unsafe { write_field(ObjectArc::as_ptr(object), field, value.into().view()) }
}

#[test]
fn loading_twice_is_harmless() {
    let _session = session();
    let echo = Function::get_global("test_library.echo").unwrap();
    // SAFETY: this project's own library.
    unsafe { load_library(path()) }.unwrap();
    let again = Function::get_global("test_library.echo").unwrap();
    assert!(ObjectArc::ptr_eq(echo.as_object(), again.as_object()));
    assert_eq!(
        runtime_state(),
        RuntimeState::Own,
        "the host's runtime is the one in force"
    );
}

#[test]
fn a_missing_library_is_named() {
    // SAFETY: there is nothing there to run.
    let error = unsafe { load_library("no/such/library.so") }.unwrap_err();
    assert_eq!(
        error.to_string(),
        "OSError: library 'no/such/library.so' does not exist"
    );
}

#[test]
fn types_cross_the_library() {
    let _session = session();
    let point: ObjectRef = call("point", (3, -4)).unwrap();
    assert_eq!(read(&point, "x").get::<i64>().unwrap(), 3);
    let key = "test_library.Point";
    assert_eq!(member(key, "norm1").call::<i64>((&point,)).unwrap(), 7);
    let me: ObjectRef = member(key, "me").call((&point,)).unwrap();
    assert!(ObjectArc::ptr_eq(&me, &point));
    let sum: ObjectRef = member(key, "add").call((&point, &point)).unwrap();
    assert_eq!(read(&sum, "y").get::<i64>().unwrap(), -8);
    let third = make("Point3", (1, 2, 3));
    assert_eq!(
        member("test_library.Point3", "norm1")
            .call::<i64>((&third,))
            .unwrap(),
        3
    );
    assert_eq!(
        member("test_library.Point3", "depth")
            .call::<i64>((&third,))
            .unwrap(),
        3
    );
    let error = member("test_library.Point3", "depth")
        .call::<i64>((&point,))
        .unwrap_err();
    assert_eq!(
        error.message(),
        "test_library.Point3.depth() must be called on a test_library.Point3, got test_library.Point"
    );
    let points: Array = call("points", (5,)).unwrap();
    assert_eq!(call::<i64>("sum_x", (&points,)).unwrap(), 10);
}

#[test]
fn fields_of_every_kind() {
    let _session = session();
    let point: ObjectRef = call("point", (1, 1)).unwrap();
    for key in ["Fields", "FrozenFields"] {
        let all = make(key, (7, "a longer text", 1.5, &point));
        let info = type_info(ObjectArc::header(&all).type_index()).unwrap();
        for kind in FieldKind::ALL {
            assert!(
                info.all_fields().any(|field| field.kind() == Some(kind)),
                "{key} has no {kind:?}"
            );
        }
        assert_eq!(read(&all, "i64").get::<i64>().unwrap(), 7);
        assert_eq!(read(&all, "i8").get::<i64>().unwrap(), -8);
        assert_eq!(read(&all, "f32").get::<f64>().unwrap(), 0.5);
        assert_eq!(read(&all, "text").view().as_str(), Some("a longer text"));
        assert_eq!(read(&all, "any").get::<f64>().unwrap(), 1.5);
        assert!(ObjectArc::ptr_eq(
            &read(&all, "weak").get::<ObjectRef>().unwrap(),
            &point
        ));
        assert!(read(&all, "object").is_none());
    }
    let all = make("Fields", (7, "text", (), None::<ObjectRef>));
    write(&all, "weak", point.clone()).unwrap();
    write(&all, "object", all.clone()).unwrap();
    write(&all, "any", call::<Array>("points", (2,)).unwrap()).unwrap();
    write(&all, "u8", 255).unwrap();
    assert_eq!(write(&all, "u8", 256).unwrap_err().kind(), "OverflowError");
    assert_eq!(
        write(&all, "point", all.clone()).unwrap_err().kind(),
        "TypeError"
    );
    assert_eq!(
        write(&all, "required", Any::NONE).unwrap_err().kind(),
        "TypeError"
    );
    drop(point);
    assert!(read(&all, "weak").is_none());
    write(&all, "object", Any::NONE).unwrap(); // it held itself
}

#[test]
fn chains_and_weak_parents() {
    let _session = session();
    let (first, second) = (make("Node", ("first",)), make("Node", ("second",)));
    let node = |name: &str| member("test_library.Node", name);
    node("link").call::<Any>((&first, &second)).unwrap();
    let parent: ObjectRef = node("parent").call((&second,)).unwrap();
    assert!(ObjectArc::ptr_eq(&parent, &first));
    drop((parent, first));
    assert!(node("parent").call::<Any>((&second,)).unwrap().is_none());
    let long: ObjectRef = call("chain", (100_000,)).unwrap();
    assert_eq!(node("length").call::<i64>((&long,)).unwrap(), 100_000);
    let rest: ObjectRef = node("unlink").call((&long,)).unwrap();
    assert!(node("parent").call::<Any>((&rest,)).unwrap().is_none());
}

#[test]
fn items_lie_where_their_alignment_asks() {
    let _session = session();
    for key in ["Numbers", "Wide"] {
        for length in [0, 1, 100] {
            let object = make(key, (length,));
            let full = format!("test_library.{key}");
            assert!(
                member(&full, "is_aligned")
                    .call::<bool>((&object,))
                    .unwrap()
            );
            assert_eq!(
                member(&full, "sum").call::<i64>((&object,)).unwrap(),
                (0..i64::from(length)).sum::<i64>()
            );
            let error = member(&full, "get")
                .call::<i64>((&object, length))
                .unwrap_err();
            assert_eq!(error.kind(), "IndexError");
        }
    }
    let object = make("Aligned", (5,));
    assert!(
        member("test_library.Aligned", "is_aligned")
            .call::<bool>((&object,))
            .unwrap()
    );
    assert_eq!(read(&object, "value").get::<i64>().unwrap(), 5);
}

#[test]
fn odd_destructors() {
    let _session = session();
    drop(make(
        "Loud",
        ("a destructor that panics, as the test wants it",),
    ));
    let seen: ObjectRef = make("Node", ("seen",));
    let callback = {
        let seen = seen.clone();
        typed("callback", move |value: Any| write(&seen, "payload", value))
    };
    drop(make("OnDrop", (&callback, 42)));
    assert_eq!(read(&seen, "payload").get::<i64>().unwrap(), 42);
}

#[test]
fn objects_without_an_allocation_header() {
    let _session = session();
    let foreign: ObjectRef = call("foreign", (21,)).unwrap();
    assert!(!ObjectArc::header(&foreign).is_headed());
    assert_eq!(
        member("test_library.Foreign", "twice")
            .call::<i64>((&foreign,))
            .unwrap(),
        42
    );
    let weak = ObjectArc::downgrade(&foreign);
    drop(foreign);
    assert!(weak.upgrade().is_none());
}

#[test]
fn callbacks_and_errors() {
    let _session = session();
    let twice = typed("twice", |value: i64| value * 2);
    assert_eq!(call::<i64>("call", (&twice, 4)).unwrap(), 8);
    assert_eq!(call::<i64>("apply", (&twice, 5)).unwrap(), 10);
    let mapped: Array = call("map", (&twice, vec![1, 2, 3])).unwrap();
    assert_eq!(mapped[2].get::<i64>().unwrap(), 6);
    let adder: Function = call("adder", (40,)).unwrap();
    assert_eq!(adder.call::<i64>((2,)).unwrap(), 42);
    let made = Error::new("MyError", "mine");
    let failing = {
        let made = made.clone();
        typed("failing", move || Err::<(), Error>(made.clone()))
    };
    let error = call::<Any>("nested", (&failing, 5)).unwrap_err();
    assert!(
        ObjectArc::ptr_eq(error.as_object(), made.as_object()),
        "the very same error"
    );
    let caught: Array = call("catch", (&twice, "x")).unwrap();
    assert_eq!(caught[0].view().as_str(), Some("TypeError"));
    let error = call::<Any>("raise_with_cause", ("A", "a", "B", "b")).unwrap_err();
    assert_eq!(error.cause().unwrap().to_string(), "B: b");
    assert_eq!(
        call::<Any>("panic", ("ouch",)).unwrap_err().kind(),
        "PanicError"
    );
    assert_eq!(
        call::<Any>("panic_without_text", ()).unwrap_err().kind(),
        "PanicError"
    );
}

#[test]
fn references_in_statics_and_on_threads() {
    let _session = session();
    let point: ObjectRef = call("point", (1, 2)).unwrap();
    let id: i64 = call("hold", (&point,)).unwrap();
    let weak: i64 = call("weak_hold", (&point,)).unwrap();
    let use_count = Function::get_global("test_library.use_count").unwrap();
    let count = use_count.call_packed(&[AnyView::object(&point)]).unwrap();
    assert_eq!(count.get::<i64>().unwrap(), 2);
    assert!(ObjectArc::ptr_eq(
        &call::<ObjectRef>("held", (id,)).unwrap(),
        &point
    ));
    drop(point);
    assert!(!call::<Any>("weak_get", (weak,)).unwrap().is_none());
    call::<()>("release_on_thread", (id,)).unwrap();
    assert!(call::<Any>("weak_get", (weak,)).unwrap().is_none());
    call::<()>("weak_release", (weak,)).unwrap();
    assert_eq!(call::<()>("release", (id,)).unwrap_err().kind(), "KeyError");

    let kept: Function = call("keeper", (call::<ObjectRef>("point", (3, 4)).unwrap(),)).unwrap();
    call::<()>("store_function", (&kept,)).unwrap();
    assert!(call::<Function>("stored_function", ()).is_ok());
    assert_eq!(
        call::<Any>("call_stored", (1,)).unwrap_err().kind(),
        "TypeError"
    );
    call::<()>("clear_function", ()).unwrap();

    let own = typed("own", |value: i64| value + 1);
    assert_eq!(call::<i64>("call_on_thread", (&own, 1)).unwrap(), 2);
    let many: Array = call("call_on_threads", (&own, 4)).unwrap();
    assert_eq!(many[3].get::<i64>().unwrap(), 4);
    let id: i64 = call("hold", (call::<ObjectRef>("point", (5, 6)).unwrap(),)).unwrap();
    call::<()>("release_in_background", (id,)).unwrap();
    assert_eq!(call::<i64>("join_threads", ()).unwrap(), 1);
}

#[test]
fn a_field_is_read_while_another_thread_replaces_it() {
    let _session = session();
    let node = make("Node", ("raced",));
    call::<()>("race_payload", (&node, 20_000)).unwrap();
    for _ in 0..20_000 {
        if let Ok(point) = read(&node, "payload").get::<ObjectRef>() {
            assert!(read(&point, "x").get::<i64>().unwrap() < 20_000);
        }
    }
    call::<i64>("join_threads", ()).unwrap();
}

#[test]
fn the_gate() {
    let _session = session();
    assert!(!call::<bool>("wait_gate", (1,)).unwrap());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| call::<bool>("wait_gate", (60_000,)).unwrap());
        call::<()>("open_gate", ()).unwrap();
        assert!(waits.join().unwrap());
    });
    call::<()>("close_gate", ()).unwrap();
}

#[test]
fn kept_until_the_end() {
    let _session = session();
    // A thread's own storage dies with the thread.
    let thread = std::thread::spawn(|| {
        let point: ObjectRef = call("point", (1, 2)).unwrap();
        call::<()>("keep_in_thread_local", (point,)).unwrap();
    });
    thread.join().unwrap();
    call::<()>("drop_at_exit", ("dropped when the process exits",)).unwrap();
}
