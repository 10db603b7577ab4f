//! Counts as a library from before ABI 1.2 does, whose copy of the code asks the runtime's slow functions *instead*
//! of counting where it sees bit 63. What is held is an address that Python passes around.

use std::ptr::NonNull;
use std::thread;

use rust_binding::object_core::runtime;
use rust_binding::prelude::*;

/// The object of a handle, and whether its bit 63 is set.
fn seen(handle: i64) -> Result<(NonNull<ObjectHeader>, bool), Error> {
    let address = usize::try_from(handle).unwrap_or(0);
    let object = NonNull::new(std::ptr::with_exposed_provenance_mut::<ObjectHeader>(
        address,
    ))
    .ok_or_else(|| Error::new("ValueError", "a handle is the address of an object"))?;
    // SAFETY: the test says that its space is there.
    let bit = unsafe { object.as_ref() }.counts().is_shared();
    Ok((object, bit))
}

/// Takes a strong reference; whether the slow function did.
fn hold(handle: i64) -> Result<bool, Error> {
    let (object, bit) = seen(handle)?;
    let table = runtime();
    let inc = if bit {
        table.count_slow_inc
    } else {
        table.inc_ref
    };
    // SAFETY: the test has a reference meanwhile.
    unsafe { inc(object.as_ptr()) };
    Ok(bit)
}

/// Gives one back, on a thread of its own that is waited for; whether the slow function did.
fn let_go(handle: i64) -> Result<bool, Error> {
    let (object, bit) = seen(handle)?;
    let table = runtime();
    let dec = if bit {
        table.count_slow_dec
    } else {
        table.dec_ref
    };
    let address = object.as_ptr().expose_provenance();
    let _ = thread::spawn(move || {
        // SAFETY: the test gives back what `hold` or `upgrade` took, once.
        unsafe { dec(std::ptr::with_exposed_provenance_mut(address)) };
    })
    .join(); // what the table calls does not unwind
    Ok(bit)
}

fn hold_weakly(handle: i64) -> Result<(), Error> {
    let (object, _) = seen(handle)?;
    // SAFETY: the test has a reference meanwhile.
    unsafe { (runtime().inc_weak)(object.as_ptr()) };
    Ok(())
}

fn let_go_weakly(handle: i64) -> Result<(), Error> {
    let (object, _) = seen(handle)?;
    // SAFETY: the test gives back what `hold_weakly` took, once.
    unsafe { (runtime().dec_weak)(object.as_ptr()) };
    Ok(())
}

/// Makes a strong reference beside a weak one; false if the object is dead.
fn upgrade(handle: i64) -> Result<bool, Error> {
    let (object, bit) = seen(handle)?;
    let table = runtime();
    let upgrade = if bit {
        table.count_slow_upgrade
    } else {
        table.upgrade
    };
    // SAFETY: the test holds it weakly.
    Ok(unsafe { upgrade(object.as_ptr()) } == 1)
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .function("test_library.early_hold", hold)
        .function("test_library.early_let_go", let_go)
        .function("test_library.early_hold_weakly", hold_weakly)
        .function("test_library.early_let_go_weakly", let_go_weakly)
        .function("test_library.early_upgrade", upgrade);
}
