//! Objects whose bit 63 is set are counted by the runtime's slow functions, whoever's code touches
//! them: this copy adopts a runtime that is not its own.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

use core::ffi::c_void;
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::Mutex;

use object_core::abi::{ByteSlice, RawAny, TypeDesc, TypeInfo};
use object_core::count::{Released, Taken};
use object_core::header::{DELETE_BODY, DELETE_SPACE, flags};
use object_core::refs::dec_ref_kept;
use object_core::slots::{
    any_slot_load, drop_strong, drop_weak, slot_load, slot_store, weak_slot_load,
};
use object_core::table::{ABI_MAJOR, ABI_MINOR, RuntimeTable, Sharing, VisitAbout};
use object_core::{
    Any, AnyView, ObjectArc, ObjectHeader, ObjectRef, RuntimeState, WithItems, adopt, runtime,
    runtime_state,
};

static SETTLE: AtomicUsize = AtomicUsize::new(0);
static DEC: AtomicUsize = AtomicUsize::new(0);
static UPGRADE: AtomicUsize = AtomicUsize::new(0);
/// The object whose slots are read, whose lock no slow function may find taken.
static OWNER: AtomicPtr<ObjectHeader> = AtomicPtr::new(null_mut());

fn count(calls: &AtomicUsize) {
    calls.fetch_add(1, Ordering::Relaxed);
    // SAFETY: set while the owner is alive.
    if let Some(owner) = unsafe { OWNER.load(Ordering::Relaxed).as_ref() } {
        assert!(
            owner.flags() & flags::SLOT_LOCK == 0,
            "foreign code runs under the slot lock"
        );
    }
}

unsafe extern "C" fn slow_settle(object: *mut ObjectHeader) {
    count(&SETTLE);
    // SAFETY: the table's contract. The reference was added before, and keeps the object alive.
    let counts = unsafe { (*object).counts() };
    assert!(counts.is_shared() && counts.strong() >= 2);
}

unsafe extern "C" fn slow_dec(object: *mut ObjectHeader) {
    count(&DEC);
    // SAFETY: the table's contract; what is due is done.
    unsafe {
        let deleter = (*object).deleter();
        match (*object).counts().dec_flagged() {
            Released::Held | Released::Slow => {}
            Released::Both => deleter(object.cast(), DELETE_BODY | DELETE_SPACE),
            Released::Body => {
                deleter(object.cast(), DELETE_BODY);
                drop_weak(object);
            }
        }
    }
}

unsafe extern "C" fn slow_upgrade(object: *mut ObjectHeader) -> i32 {
    count(&UPGRADE);
    // SAFETY: the table's contract.
    i32::from(unsafe { (*object).counts().upgrade_flagged() } == Taken::Counted)
}

fn never() -> ! {
    panic!("no test of this file comes here")
}
unsafe extern "C" fn no_object(_: *mut ObjectHeader) {
    never()
}
unsafe extern "C" fn no_upgrade(_: *mut ObjectHeader) -> i32 {
    never()
}
unsafe extern "C" fn no_load(_: *mut ObjectHeader, _: *mut *mut ObjectHeader) -> *mut ObjectHeader {
    never()
}
unsafe extern "C" fn no_store(
    _: *mut ObjectHeader,
    _: *mut *mut ObjectHeader,
    _: *mut ObjectHeader,
) -> *mut ObjectHeader {
    never()
}
unsafe extern "C" fn no_any(_: *mut ObjectHeader, _: *mut RawAny, _: *mut RawAny) {
    never()
}
unsafe extern "C" fn no_type(_: *const TypeDesc) -> i32 {
    never()
}
unsafe extern "C" fn no_info(_: i32) -> *const TypeInfo {
    null()
}
unsafe extern "C" fn no_name(_: ByteSlice) -> i32 {
    never()
}
unsafe extern "C" fn no_register(_: ByteSlice, _: *mut ObjectHeader, _: i32) -> i32 {
    never()
}
unsafe extern "C" fn no_get(_: ByteSlice) -> *mut ObjectHeader {
    never()
}
unsafe extern "C" fn no_names(_: *mut c_void, _: unsafe extern "C" fn(*mut c_void, ByteSlice)) {
    never()
}
unsafe extern "C" fn no_report(_: ByteSlice) {
    never()
}
/// Entries of containers, which nothing here uses.
macro_rules! never {
    ($($name:ident($($arg:ty),*) $(-> $out:ty)?;)*) => {$(
        unsafe extern "C" fn $name($(_: $arg),*) $(-> $out)? {
            never()
        }
    )*};
}
never! {
    no_new(*mut RawAny, usize) -> *mut ObjectHeader;
    no_len(*mut ObjectHeader, *mut u64) -> usize;
    no_list_get(*mut ObjectHeader, usize, u64, *mut RawAny) -> i32;
    no_swap(*mut ObjectHeader, usize, *mut RawAny) -> i32;
    no_list_read(*mut ObjectHeader, usize, *mut RawAny, usize, *mut u64) -> usize;
    no_splice(*mut ObjectHeader, usize, usize, *mut RawAny, usize, *mut RawAny, u64) -> isize;
    no_items(*mut ObjectHeader, *mut usize) -> *const RawAny;
    no_find(*mut ObjectHeader, *const RawAny) -> *const RawAny;
    no_dict_get(*mut ObjectHeader, *const RawAny, *mut RawAny) -> i32;
    no_set(*mut ObjectHeader, *mut RawAny, *mut RawAny, i32) -> i32;
    no_pop(*mut ObjectHeader, *mut RawAny) -> i32;
    no_step(*mut ObjectHeader, *mut usize, i32, u64, *mut RawAny) -> i32;
    no_dict_read(*mut ObjectHeader, *mut RawAny, usize, *mut u64) -> usize;
}
unsafe extern "C" fn no_visit(
    _: *mut ObjectHeader,
    _: *mut c_void,
    _: unsafe extern "C" fn(*mut c_void, *const RawAny),
) -> i32 {
    never()
}
unsafe extern "C" fn no_sharing(_: *const Sharing) {
    never()
}
unsafe extern "C" fn no_documented(
    _: ByteSlice,
    _: *mut ObjectHeader,
    _: i32,
    _: ByteSlice,
    _: ByteSlice,
) -> i32 {
    never()
}
unsafe extern "C" fn no_about(_: *mut ObjectHeader, _: *mut c_void, _: VisitAbout) -> i32 {
    never()
}
type Hook = unsafe extern "C" fn(ByteSlice);
unsafe extern "C" fn no_hook(_: Option<Hook>) -> Option<Hook> {
    never()
}

