//! What an object holds: for a frontend's cycle collector, which looks and counts nothing.
//!
//! | objects | what is visited |
//! |---|---|
//! | of reflected fields | what Object, Any and Weak fields hold, of the type and its ancestors |
//! | Array, Map | the values (and keys), which do not change |
//! | List, Dict | the same, under the container's lock |
//! | Error | its cause and its context |
//!
//! What else native code keeps in an object (fields that are not reflected, what a closure captured) is
//! not seen: whoever collects takes the objects there for held.
//!
//! Locks are tried, not waited for: where somebody is at work the answer is that not all was seen.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use crate::abi::{FieldInfo, FieldKind, RawAny, TypeInfo, type_flags};
use crate::array::ArrayObj;
use crate::errors::ErrorObj;
use crate::header::ObjectHeader;
use crate::runtime::runtime;
use crate::slots::{any_slot_swap, drop_strong, raw_dec, slot_store};
use crate::type_index;
use crate::types::type_info;

/// How an object that is visited is held by the one that is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// By a strong reference: it is alive, and stays so while its place is locked.
    Strong,
    /// By a weak one: its space is there, and so are its counts. It can be dead, or die meanwhile.
    Weak,
}

/// Where a field lies.
///
/// # Safety
///
/// The object is of a type with that field.
unsafe fn place<T>(object: NonNull<ObjectHeader>, field: &FieldInfo) -> *mut T {
    // SAFETY: inside the object's body.
    unsafe { object.as_ptr().cast::<u8>().add(field.offset as usize).cast() }
}

/// Gives the slot lock back.
struct Unlock<'a>(&'a ObjectHeader, u32);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.unlock_slots(self.1);
    }
}

unsafe extern "C" fn visit_value<F: FnMut(NonNull<ObjectHeader>, Edge)>(
    context: *mut c_void,
    value: *const RawAny,
) {
    // SAFETY: called back with the context and a value as handed over below.
    if let Some(child) = unsafe { (*value).as_object() } {
        // SAFETY: as above; nobody else uses the closure meanwhile.
        unsafe { (*context.cast::<F>())(child, Edge::Strong) };
    }
}

/// Calls `visit` with each object that this one is seen to hold, once for each reference to it. False if it
/// holds more, perhaps.
///
/// `visit` may run under the object's locks: it looks at most, and waits for none.
///
/// # Safety
///
/// A live object.
pub unsafe fn visit_children<F: FnMut(NonNull<ObjectHeader>, Edge)>(
    object: NonNull<ObjectHeader>,
    mut visit: F,
) -> bool {
    let context = (&raw mut visit).cast::<c_void>();
    // SAFETY: alive by the caller's contract, and of the type that its number says.
    unsafe {
        match object.as_ref().type_index() {
            type_index::ARRAY => {
                for value in object.cast::<ArrayObj>().as_ref().values() {
                    visit_value::<F>(context, value.view().raw());
                }
                true
            }
            type_index::MAP => {
                let mut num_pairs = 0;
                let pairs = (runtime().map_items)(object.as_ptr(), &raw mut num_pairs);
                for i in 0..2 * num_pairs {
                    visit_value::<F>(context, pairs.add(i));
                }
                true
            }
            type_index::LIST | type_index::DICT => {
                (runtime().container_visit)(object.as_ptr(), context, visit_value::<F>) != 0
            }
            type_index::ERROR => {
                for child in object.cast::<ErrorObj>().as_ref().held() {
                    visit(child, Edge::Strong);
                }
                true
            }
            number => match type_info(number) {
                Some(info) => visit_fields(object, info, &mut visit),
                None => false,
            },
        }
    }
}

/// # Safety
///
/// As [`visit_children`]; `info` is the object's.
unsafe fn visit_fields(
    object: NonNull<ObjectHeader>,
    info: &'static TypeInfo,
    visit: &mut impl FnMut(NonNull<ObjectHeader>, Edge),
) -> bool {
    // SAFETY: alive by the caller's contract.
    let header = unsafe { object.as_ref() };
    // Frozen fields need no lock; but then one is taken for all.
    let Some(bits) = header.lock_slots_if_free() else { return false };
    let _unlock = Unlock(header, bits);
    for field in info.all_fields() {
        // SAFETY: the kind says what lies at the place; nobody changes it while we hold the lock.
        let (child, edge) = unsafe {
            match field.kind() {
                Some(FieldKind::Object) => (
                    NonNull::new(*place::<*mut ObjectHeader>(object, field)),
                    Edge::Strong,
                ),
                Some(FieldKind::Any) => {
                    ((*place::<RawAny>(object, field)).as_object(), Edge::Strong)
                }
                Some(FieldKind::Weak) => (
                    NonNull::new(*place::<*mut ObjectHeader>(object, field)),
                    Edge::Weak,
                ),
                _ => continue,
            }
        };
        if let Some(child) = child {
            visit(child, edge);
        }
    }
    true
}

/// Drops what an object that belongs to a dead cycle holds, so that the cycle falls apart: values of its
/// fields, of a List and of a Dict. Frozen fields, Arrays, Maps and Errors stay as they are: they are read
/// without a lock, and a cycle has a link besides that was made after its objects. So do fields of Rust's
/// and C's types that always hold an object.
///
/// # Safety
///
/// A live object that nobody but the dead uses. May run anything.
pub unsafe fn clear_children(object: NonNull<ObjectHeader>) {
    // SAFETY: alive by the caller's contract, and of the type that its number says; what is taken out
    // is dropped without a lock.
    unsafe {
        match object.as_ref().type_index() {
            type_index::LIST => {
                (runtime().list_splice)(
                    object.as_ptr(),
                    0,
                    usize::MAX,
                    null_mut(),
                    0,
                    null_mut(),
                    crate::table::ANY_VERSION,
                );
            }
            type_index::DICT => (runtime().dict_clear)(object.as_ptr()),
            type_index::ARRAY | type_index::MAP | type_index::ERROR => {}
            number => {
                let Some(info) = type_info(number) else { return };
                // Null is a value of every Object field of a type made of fields alone.
                let nullable = info.flags & type_flags::REFLECTED != 0;
                for field in info.all_fields().filter(|field| !field.is_frozen()) {
                    match field.kind() {
                        Some(FieldKind::Object) if nullable || field.is_optional() => {
                            let slot = place(object, field);
                            drop_strong(slot_store(object.as_ref(), slot, null_mut()));
                        }
                        Some(FieldKind::Any) => {
                            let slot = place(object, field);
                            raw_dec(&any_slot_swap(object.as_ref(), slot, RawAny::NONE));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
