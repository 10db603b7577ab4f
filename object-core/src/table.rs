//! The runtime table, and the handshake of libraries: the part of the ABI that grows.
//!
//! `docs/abi.md` documents each entry.

use core::ffi::c_void;

use alloc_header::Registry;

use crate::abi::{ByteSlice, RawAny, TypeDesc, TypeInfo};
use crate::header::ObjectHeader;

/// Layouts below belong to this number; libraries of another one are refused.
pub const ABI_MAJOR: u16 = 1;
/// Grows when the runtime table grows; a library newer than its host is refused.
pub const ABI_MINOR: u16 = 3;

/// What `type_register` answers below 0.
pub mod register_status {
    /// The key is taken by a type with another fingerprint.
    pub const CONFLICT: i32 = -1;
    /// The parent's number is no type.
    pub const UNKNOWN_PARENT: i32 = -2;
    /// A key, name, kind, offset or alignment that cannot be.
    pub const BAD_DESCRIPTION: i32 = -3;
    /// No memory.
    pub const OUT_OF_MEMORY: i32 = -4;
    /// The table is full.
    pub const TOO_MANY: i32 = -5;
}

/// What `function_register` answers.
pub mod function_status {
    /// Done.
    pub const OK: i32 = 0;
    /// The name is taken and `override` was not asked for.
    pub const TAKEN: i32 = -1;
    /// What should have been registered is no function object.
    pub const NOT_A_FUNCTION: i32 = -3;
    /// No memory.
    pub const OUT_OF_MEMORY: i32 = -4;
}

/// What the entries of containers answer.
pub mod container_status {
    /// Done.
    pub const DONE: i32 = 0;
    /// There is no such index or key, or nothing left.
    pub const ABSENT: i32 = 0;
    /// It is there.
    pub const FOUND: i32 = 1;
    /// The container is not of the version that was named.
    pub const CHANGED: i32 = -1;
    /// No memory; nothing has changed.
    pub const OUT_OF_MEMORY: i32 = -4;
}

/// As a version: whichever it is.
pub const ANY_VERSION: u64 = u64::MAX;