static TABLE: RuntimeTable = RuntimeTable {
    major: ABI_MAJOR,
    minor: ABI_MINOR + 1, // a newer host serves this copy too
    size: size_of::<RuntimeTable>() as u32,
    registry: &raw const object_core::alloc_header::REGISTRY,
    count_slow_inc: no_object,
    count_slow_dec: slow_dec,
    count_slow_upgrade: slow_upgrade,
    inc_ref: no_object,
    dec_ref: no_object,
    inc_weak: no_object,
    dec_weak: no_object,
    upgrade: no_upgrade,
    slot_load: no_load,
    slot_store: no_store,
    any_slot_load: no_any,
    any_slot_swap: no_any,
    type_register: no_type,
    type_info: no_info,
    type_index_of_key: no_name,
    function_register: no_register,
    function_get: no_get,
    function_remove: no_name,
    function_names: no_names,
    report_unraisable: no_report,
    set_unraisable_hook: no_hook,
    list_new: no_new,
    list_len: no_len,
    list_get: no_list_get,
    list_swap: no_swap,
    list_read: no_list_read,
    list_splice: no_splice,
    map_new: no_new,
    map_items: no_items,
    map_find: no_find,
    dict_new: no_new,
    dict_len: no_len,
    dict_get: no_dict_get,
    dict_set: no_set,
    dict_remove: no_dict_get,
    dict_pop: no_pop,
    dict_step: no_step,
    dict_read: no_dict_read,
    dict_clear: no_object,
    count_settle: slow_settle,
    set_sharing: no_sharing,
    container_visit: no_visit,
    function_register_documented: no_documented,
    function_about: no_about,
};

/// Runs `work` under the table, alone, and answers how often each slow function was called.
fn calls(work: impl FnOnce()) -> (usize, usize, usize) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: a whole table, static. The first call comes before anything else is used.
    unsafe { adopt(&raw const TABLE) }.unwrap();
    assert_eq!(runtime_state(), RuntimeState::Adopted);
    assert!(core::ptr::eq(runtime(), &TABLE));
    let now = || [&SETTLE, &DEC, &UPGRADE].map(|calls| calls.load(Ordering::Relaxed));
    let before = now();
    work();
    let after = now();
    (
        after[0] - before[0],
        after[1] - before[1],
        after[2] - before[2],
    )
}

fn flagged() -> ObjectRef {
    let object = ObjectArc::new(ObjectHeader::new());
    // SAFETY: the table's functions count it.
    unsafe { ObjectArc::header(&object).counts().set_shared() };
    object
}

#[test]
fn unflagged_objects_are_counted_in_place() {
    let calls = calls(|| {
        let object = ObjectArc::new(ObjectHeader::new());
        let weak = ObjectArc::downgrade(&object.clone());
        drop((weak.upgrade(), object));
        assert!(weak.upgrade().is_none());
    });
    assert_eq!(calls, (0, 0, 0));
}

