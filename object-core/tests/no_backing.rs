//! Without a first backing every allocation is an error until the application sets one.

#![cfg(all(not(loom), not(feature = "default-backing")))]
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_void;
use std::ptr::null_mut;

use object_core::alloc_header::{AllocHeader, AllocatorEntry, delete_space_of};
use object_core::{Any, Error, NewError, ObjectArc, ObjectHeader, Str, runtime};

/// The smallest backing there is: every block 1 KiB, the header in its second 8 bytes.
#[expect(clippy::disallowed_methods, reason = "it is a backing")]
unsafe extern "C" fn allocate(size: usize, align: usize, _: i32, _: *mut c_void) -> *mut c_void {
    if size > 1008 || align > 16 {
        return null_mut();
    }
    // SAFETY: 1 KiB; the header ends where the body begins.
    unsafe {
        let start = alloc(LAYOUT);
        start
            .add(16)
            .cast::<AllocHeader>()
            .sub(1)
            .write(AllocHeader::new(free));
        start.add(16).cast()
    }
}

const LAYOUT: Layout = match Layout::from_size_align(1024, 16) {
    Ok(layout) => layout,
    Err(_) => panic!(),
};

#[expect(clippy::disallowed_methods, reason = "it is a backing")]
unsafe extern "C" fn free(body: *mut c_void) {
    // SAFETY: `allocate` put the body 16 bytes into its block.
    unsafe { dealloc(body.cast::<u8>().sub(16), LAYOUT) }
}

static BACKING: AllocatorEntry =
    // SAFETY: as the contract asks, but for a heap that is exhausted, where it crashes.
    unsafe { AllocatorEntry::new(allocate, null_mut()) };

#[test]
fn nothing_is_made_before_a_backing_is_set() {
    let refused = ObjectArc::try_new(ObjectHeader::new())
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(refused.cause, NewError::Alloc(_)));
    assert!(Str::try_new("longer than seven").is_err());
    assert_eq!(Str::try_new("short").unwrap().as_str(), "short");
    assert_eq!(Error::new("ValueError", "no").kind(), "MemoryError");

    // SAFETY: the table's registry lives as long as the process.
    let registry = unsafe { &*runtime().registry };
    let earlier = registry.set_backing(&BACKING);
    let object = ObjectArc::try_new(refused.value).unwrap();
    let text = Str::try_new("longer than seven").unwrap();
    registry.set_backing(earlier);

    assert!(ObjectArc::try_new(ObjectHeader::new()).is_err());
    // SAFETY: the object is headed.
    let delete = unsafe { delete_space_of(ObjectArc::as_ptr(&object).cast()) };
    assert!(std::ptr::fn_addr_eq(
        delete,
        free as unsafe extern "C" fn(*mut c_void)
    ));
    drop((object, Any::from(text))); // to where they came from
}
