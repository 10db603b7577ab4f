//! The type table: registration under a lock, look-up without one.
//!
//! ```text
//! CHUNKS  [ * | * | . | . ... ]      one pointer each 256 numbers, made when first needed
//!           |
//!           v
//!         [ 0:&TypeInfo | 1:&TypeInfo | ... 255 ]     never moved, never freed
//! ```
//!
//! This is the engine behind the runtime table's `type_*` functions; it works on the raw structs of
//! `abi`, so that it stands below every handle.

use alloc::vec::Vec;
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use hashbrown::HashMap;

use crate::abi::{ByteSlice, FieldInfo, FieldKind, MethodInfo, TypeDesc, TypeInfo};
use crate::table::{register_status as status};
use crate::fingerprint::fingerprint;
use crate::header::ObjectHeader;
use crate::leak::{NoMemory, leak, leak_slice};
use crate::refs::inc_ref;
use crate::type_index as index;

const CHUNK: usize = 256;
const CHUNKS: usize = index::LIMIT as usize / CHUNK;

type Chunk = [AtomicPtr<TypeInfo>; CHUNK];

static TABLE: [AtomicPtr<Chunk>; CHUNKS] = [const { AtomicPtr::new(null_mut()) }; CHUNKS];

/// Keys, and the next free number; whoever registers holds it.
struct Names {
    by_key: HashMap<&'static [u8], i32>,
    next: i32,
    fixed_done: bool,
}

static NAMES: spin::Mutex<Option<Names>> = spin::Mutex::new(None);

/// The fixed types of this version, parents first.
const FIXED: [(i32, &str, &str); 8] = [
    (index::OBJECT, "tieback.Object", "The root of all object types."),
    (index::STR, "tieback.Str", "A string object."),
    (index::BYTES, "tieback.Bytes", "A bytes object."),
    (index::ERROR, "tieback.Error", "An error: kind, message, traceback, cause."),
    (index::FUNCTION, "tieback.Function", "A function that any frontend can call."),
    (index::ARRAY, "tieback.Array", "An immutable array of values."),
    (index::OPAQUE, "tieback.Opaque", "Carries something of a frontend's."),
    // Registered in this version so that their numbers have names; their bodies come with the
    // containers.
    (index::LIST, "tieback.List", "A mutable list of values."),
];

/// The type of that number, if there is one. Lock-free, any thread.
#[inline]
pub(crate) fn look_up(type_index: i32) -> Option<&'static TypeInfo> {
    let number = usize::try_from(type_index).ok()?;
    // Acquire on both: pairs with the Releases of `publish`.
    let chunk = TABLE.get(number / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: null or a leaked chunk.
    let chunk = unsafe { chunk.as_ref() }?;
    let info = chunk[number % CHUNK].load(Ordering::Acquire);
    // SAFETY: null or a leaked, immutable TypeInfo.
    unsafe { info.as_ref() }
}

/// Puts `info` where `look_up` finds it. The lock is held.
fn publish(info: &'static TypeInfo) -> Result<(), NoMemory> {
    let number = info.type_index as usize;
    let slot = &TABLE[number / CHUNK];
    let mut chunk = slot.load(Ordering::Acquire);
    if chunk.is_null() {
        let made = leak([const { AtomicPtr::new(null_mut::<TypeInfo>()) }; CHUNK])?;
        chunk = core::ptr::from_ref(made).cast_mut();
        // Release: the chunk's nulls are seen before its address.
        slot.store(chunk, Ordering::Release);
    }
    // SAFETY: a leaked chunk, only ever shared.
    let chunk = unsafe { &*chunk };
    // Release: the info's fields are seen before its address.
    chunk[number % CHUNK].store(core::ptr::from_ref(info).cast_mut(), Ordering::Release);
    Ok(())
}

/// Runs `f` with the names, the fixed types registered.
fn with_names<R>(f: impl FnOnce(&mut Names) -> R) -> Result<R, NoMemory> {
    let mut guard = NAMES.lock();
    let names = guard.get_or_insert_with(|| Names {
        by_key: HashMap::new(),
        next: index::DYNAMIC_BEGIN,
        fixed_done: false,
    });
    if !names.fixed_done {
        for (number, key, doc) in FIXED {
            if look_up(number).is_some() {
                continue; // an earlier attempt ran out of memory half-way
            }
            let desc = TypeDesc {
                key: ByteSlice::new(key.as_bytes()),
                doc: ByteSlice::new(doc.as_bytes()),
                parent: index::OBJECT,
                flags: 0,
                size: 0,
                align: 8,
                fields: null(),
                methods: null(),
                num_fields: 0,
                num_methods: 0,
            };
            let parent = if number == index::OBJECT { None } else { look_up(index::OBJECT) };
            // SAFETY: the description borrows constants.
            unsafe { insert(names, number, &desc, parent, 0) }?;
        }
        names.fixed_done = true;
    }
    Ok(f(names))
}

