//! Tables that this copy of the code refuses. One test, because a copy settles once a process.

#![cfg(not(loom))]
#![allow(unsafe_code)]

use std::sync::OnceLock;

use object_core::table::{ABI_MAJOR, ABI_MINOR, RuntimeTable};
use object_core::{
    AdoptError, RuntimeState, adopt, check_table, runtime, runtime_state, type_info,
};

/// As much of a table as a refusal may read.
#[repr(C, align(8))]
struct Head {
    major: u16,
    minor: u16,
    size: u32,
}

fn refusal(major: u16, minor: u16, size: usize) -> AdoptError {
    let head = Box::new(Head {
        major,
        minor,
        size: size as u32,
    });
    let table = (&raw const *head).cast::<RuntimeTable>();
    // SAFETY: a refused table is not read past its first 8 bytes.
    unsafe {
        let error = check_table(table).unwrap_err();
        assert_eq!(adopt(table), Err(error));
        error
    }
}

static OTHER: OnceLock<RuntimeTable> = OnceLock::new();

#[test]
fn a_table_is_refused_for_its_version_its_size_and_for_coming_late() {
    let whole = size_of::<RuntimeTable>();
    assert_eq!(runtime_state(), RuntimeState::Unset);

    let newer = refusal(ABI_MAJOR + 1, ABI_MINOR, whole);
    assert_eq!(newer, AdoptError::Version(ABI_MAJOR + 1, ABI_MINOR));
    let text = "the host's runtime speaks ABI 2.3, this library needs 1.3; rebuild one of the two";
    assert_eq!(newer.to_string(), text);
    let older = refusal(ABI_MAJOR, ABI_MINOR - 1, whole);
    let text = "the host's runtime speaks ABI 1.2, this library needs 1.3; update the host";
    assert_eq!(older.to_string(), text);
    assert_eq!(refusal(0, 9, whole), AdoptError::Version(0, 9));
    for size in [0, 8, whole - 1] {
        assert_eq!(
            refusal(ABI_MAJOR, ABI_MINOR, size),
            AdoptError::Size(size as u32)
        );
    }
    assert!(
        refusal(ABI_MAJOR, ABI_MINOR, 8)
            .to_string()
            .contains("has 8 bytes")
    );
    assert_eq!(
        runtime_state(),
        RuntimeState::Unset,
        "refusals settle nothing"
    );

    assert_eq!(type_info(-1).map(|_| ()), None); // the first use
    assert_eq!(runtime_state(), RuntimeState::Own);
    let own: *const RuntimeTable = runtime();
    // A table that would do, was it not for the one in force.
    // SAFETY: a table is plain data; the copy is as good as the original.
    let other = OTHER.get_or_init(|| unsafe { own.read() });
    // SAFETY: whole, and static.
    unsafe {
        assert_eq!(check_table(other), Ok(()));
        assert_eq!(adopt(other), Err(AdoptError::Settled));
        assert_eq!(adopt(own), Ok(()), "the one in force is fine");
    }
    assert!(
        AdoptError::Settled
            .to_string()
            .contains("already runs its own runtime")
    );
    assert!(core::ptr::eq(runtime(), own));
    assert_eq!(runtime_state(), RuntimeState::Own);
}
