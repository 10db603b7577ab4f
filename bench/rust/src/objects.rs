//! The objects that are made, shared and dropped.

use std::hint::black_box;

use object_core::{
    ItemsHead, ItemsLen, Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder, TypeSlot,
};

pub type Payload = [u64; 4];

/// 32 bytes behind the header.
#[repr(C)]
pub struct Boxed {
    header: ObjectHeader,
    pub payload: Payload,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Boxed {
    #[inline]
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("bench.Boxed").register())
    }
}

/// A node of a graph that shares.
#[repr(C)]
pub struct Node {
    pub header: ObjectHeader,
    pub payload: u64,
    pub next: Vec<ObjectArc<Node>>,
}

// SAFETY: as above.
unsafe impl Object for Node {
    #[inline]
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("bench.Node").register())
    }
}

/// The head of an in-place array of numbers.
#[repr(C)]
pub struct Numbers {
    header: ObjectHeader,
    len: ItemsLen,
}

// SAFETY: as above; items lie behind it.
unsafe impl Object for Numbers {
    const HAS_ITEMS: bool = true;
    const EXACT: bool = false;

    #[inline]
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("bench.Numbers").register())
    }
}

// SAFETY: the length is what the constructor was told.
unsafe impl ItemsHead for Numbers {
    type Item = u64;

    #[inline]
    fn len(&self) -> usize {
        self.len.get()
    }

    #[inline]
    unsafe fn set_items(&mut self, _: std::ptr::NonNull<u64>, len: usize) {
        // SAFETY: what we were told.
        unsafe { self.len.set(len) };
    }
}

/// An in-place array.
#[must_use]
#[inline(always)]
pub fn numbers(from: &[u64]) -> ObjectArc<Numbers> {
    let head = Numbers {
        header: ObjectHeader::new(),
        len: ItemsLen::new(),
    };
    ObjectArc::copy_items(head, from)
}

/// An object of 32 bytes.
#[must_use]
#[inline(always)]
pub fn boxed() -> ObjectArc<Boxed> {
    ObjectArc::new(Boxed {
        header: ObjectHeader::new(),
        payload: *black_box(&[1; 4]),
    })
}