/// Everything process-wide, behind one table. Version first, size second, grown only at its end.
///
/// All functions may be called on any thread, attached or not, unless it says otherwise. None
/// unwinds.
#[repr(C)]
#[derive(Debug)]
pub struct RuntimeTable {
    /// [`ABI_MAJOR`].
    pub major: u16,
    /// [`ABI_MINOR`].
    pub minor: u16,
    /// Bytes of this table.
    pub size: u32,
    /// Backing and tying frontend.
    pub registry: *const Registry,
    /// Bit 63 was seen, and nothing was done: adds a strong reference. (From before 1.2; copies of the
    /// code add by themselves and call [`count_settle`](Self::count_settle).)
    pub count_slow_inc: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// Bit 63 was seen, and nothing was done: gives a strong reference back, and deletes.
    pub count_slow_dec: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// Bit 63 was seen, and nothing was done: 1 if there is a strong reference besides the caller's weak
    /// one now, 0 if the object is dead or its wrapper cannot be had any more.
    pub count_slow_upgrade: unsafe extern "C" fn(object: *mut ObjectHeader) -> i32,
    /// Adds a strong reference (for C, which inlines no counts).
    pub inc_ref: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// Gives a strong reference back, and deletes.
    pub dec_ref: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// Adds a weak reference.
    pub inc_weak: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// Gives a weak reference back, and frees.
    pub dec_weak: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// 1 if the weak reference held by the caller became a strong one besides, 0 if dead.
    pub upgrade: unsafe extern "C" fn(object: *mut ObjectHeader) -> i32,
    /// A strong reference to what a mutable object field holds, or null.
    pub slot_load: unsafe extern "C" fn(
        owner: *mut ObjectHeader,
        slot: *mut *mut ObjectHeader,
    ) -> *mut ObjectHeader,
    /// Puts an owned reference (or null) into a mutable object field, returns the old one, owned.
    pub slot_store: unsafe extern "C" fn(
        owner: *mut ObjectHeader,
        slot: *mut *mut ObjectHeader,
        value: *mut ObjectHeader,
    ) -> *mut ObjectHeader,
    /// An owned copy of a mutable `Any` field, written to `out`.
    pub any_slot_load:
        unsafe extern "C" fn(owner: *mut ObjectHeader, slot: *mut RawAny, out: *mut RawAny),
    /// Exchanges a mutable `Any` field with `*value`; both are owned.
    pub any_slot_swap:
        unsafe extern "C" fn(owner: *mut ObjectHeader, slot: *mut RawAny, value: *mut RawAny),
    /// The type's number, or a [`register_status`].
    pub type_register: unsafe extern "C" fn(desc: *const TypeDesc) -> i32,
    /// The type by number, or null. Lock-free.
    pub type_info: unsafe extern "C" fn(type_index: i32) -> *const TypeInfo,
    /// The type's number by key, or -1.
    pub type_index_of_key: unsafe extern "C" fn(key: ByteSlice) -> i32,
    /// Puts a function (borrowed) under a name; a [`function_status`].
    pub function_register: unsafe extern "C" fn(
        name: ByteSlice,
        function: *mut ObjectHeader,
        override_existing: i32,
    ) -> i32,
    /// The function of that name, owned by the caller, or null.
    pub function_get: unsafe extern "C" fn(name: ByteSlice) -> *mut ObjectHeader,
    /// Takes the name out; 1 if it was there.
    pub function_remove: unsafe extern "C" fn(name: ByteSlice) -> i32,
    /// Calls `visit` with each name, in no order. `visit` must not call back into the table.
    pub function_names: unsafe extern "C" fn(
        context: *mut c_void,
        visit: unsafe extern "C" fn(context: *mut c_void, name: ByteSlice),
    ),
    /// Tells the frontend of an error that nobody can catch (a destructor's panic).
    pub report_unraisable: unsafe extern "C" fn(message: ByteSlice),
    /// Sets who is told; returns who was. Null: nobody.
    pub set_unraisable_hook: unsafe extern "C" fn(
        hook: Option<unsafe extern "C" fn(message: ByteSlice)>,
    ) -> Option<unsafe extern "C" fn(message: ByteSlice)>,
    // From here on: since 1.1.
    /// A list of values, which are taken; null (and nothing is taken) if there is no memory.
    pub list_new:
        unsafe extern "C" fn(values: *mut RawAny, num_values: usize) -> *mut ObjectHeader,
    /// How many values; `version`, if not null, is what grows when one comes, goes or moves.
    pub list_len: unsafe extern "C" fn(list: *mut ObjectHeader, version: *mut u64) -> usize,
    /// An owned copy of the value at `index`; a [`container_status`].
    pub list_get: unsafe extern "C" fn(
        list: *mut ObjectHeader,
        index: usize,
        version: u64,
        out: *mut RawAny,
    ) -> i32,
    /// Exchanges the value at `index` with `*value`; a [`container_status`].
    pub list_swap:
        unsafe extern "C" fn(list: *mut ObjectHeader, index: usize, value: *mut RawAny) -> i32,
    /// Owned copies of the values from `start` on, as many as there is room for; answers the length.
    pub list_read: unsafe extern "C" fn(
        list: *mut ObjectHeader,
        start: usize,
        out: *mut RawAny,
        room: usize,
        version: *mut u64,
    ) -> usize,
    /// Puts values, which are taken, in the place of those from `start` to `stop`; answers how many
    /// went, or a [`container_status`] below 0.
    pub list_splice: unsafe extern "C" fn(
        list: *mut ObjectHeader,
        start: usize,
        stop: usize,
        values: *mut RawAny,
        num_values: usize,
        removed: *mut RawAny,
        version: u64,
    ) -> isize,
    /// A map of pairs, which are taken; null (and nothing is taken) if there is no memory.
    pub map_new: unsafe extern "C" fn(pairs: *mut RawAny, num_pairs: usize) -> *mut ObjectHeader,
    /// The pairs in order, borrowed from the map.
    pub map_items:
        unsafe extern "C" fn(map: *mut ObjectHeader, num_pairs: *mut usize) -> *const RawAny,
    /// The value of a key, borrowed from the map, or null.
    pub map_find:
        unsafe extern "C" fn(map: *mut ObjectHeader, key: *const RawAny) -> *const RawAny,
    /// A dict of pairs, which are taken; null (and nothing is taken) if there is no memory.
    pub dict_new: unsafe extern "C" fn(pairs: *mut RawAny, num_pairs: usize) -> *mut ObjectHeader,
    /// How many pairs; `version`, if not null, is what grows when a key comes or goes.
    pub dict_len: unsafe extern "C" fn(dict: *mut ObjectHeader, version: *mut u64) -> usize,
    /// An owned copy of a key's value; a [`container_status`].
    pub dict_get: unsafe extern "C" fn(
        dict: *mut ObjectHeader,
        key: *const RawAny,
        out: *mut RawAny,
    ) -> i32,
    /// Puts a pair in, or exchanges the value of a key that is there; a [`container_status`].
    pub dict_set: unsafe extern "C" fn(
        dict: *mut ObjectHeader,
        key: *mut RawAny,
        value: *mut RawAny,
        replace: i32,
    ) -> i32,
    /// Takes a key's pair out; a [`container_status`].
    pub dict_remove: unsafe extern "C" fn(
        dict: *mut ObjectHeader,
        key: *const RawAny,
        pair: *mut RawAny,
    ) -> i32,
    /// Takes the last pair out; a [`container_status`].
    pub dict_pop: unsafe extern "C" fn(dict: *mut ObjectHeader, pair: *mut RawAny) -> i32,
    /// An owned copy of the pair behind the cursor, or in front of it; a [`container_status`].
    pub dict_step: unsafe extern "C" fn(
        dict: *mut ObjectHeader,
        cursor: *mut usize,
        backwards: i32,
        version: u64,
        pair: *mut RawAny,
    ) -> i32,
    /// Owned copies of the first pairs, as many as there is room for; answers how many there are.
    pub dict_read: unsafe extern "C" fn(
        dict: *mut ObjectHeader,
        pairs: *mut RawAny,
        room: usize,
        version: *mut u64,
    ) -> usize,
    /// Drops all pairs.
    pub dict_clear: unsafe extern "C" fn(dict: *mut ObjectHeader),
    // From here on: since 1.2.
    /// An increment, which is done, found bit 63 and strong 1: only the wrapper held the object. Sees to
    /// it that the object owns its wrapper now; counts nothing.
    pub count_settle: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// For the tying frontend, once: who is told about objects with bit 63 set.
    pub set_sharing: unsafe extern "C" fn(sharing: *const Sharing),
    /// Shows each value (and key) of a List or Dict to `visit`, borrowed, under the container's lock; 0, and
    /// nothing, if somebody has that.
    pub container_visit: unsafe extern "C" fn(
        container: *mut ObjectHeader,
        context: *mut c_void,
        visit: unsafe extern "C" fn(context: *mut c_void, value: *const RawAny),
    ) -> i32,
    // From here on: since 1.3.
    /// [`function_register`](Self::function_register) with what is to be known of the function: its
    /// documentation, and its parameters as `(price, count, /)`. Both are copied; empty: not known.
    pub function_register_documented: unsafe extern "C" fn(
        name: ByteSlice,
        function: *mut ObjectHeader,
        override_existing: i32,
        doc: ByteSlice,
        signature: ByteSlice,
    ) -> i32,
    /// Shows what was registered of a function to `visit`, once: of several names one with documentation
    /// first. 1; or 0, and nothing, if it has no name. `visit` must not call back into the table.
    pub function_about: unsafe extern "C" fn(
        function: *mut ObjectHeader,
        context: *mut c_void,
        visit: VisitAbout,
    ) -> i32,
}

