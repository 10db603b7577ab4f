//! The registry and its entries, with a backing as C would write it. Needs no feature.

#![cfg(not(loom))]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use alloc_header::{
    AllocError, AllocHeader, AllocatorEntry, FAILING_BACKING, REGISTRY, Registry, delete, header_of,
};

/// What the context leads to.
static CONTEXT: u32 = 0x7EB;

thread_local! {
    /// The type index of this thread's last request.
    static LAST_TYPE: Cell<i32> = const { Cell::new(0) };
}

/// A backing by hand, for alignments up to 16 only: `[ size | delete_space | body ]`.
static BY_HAND: AllocatorEntry =
    // SAFETY: `allocate` keeps the contract; the context is a static.
    unsafe { AllocatorEntry::new(allocate, (&raw const CONTEXT).cast_mut().cast()) };

/// # Safety
///
/// `context` is `CONTEXT`.
unsafe extern "C" fn allocate(
    size: usize,
    align: usize,
    type_index: i32,
    context: *mut c_void,
) -> *mut c_void {
    // SAFETY: by the caller.
    assert_eq!(unsafe { context.cast::<u32>().read() }, CONTEXT);
    LAST_TYPE.set(type_index);
    if align > 16 || size > 1 << 20 {
        return ptr::null_mut();
    }
    let layout = Layout::from_size_align(16 + size, 16).unwrap();
    // SAFETY: the size is not zero, and both words lie in the block.
    unsafe {
        let start = System.alloc(layout);
        start.cast::<u64>().write(layout.size() as u64);
        start
            .add(8)
            .cast::<AllocHeader>()
            .write(AllocHeader::new(free));
        start.add(16).cast()
    }
}

/// # Safety
///
/// `body` came from `allocate`.
unsafe extern "C" fn free(body: *mut c_void) {
    // SAFETY: by the caller.
    unsafe {
        let start = body.cast::<u8>().sub(16);
        let size = start.cast::<u64>().read() as usize;
        System.dealloc(start, Layout::from_size_align(size, 16).unwrap());
    }
}

#[test]
fn set_backing_returns_the_previous_one_and_restores() {
    let registry = Registry::new(&FAILING_BACKING);
    assert!(ptr::eq(registry.backing(), &FAILING_BACKING));
    assert!(registry.allocate(1, 1, 0).is_err());
    assert!(ptr::eq(registry.set_backing(&BY_HAND), &FAILING_BACKING));
    assert!(ptr::eq(registry.backing(), &BY_HAND));

    let body = registry.allocate(100, 16, 77).unwrap();
    assert_eq!(LAST_TYPE.get(), 77);
    assert!(ptr::eq(registry.set_backing(&FAILING_BACKING), &BY_HAND));
    // SAFETY: the body is headed, and freed this once, after its backing was replaced.
    unsafe {
        assert!(ptr::fn_addr_eq(
            header_of(body).as_ref().delete_space,
            free as unsafe extern "C" fn(_)
        ));
        delete(body);
    }
}

#[test]
fn errors_name_the_layout() {
    let error = BY_HAND.allocate(40, 32, 0).unwrap_err();
    assert_eq!(error, AllocError::new(40, 32));
    assert_eq!((error.size(), error.align()), (40, 32));
    let text = error.to_string();
    assert!(
        text.contains("40 bytes") && text.contains("alignment 32"),
        "{text}"
    );
    // No layout at all: the allocator's function is not even asked.
    LAST_TYPE.set(5);
    assert_eq!(BY_HAND.allocate(8, 3, 6), Err(AllocError::new(8, 3)));
    assert_eq!(LAST_TYPE.get(), 5);
}

#[test]
fn the_first_frontend_stays() {
    let registry = Registry::new(&FAILING_BACKING);
    assert!(registry.frontend().is_none());
    registry.register_frontend(&BY_HAND).unwrap();
    for second in [&FAILING_BACKING, &BY_HAND] {
        let text = registry.register_frontend(second).unwrap_err().to_string();
        assert!(text.contains("already has a tying frontend"), "{text}");
        assert!(ptr::eq(registry.frontend().unwrap(), &BY_HAND));
    }
    let body = registry.allocate(8, 8, 0).unwrap();
    // SAFETY: the body is headed, and freed this once.
    unsafe { delete(body) };
}

#[test]
fn this_copys_registry_begins_as_its_features_say() {
    assert!(REGISTRY.frontend().is_none());
    #[cfg(feature = "default-backing")]
    assert!(ptr::eq(REGISTRY.backing(), &alloc_header::DEFAULT_BACKING));
    #[cfg(not(feature = "default-backing"))]
    assert!(REGISTRY.allocate(1, 1, 0).is_err());
}
