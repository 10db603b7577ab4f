//! The same objects with the tvm-ffi crate, whose layout ours is.

use std::hint::black_box;

use tvm_ffi::{Object, ObjectArc, ObjectCore, ObjectCoreWithExtraItems};

/// 32 bytes behind the header.
#[repr(C)]
pub struct Boxed {
    object: Object,
    pub payload: crate::Payload,
}

// SAFETY: repr(C), the object first; as the crate's own tests do, the root type is used.
unsafe impl ObjectCore for Boxed {
    const TYPE_KEY: &'static str = Object::TYPE_KEY;
    const TYPE_DEPTH: i32 = Object::TYPE_DEPTH;

    #[inline]
    fn type_index() -> i32 {
        Object::type_index()
    }

    #[inline]
    unsafe fn object_header_mut(this: &mut Self) -> &mut tvm_ffi::tvm_ffi_sys::TVMFFIObject {
        // SAFETY: the caller's contract.
        unsafe { Object::object_header_mut(&mut this.object) }
    }
}

/// The head of an in-place array of numbers.
#[repr(C)]
pub struct Numbers {
    object: Object,
    len: usize,
}

// SAFETY: as above.
unsafe impl ObjectCore for Numbers {
    const TYPE_KEY: &'static str = Object::TYPE_KEY;
    const TYPE_DEPTH: i32 = Object::TYPE_DEPTH;

    #[inline]
    fn type_index() -> i32 {
        Object::type_index()
    }

    #[inline]
    unsafe fn object_header_mut(this: &mut Self) -> &mut tvm_ffi::tvm_ffi_sys::TVMFFIObject {
        // SAFETY: the caller's contract.
        unsafe { Object::object_header_mut(&mut this.object) }
    }
}

// SAFETY: the length is what the constructor was told.
unsafe impl ObjectCoreWithExtraItems for Numbers {
    type ExtraItem = u64;

    #[inline]
    fn extra_items_count(this: &Self) -> usize {
        this.len
    }
}

/// An in-place array.
#[must_use]
#[inline(always)]
pub fn numbers(from: &[u64]) -> ObjectArc<Numbers> {
    let head = Numbers {
        object: Object::new(),
        len: from.len(),
    };
    let mut made = ObjectArc::new_with_extra_items(head);
    // SAFETY: so many items lie there, nobody else has the object.
    unsafe { Numbers::extra_items_mut(&mut made) }.copy_from_slice(from);
    made
}

/// An object of 32 bytes.
#[must_use]
#[inline(always)]
pub fn boxed() -> ObjectArc<Boxed> {
    ObjectArc::new(Boxed {
        object: Object::new(),
        payload: *black_box(&[1; 4]),
    })
}