/// Is shown what was registered of a function ([`RuntimeTable::function_about`]): the texts are borrowed for the
/// call, empty where nothing is known.
pub type VisitAbout = unsafe extern "C" fn(
    context: *mut c_void,
    name: ByteSlice,
    doc: ByteSlice,
    signature: ByteSlice,
);

/// What the tying frontend does for the objects whose bit 63 it set; lives as long as the process.
///
/// Called on any thread, attached or not, while no lock is held. Neither unwinds.
#[repr(C)]
#[derive(Debug)]
pub struct Sharing {
    /// The strong count has come to 1 from above, or to 2 or more from 1, or has done so before: takes
    /// over a weak reference. May run anything.
    pub settle: unsafe extern "C" fn(object: *mut ObjectHeader),
    /// A weak reference, which the caller keeps, shall become strong, and only the wrapper holds the
    /// object: 1 if it did. May wait for the interpreter.
    pub upgrade: unsafe extern "C" fn(object: *mut ObjectHeader) -> i32,
}

// SAFETY: a table is immutable; the registry behind the pointer is Sync and lives as long.
unsafe impl Send for RuntimeTable {}
// SAFETY: as above.
unsafe impl Sync for RuntimeTable {}

/// What a library tells its loader about the handshake.
#[repr(C)]
#[derive(Debug)]
pub struct LibraryReply {
    /// Bytes of this struct, filled in by the loader.
    pub size: u32,
    /// The library's [`ABI_MAJOR`].
    pub major: u16,
    /// The library's [`ABI_MINOR`].
    pub minor: u16,
    /// [`RawAny::NONE`], or an owned `Error` with [`library_status::FAILED`].
    pub error: RawAny,
}

/// What `tieback_library_init` answers.
pub mod library_status {
    /// Everything is registered.
    pub const OK: i32 = 0;
    /// Something failed; `error` says what. Nothing was registered.
    pub const FAILED: i32 = 1;
    /// The versions do not fit; nothing was touched.
    pub const REFUSED: i32 = 2;
    /// The library already runs its own runtime.
    pub const OWN_RUNTIME: i32 = 3;
}

/// The one symbol a library exports, under the name `tieback_library_init`.
pub type LibraryInit =
    unsafe extern "C" fn(table: *const RuntimeTable, reply: *mut LibraryReply) -> i32;

/// The name of the one symbol a library exports.
pub const LIBRARY_INIT_SYMBOL: &[u8] = b"tieback_library_init\0";
