//! The one symbol, written by hand, because `export_library!` does it right.

use rust_binding::object_core::abi::RawAny;
use rust_binding::object_core::runtime;
use rust_binding::object_core::table::{ABI_MAJOR, ABI_MINOR, library_status};
use rust_binding::prelude::*;
use rust_binding::support::{LibraryReply, Registration, RuntimeTable, init};

/// A type with nothing in it.
#[repr(C)]
struct Thing(ObjectHeader);

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Thing {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("broken.Thing").register())
    }
}

/// A type with a key that is taken.
#[repr(C)]
struct Usurper(ObjectHeader);

// SAFETY: as above; it is never registered, and so never made.
unsafe impl Object for Usurper {
    fn type_index() -> Result<i32, RegisterError> {
        TypeBuilder::<Self>::new("tieback.Array").register()
    }
}

fn collect(exports: &mut Exports, mode: &str) -> Result<(), Error> {
    exports
        .function("broken.half", || "must not be seen")
        .object_type::<Thing>();
    match mode {
        "fail" => return Err(Error::new("ValueError", "the library changed its mind")),
        "panic" => panic!("the library panicked while it registered"),
        "needs" => drop(exports.require("broken.nobody_has_this")?),
        "taken" => drop(exports.function("broken.half", || "again")),
        "type" => drop(exports.object_type::<Usurper>()),
        _ => drop(exports.function("broken.mended", || true)),
    }
    Ok(())
}

/// The handshake, broken on demand.
///
/// # Safety
///
/// As `LibraryInit` in object-core's `table` says.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn tieback_library_init(
    table: *const RuntimeTable,
    reply: *mut LibraryReply,
) -> i32 {
    static REGISTRATION: Registration = Registration::new();
    let mode = std::env::var("TIEBACK_BROKEN").unwrap_or_default();
    let answer = |major: u16, minor: u16, status: i32| {
        // SAFETY: the loader's contract: a reply of this version's size.
        unsafe {
            (*reply).major = major;
            (*reply).minor = minor;
            (&raw mut (*reply).error).write(RawAny::NONE);
        }
        status
    };
    match mode.as_str() {
        "major" => return answer(ABI_MAJOR + 1, 0, library_status::REFUSED),
        "minor" => return answer(ABI_MAJOR, ABI_MINOR + 1, library_status::REFUSED),
        "status" => return answer(ABI_MAJOR, ABI_MINOR, 77),
        "not_an_error" => return answer(ABI_MAJOR, ABI_MINOR, library_status::FAILED),
        "own_runtime" => _ = runtime(),
        _ => {}
    }
    // SAFETY: the loader's contract.
    unsafe {
        init(table, reply, &REGISTRATION, |exports| {
            collect(exports, &mode)
        })
    }
}