/// Copies the description into leaked memory and publishes it.
///
/// # Safety
///
/// The description's pointers are readable; its functions are live objects.
unsafe fn insert(
    names: &mut Names,
    number: i32,
    desc: &TypeDesc,
    parent: Option<&'static TypeInfo>,
    print: u64,
) -> Result<(), NoMemory> {
    names.by_key.try_reserve(1).map_err(|_| NoMemory)?;
    // SAFETY: the caller's contract, here and below.
    let copy = |text: ByteSlice| unsafe { leak_slice(text.as_bytes()) };
    let mut ancestors: Vec<*const TypeInfo> = Vec::new();
    if let Some(parent) = parent {
        ancestors.try_reserve_exact(parent.depth as usize + 1).map_err(|_| NoMemory)?;
        ancestors.extend((0..parent.depth as usize).map(|i| {
            // SAFETY: `depth` entries, by TypeInfo's contract.
            unsafe { *parent.ancestors.add(i) }
        }));
        ancestors.push(core::ptr::from_ref(parent));
    }
    let mut fields: Vec<FieldInfo> = Vec::new();
    fields.try_reserve_exact(desc.num_fields as usize).map_err(|_| NoMemory)?;
    for i in 0..desc.num_fields as usize {
        // SAFETY: `num_fields` entries.
        let field = unsafe { *desc.fields.add(i) };
        let (name, doc) = (ByteSlice::new(copy(field.name)?), ByteSlice::new(copy(field.doc)?));
        fields.push(FieldInfo { name, doc, ..field });
    }
    let mut methods: Vec<MethodInfo> = Vec::new();
    methods.try_reserve_exact(desc.num_methods as usize).map_err(|_| NoMemory)?;
    for i in 0..desc.num_methods as usize {
        // SAFETY: `num_methods` entries.
        let method = unsafe { *desc.methods.add(i) };
        let (name, doc) = (ByteSlice::new(copy(method.name)?), ByteSlice::new(copy(method.doc)?));
        methods.push(MethodInfo { name, doc, ..method });
    }
    let key = copy(desc.key)?;
    let ancestors = leak_slice(&ancestors)?;
    let info = leak(TypeInfo {
        type_index: number,
        depth: ancestors.len() as i32,
        key: ByteSlice::new(key),
        doc: ByteSlice::new(copy(desc.doc)?),
        ancestors: ancestors.as_ptr(),
        num_fields: desc.num_fields,
        num_methods: desc.num_methods,
        fields: leak_slice(&fields)?.as_ptr(),
        methods: leak_slice(&methods)?.as_ptr(),
        size: desc.size,
        align: desc.align,
        flags: desc.flags,
        reserved: 0,
        fingerprint: print,
    })?;
    publish(info)?;
    names.by_key.insert(key, number);
    for method in &methods {
        if let Some(function) = NonNull::new(method.function) {
            // SAFETY: alive by the caller's contract; this reference is the table's, for ever.
            unsafe { inc_ref(function) };
        }
    }
    Ok(())
}

/// The table's `type_register`.
pub(crate) unsafe extern "C" fn register(desc: *const TypeDesc) -> i32 {
    // SAFETY: the table's contract: not null, pointers readable.
    let desc = unsafe { &*desc };
    let Some(parent) = look_up_parent(desc.parent) else { return status::UNKNOWN_PARENT };
    // SAFETY: as above.
    if !unsafe { is_sound(desc, parent) } {
        return status::BAD_DESCRIPTION;
    }
    // SAFETY: as above.
    let print = unsafe { fingerprint(desc, parent.key) };
    // SAFETY: as above.
    let key = unsafe { desc.key.as_bytes() };
    with_names(|names| {
        if let Some(&number) = names.by_key.get(key) {
            let same = look_up(number).is_some_and(|info| info.fingerprint == print)
                && number >= index::DYNAMIC_BEGIN;
            return if same { number } else { status::CONFLICT };
        }
        let number = names.next;
        if number >= index::LIMIT {
            return status::TOO_MANY;
        }
        // SAFETY: as above.
        if unsafe { insert(names, number, desc, Some(parent), print) }.is_err() {
            return status::OUT_OF_MEMORY;
        }
        names.next += 1;
        number
    })
    .unwrap_or(status::OUT_OF_MEMORY)
}

fn look_up_parent(number: i32) -> Option<&'static TypeInfo> {
    // The first registration of a process makes the fixed types.
    with_names(|_| ()).ok()?;
    look_up(number)
}

/// Whether the description can be: names not empty, kinds known, fields inside the body and behind
/// the header, offsets aligned.
///
/// # Safety
///
/// The description's pointers are readable.
unsafe fn is_sound(desc: &TypeDesc, parent: &TypeInfo) -> bool {
    let head = size_of::<ObjectHeader>() as u32;
    if desc.key.len == 0 || !desc.align.is_power_of_two() {
        return false;
    }
    if desc.size != 0 && (desc.size < head || desc.size < parent.size) {
        return false;
    }
    if (desc.num_fields > 0 && desc.fields.is_null())
        || (desc.num_methods > 0 && desc.methods.is_null())
    {
        return false;
    }
    // SAFETY: the caller's contract.
    (0..desc.num_fields as usize).all(|i| unsafe { &*desc.fields.add(i) }.fits(desc, head))
}

impl FieldInfo {
    fn fits(&self, desc: &TypeDesc, head: u32) -> bool {
        let Some(kind) = FieldKind::from_number(self.kind) else { return false };
        let end = self.offset.checked_add(kind.size() as u32);
        self.name.len > 0
            && self.offset >= head
            && self.offset as usize % kind.align() == 0
            && end.is_some_and(|end| end <= desc.size)
    }
}

/// The table's `type_info`.
pub(crate) unsafe extern "C" fn info(type_index: i32) -> *const TypeInfo {
    match look_up(type_index) {
        Some(info) => info,
        // A fixed type asked for before anything was registered.
        None if type_index < index::DYNAMIC_BEGIN => {
            look_up_parent(type_index).map_or(null(), core::ptr::from_ref)
        }
        None => null(),
    }
}

/// The table's `type_index_of_key`.
pub(crate) unsafe extern "C" fn index_of_key(key: ByteSlice) -> i32 {
    // SAFETY: the table's contract: readable.
    let key = unsafe { key.as_bytes() };
    with_names(|names| names.by_key.get(key).copied().unwrap_or(-1)).unwrap_or(-1)
}