#[test]
fn the_runtime_sees_a_flagged_object_come_to_be_held_and_everything_given_back() {
    let calls = calls(|| {
        let object = flagged();
        let clone = object.clone(); // settle
        assert_eq!(ObjectArc::strong_count(&object), 2);
        let weak = ObjectArc::downgrade(&object);
        let upgraded = weak.upgrade().unwrap(); // upgrade
        assert_eq!(
            (
                ObjectArc::strong_count(&object),
                ObjectArc::weak_count(&object)
            ),
            (3, 1)
        );
        let owned = AnyView::object(&object).try_to_owned().unwrap(); // from 3: nobody's concern
        drop((upgraded, clone, owned)); // three dec
        drop(object.clone()); // settle again, dec
        let object = ObjectArc::try_unique(object).unwrap_err();
        assert!(ObjectArc::header(&object).counts().is_shared());
        drop(object); // dec: the body
        assert!(weak.upgrade().is_none()); // upgrade
        drop(weak); // the space
    });
    assert_eq!(calls, (2, 5, 2));
}

#[test]
fn one_of_two_is_given_back_in_place_unless_flagged() {
    let calls = calls(|| {
        for object in [ObjectArc::new(ObjectHeader::new()), flagged()] {
            let second = ObjectArc::into_raw(object.clone()); // of the flagged one: settle
            // SAFETY: `object` is the other reference; nobody else knows the object.
            unsafe { dec_ref_kept(second) }; // of the flagged one: dec
            assert_eq!(ObjectArc::strong_count(&object), 1);
        } // of the flagged one: dec
    });
    assert_eq!(calls, (1, 2, 0));
}

#[test]
fn a_flagged_object_alone_is_never_unique() {
    let calls = calls(|| {
        let object = flagged();
        drop(ObjectArc::try_unique(object).unwrap_err());
    });
    assert_eq!(calls, (0, 1, 0));
}

#[test]
fn a_bit_set_while_others_count_turns_them_to_the_runtime() {
    let calls = calls(|| {
        let items = ObjectArc::with_items(WithItems::new(ObjectHeader::new()), 3, |i| i);
        let clone = items.clone();
        // SAFETY: as in `flagged`.
        let strong = unsafe { ObjectArc::header(&items).counts().set_shared() };
        assert_eq!(strong, 2, "held beside the wrapper from the start");
        assert_eq!(ObjectArc::items(&clone.clone()).len(), 3); // from 2; dec
        drop((items, clone)); // two dec
    });
    assert_eq!(calls, (0, 3, 0));
}

/// The runtime may do anything when it counts, so no lock of ours may be held.
#[test]
fn slots_that_hold_flagged_objects_are_unlocked_before_the_runtime_counts() {
    let calls = calls(|| {
        let (owner, object) = (ObjectArc::new(ObjectHeader::new()), flagged());
        OWNER.store(ObjectArc::as_ptr(&owner).as_ptr(), Ordering::Relaxed);
        let header = ObjectArc::header(&owner);
        let raw = ObjectArc::as_ptr(&object).as_ptr();
        let mut slot: *mut ObjectHeader = null_mut();
        // SAFETY: the variables below serve as slots of `owner`; each holds one reference.
        unsafe {
            drop_strong(slot_store(
                header,
                &raw mut slot,
                ObjectArc::into_raw(object).as_ptr(),
            ));
            let loaded = slot_load(header, &raw mut slot).unwrap(); // settle
            assert_eq!(loaded.as_ptr(), raw);
            assert_eq!(
                (
                    loaded.as_ref().counts().strong(),
                    loaded.as_ref().counts().weak()
                ),
                (2, 0)
            );

            let mut any = Any::into_raw(Any::from(ObjectRef::from_raw(loaded)));
            drop_strong(slot_store(header, &raw mut slot, null_mut())); // dec: 1 is left
            let copy = Any::from_raw(any_slot_load(header, &raw mut any)); // settle
            drop(copy); // dec
            assert!(slot_store(header, &raw mut slot, raw).is_null()); // the reference that `any` had

            let weak = ObjectArc::downgrade(&*NonNull::from(&slot).cast::<ObjectRef>().as_ptr());
            let mut weak_slot = object_core::WeakObjectArc::into_raw(weak);
            let alive = weak_slot_load(header, &raw mut weak_slot).unwrap(); // upgrade
            assert_eq!(
                (
                    alive.as_ref().counts().strong(),
                    alive.as_ref().counts().weak()
                ),
                (2, 1)
            );
            drop_strong(alive.as_ptr()); // dec
            drop_strong(slot_store(header, &raw mut slot, null_mut())); // dec: the body
            assert!(weak_slot_load(header, &raw mut weak_slot).is_none()); // upgrade
            drop_weak(weak_slot); // the space
            assert!(slot_load(header, &raw mut slot).is_none());
        }
        OWNER.store(null_mut(), Ordering::Relaxed);
    });
    assert_eq!(calls, (2, 4, 2));
}
