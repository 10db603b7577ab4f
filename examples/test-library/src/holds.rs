//! References kept in Rust: by number, weakly, in a static, in a thread's own storage, until exit.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rust_binding::prelude::*;

use crate::threads::start;

static NEXT: AtomicI64 = AtomicI64::new(1);
static HELD: Mutex<Option<HashMap<i64, Any>>> = Mutex::new(None);
static WEAK: Mutex<Option<HashMap<i64, WeakObjectArc<ObjectHeader>>>> = Mutex::new(None);
static FUNCTION: Mutex<Option<Function>> = Mutex::new(None);
static UNTIL_EXIT: Mutex<Vec<Any>> = Mutex::new(Vec::new());

thread_local! {
    static LOCAL: RefCell<Vec<Any>> = const { RefCell::new(Vec::new()) };
}

/// No foreign code runs under these locks, so poison says nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unknown(id: i64) -> Error {
    Error::format("KeyError", format_args!("nothing is held under {id}"))
}

pub(crate) fn hold(value: Any) -> i64 {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    lock(&HELD).get_or_insert_default().insert(id, value);
    id
}

fn held(id: i64) -> Result<Any, Error> {
    lock(&HELD)
        .get_or_insert_default()
        .get(&id)
        .cloned()
        .ok_or_else(|| unknown(id))
}

/// What was held; the caller drops it, outside of the lock.
fn take(id: i64) -> Result<Any, Error> {
    let value = lock(&HELD).get_or_insert_default().remove(&id);
    value.ok_or_else(|| unknown(id))
}

/// Drops what was held on another thread, and waits for that: the caller's interpreter is NOT
/// released meanwhile, so a drop that waited for it would hang.
fn release_on_thread(id: i64) -> Result<(), Error> {
    let value = take(id)?;
    let _ = thread::spawn(move || drop(value)).join(); // a drop does not panic
    Ok(())
}

/// In one native call: comes to hold the object of a handle on a thread of its own, which borrowed it by other
/// means than a call's argument, and then calls `then`; nothing of Python's runs in between.
fn hold_elsewhere_then(handle: i64, then: Function) -> Result<i64, Error> {
    let address = usize::try_from(handle).unwrap_or(0);
    let taken = thread::spawn(move || {
        let object = std::ptr::with_exposed_provenance_mut::<ObjectHeader>(address);
        // SAFETY: the test says that the handle's object is alive, and has it stay so until `then`.
        NonNull::new(object).map(|object| unsafe { ObjectRef::from_borrowed(object) })
    });
    let taken = taken.join().ok().flatten();
    then.call_packed(&[])?;
    Ok(hold(Any::from(taken)))
}

/// In one native call: drops what is held under `ids` on threads of their own, one after the other, and
/// waits for each; then calls each of `steps`, `[function, argument...]`, and returns what they did. The
/// caller's interpreter is not released, and builtins as steps run no byte code: nothing happens in
/// between but what the steps do.
fn drop_then(ids: Array, steps: Array) -> Result<Vec<Any>, Error> {
    for id in &ids {
        release_on_thread(id.get::<i64>()?)?;
    }
    let mut answers = Vec::new();
    for step in &steps {
        let step = step.get::<Array>()?;
        let values: Vec<AnyView<'_>> = step.iter().map(|value| value.view()).collect();
        let Some((function, arguments)) = values.split_first() else {
            return Err(Error::new(
                "ValueError",
                "a step is [function, argument...]",
            ));
        };
        answers.push(Function::try_from(*function)?.call_packed(arguments)?);
    }
    Ok(answers)
}

fn weak_hold(object: ObjectRef) -> i64 {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    lock(&WEAK)
        .get_or_insert_default()
        .insert(id, ObjectArc::downgrade(&object));
    id
}

fn weak_get(id: i64) -> Result<Option<ObjectRef>, Error> {
    let weak = lock(&WEAK).get_or_insert_default().get(&id).cloned();
    weak.map(|weak| weak.upgrade()).ok_or_else(|| unknown(id))
}

fn weak_release(id: i64) -> Result<(), Error> {
    let weak = lock(&WEAK).get_or_insert_default().remove(&id);
    weak.map(drop).ok_or_else(|| unknown(id))
}

fn call_stored(argument: Any) -> Result<Any, Error> {
    let stored = lock(&FUNCTION).clone();
    stored
        .ok_or_else(|| Error::new("RuntimeError", "no function is stored"))?
        .call((argument,))
}

unsafe extern "C" {
    /// C's: handlers run when the process exits, after an embedded interpreter is finalized.
    fn atexit(handler: extern "C" fn()) -> i32;
}

extern "C" fn drop_all() {
    drop(std::mem::take(&mut *lock(&UNTIL_EXIT)));
}

/// Keeps a value until the process exits and drops it there.
fn drop_at_exit(value: Any) -> Result<(), Error> {
    static REGISTERED: Mutex<bool> = Mutex::new(false);
    let mut registered = lock(&REGISTERED);
    // SAFETY: the library is never unloaded, so the handler is there at exit.
    if !*registered && unsafe { atexit(drop_all) } != 0 {
        return Err(Error::new("RuntimeError", "atexit refused the handler"));
    }
    *registered = true;
    lock(&UNTIL_EXIT).push(value);
    Ok(())
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .function("test_library.hold", hold)
        .function("test_library.held", held)
        .function("test_library.release", |id: i64| take(id).map(drop))
        .function("test_library.release_on_thread", release_on_thread)
        .function("test_library.release_in_background", |id: i64| {
            let value = take(id)?;
            start(move || drop(value));
            Ok::<(), Error>(())
        })
        .function("test_library.drop_then", drop_then)
        .function("test_library.hold_elsewhere_then", hold_elsewhere_then)
        .function("test_library.held_count", || {
            lock(&HELD).as_ref().map_or(0, HashMap::len)
        })
        .function("test_library.weak_hold", weak_hold)
        .function("test_library.weak_get", weak_get)
        .function("test_library.weak_release", weak_release)
        .function("test_library.store_function", |function: Function| {
            let old = lock(&FUNCTION).replace(function);
            drop(old); // outside of the lock
        })
        .function("test_library.stored_function", || {
            lock(&FUNCTION).clone().map(Any::from)
        })
        .function("test_library.call_stored", call_stored)
        .function("test_library.clear_function", || {
            let old = lock(&FUNCTION).take();
            drop(old); // outside of the lock
        })
        .function("test_library.keep_in_thread_local", |value: Any| {
            LOCAL.with_borrow_mut(|local| local.push(value));
        })
        .function("test_library.drop_at_exit", drop_at_exit);
}
