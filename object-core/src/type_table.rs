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

use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use hashbrown::HashMap;

use crate::abi::{ByteSlice, FieldInfo, FieldKind, MethodInfo, TypeDesc, TypeInfo, type_flags};
use crate::table::{register_status as status};
use crate::fingerprint::fingerprint;
use crate::header::ObjectHeader;
use crate::room::{NoMemory, leak, put, with_room, zeros};
use crate::refs::{dec_ref, inc_ref, is_function};
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
const FIXED: [(i32, &str, &str); 10] = [
    (index::OBJECT, "tieback.Object", "The root of all object types."),
    (index::STR, "tieback.Str", "A string object."),
    (index::BYTES, "tieback.Bytes", "A bytes object."),
    (index::ERROR, "tieback.Error", "An error: kind, message, traceback, cause."),
    (index::FUNCTION, "tieback.Function", "A function that any frontend can call."),
    (index::ARRAY, "tieback.Array", "An immutable array of values."),
    (index::OPAQUE, "tieback.Opaque", "Carries something of a frontend's."),
    (index::LIST, "tieback.List", "A mutable list of values."),
    (index::MAP, "tieback.Map", "An immutable map that keeps the order of insertion."),
    (index::DICT, "tieback.Dict", "A mutable map that keeps the order of insertion."),
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

/// Where the type of that number goes; makes the chunk for it. The lock is held.
fn place_for(number: i32) -> Result<&'static AtomicPtr<TypeInfo>, NoMemory> {
    let number = number as usize;
    let slot = &TABLE[number / CHUNK];
    let mut chunk = slot.load(Ordering::Acquire);
    if chunk.is_null() {
        let made = leak([const { AtomicPtr::new(null_mut::<TypeInfo>()) }; CHUNK])?;
        chunk = core::ptr::from_ref(made).cast_mut();
        // Release: the chunk's nulls are seen before its address.
        slot.store(chunk, Ordering::Release);
    }
    // SAFETY: a leaked chunk, only ever shared.
    Ok(&unsafe { &*chunk }[number % CHUNK])
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

/// Copies the description into leaked memory and publishes it. All memory is asked for first, so
/// that nothing is left behind when there is none.
///
/// # Safety
///
/// The description's pointers are readable; its functions are references that the caller gives away.
unsafe fn insert(
    names: &mut Names,
    number: i32,
    desc: &TypeDesc,
    parent: Option<&'static TypeInfo>,
    print: u64,
) -> Result<(), NoMemory> {
    // SAFETY: the caller's contract.
    let (from_fields, from_methods) = unsafe { (fields_of(desc), methods_of(desc)) };
    let texts = from_fields.iter().flat_map(|field| [field.name, field.doc]);
    let texts = texts.chain(from_methods.iter().flat_map(|method| [method.name, method.doc]));
    let bytes = texts.chain([desc.key, desc.doc]).fold(0, |sum: usize, text| sum.saturating_add(text.len));
    let above = parent.map_or(&[][..], ancestors_of);

    names.by_key.try_reserve(1).map_err(|_| NoMemory)?;
    let place = place_for(number)?;
    let text = zeros(bytes)?;
    let mut ancestors = with_room::<&'static TypeInfo>(above.len() + 1)?;
    let mut fields = with_room::<FieldInfo>(from_fields.len())?;
    let mut methods = with_room::<MethodInfo>(from_methods.len())?;
    let mut info = with_room::<TypeInfo>(1)?;

    // From here on nothing can fail.
    let mut room: &'static mut [u8] = text.leak();
    let mut copy = |text: ByteSlice| -> &'static [u8] {
        let (here, rest) = core::mem::take(&mut room).split_at_mut(text.len);
        // SAFETY: the caller's contract.
        here.copy_from_slice(unsafe { text.as_bytes() });
        room = rest;
        here
    };
    let (key, doc) = (copy(desc.key), copy(desc.doc));
    above.iter().copied().chain(parent).for_each(|info| put(&mut ancestors, info));
    for &field in from_fields {
        let own = field.names_type() && field.type_index == index::THIS;
        let copied = FieldInfo {
            name: ByteSlice::new(copy(field.name)),
            doc: ByteSlice::new(copy(field.doc)),
            type_index: if own { number } else { field.type_index },
            ..field
        };
        put(&mut fields, copied);
    }
    for &method in from_methods {
        let (name, doc) = (ByteSlice::new(copy(method.name)), ByteSlice::new(copy(method.doc)));
        put(&mut methods, MethodInfo { name, doc, ..method });
    }
    let made = TypeInfo {
        type_index: number,
        depth: ancestors.len() as i32,
        key: ByteSlice::new(key),
        doc: ByteSlice::new(doc),
        ancestors: ancestors.leak().as_ptr().cast(),
        num_fields: desc.num_fields,
        num_methods: desc.num_methods,
        fields: fields.leak().as_ptr(),
        methods: methods.leak().as_ptr(),
        size: desc.size,
        align: desc.align,
        flags: desc.flags,
        reserved: 0,
        fingerprint: print,
    };
    put(&mut info, made);
    // Release: the info's fields are seen before its address.
    place.store(info.leak().as_mut_ptr(), Ordering::Release);
    assert!(names.by_key.len() < names.by_key.capacity(), "room was made");
    names.by_key.insert(key, number);
    Ok(())
}

fn ancestors_of(info: &'static TypeInfo) -> &'static [&'static TypeInfo] {
    match info.depth as usize {
        0 => &[],
        // SAFETY: `insert` leaked `depth` references.
        len => unsafe { core::slice::from_raw_parts(info.ancestors.cast(), len) },
    }
}

/// # Safety
///
/// The description's fields are readable for `'a`.
unsafe fn fields_of<'a>(desc: &TypeDesc) -> &'a [FieldInfo] {
    match desc.num_fields as usize {
        0 => &[],
        // SAFETY: the caller's contract.
        len => unsafe { core::slice::from_raw_parts(desc.fields, len) },
    }
}

/// # Safety
///
/// The description's methods are readable for `'a`.
unsafe fn methods_of<'a>(desc: &TypeDesc) -> &'a [MethodInfo] {
    match desc.num_methods as usize {
        0 => &[],
        // SAFETY: the caller's contract.
        len => unsafe { core::slice::from_raw_parts(desc.methods, len) },
    }
}

/// The table's `type_register`.
pub(crate) unsafe extern "C" fn register(desc: *const TypeDesc) -> i32 {
    // SAFETY: the table's contract: not null, pointers readable.
    let desc = unsafe { &*desc };
    let parent = match look_up_known(desc.parent) {
        Ok(Some(parent)) => parent,
        Ok(None) => return status::UNKNOWN_PARENT,
        Err(NoMemory) => return status::OUT_OF_MEMORY,
    };
    // SAFETY: as above.
    if !unsafe { is_sound(desc, parent) } {
        return status::BAD_DESCRIPTION;
    }
    // SAFETY: as above.
    let print = unsafe { fingerprint(desc, parent.key, |number| key_of(number, desc)) };
    // SAFETY: as above.
    let (key, held) = unsafe { (desc.key.as_bytes(), Functions::hold(methods_of(desc))) };
    let mut held = Some(held); // what is left of it is given back after the lock
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
        core::mem::forget(held.take()); // the table's, for ever
        names.next += 1;
        number
    })
    .unwrap_or(status::OUT_OF_MEMORY)
}

/// References to the functions of a description. Taken and given back outside of the lock: where bit
/// 63 is set the runtime counts, which may run anything.
struct Functions<'a>(&'a [MethodInfo]);

impl<'a> Functions<'a> {
    /// # Safety
    ///
    /// The functions are null or live objects.
    unsafe fn hold(methods: &'a [MethodInfo]) -> Self {
        for function in methods.iter().filter_map(|method| NonNull::new(method.function)) {
            // SAFETY: the caller's contract.
            unsafe { inc_ref(function) };
        }
        Self(methods)
    }
}

impl Drop for Functions<'_> {
    fn drop(&mut self) {
        for function in self.0.iter().filter_map(|method| NonNull::new(method.function)) {
            // SAFETY: taken in `hold`.
            unsafe { dec_ref(function) };
        }
    }
}

/// The type of that number, the fixed ones registered.
fn look_up_known(number: i32) -> Result<Option<&'static TypeInfo>, NoMemory> {
    // The first registration of a process makes the fixed types.
    with_names(|_| ())?;
    Ok(look_up(number))
}

/// The key of a field's type.
fn key_of(number: i32, desc: &TypeDesc) -> ByteSlice {
    if number == index::THIS {
        return desc.key;
    }
    look_up(number).map_or(ByteSlice::EMPTY, |info| info.key)
}

/// Fields or methods of one type.
const MOST: u32 = 1 << 16;

/// Whether the description can be: names not empty, kinds known, fields inside the body and behind
/// the header, offsets aligned, their types known; a reflected type is reflected from the root on,
/// and its fields lie behind its parent's and apart.
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
    let is_reflected = desc.flags & type_flags::REFLECTED != 0;
    let is_root = parent.type_index == index::OBJECT;
    let reflected_above = is_root || parent.flags & type_flags::REFLECTED != 0;
    if is_reflected && (desc.size == 0 || !reflected_above) {
        return false;
    }
    if (desc.num_fields > 0 && desc.fields.is_null())
        || (desc.num_methods > 0 && desc.methods.is_null())
    {
        return false;
    }
    // What is more than anybody has is not read: the counts are not those of the arrays.
    if desc.num_fields.max(desc.num_methods) > MOST {
        return false;
    }
    // SAFETY: the caller's contract.
    let (fields, methods) = unsafe { (fields_of(desc), methods_of(desc)) };
    fields.iter().all(|field| field.fits(desc, head))
        // SAFETY: the caller's contract: null or live objects.
        && methods.iter().all(|method| method.name.len > 0 && unsafe { is_function(method.function) })
        && (!is_reflected || lie_apart(fields, if is_root { head } else { parent.size }))
}

/// Whether no field reaches into another, nor in front of `start`. Reflected bodies are read, written
/// and dropped field by field: of two kinds at one place one would be read as the other.
fn lie_apart(fields: &[FieldInfo], start: u32) -> bool {
    fields.iter().enumerate().all(|(at, field)| {
        let place = field.place();
        place.start >= start as usize
            && fields[..at].iter().map(FieldInfo::place).all(|other| {
                other.end <= place.start || place.end <= other.start
            })
    })
}

impl FieldInfo {
    /// Where it lies in the body; empty if its kind is unknown.
    fn place(&self) -> core::ops::Range<usize> {
        let start = self.offset as usize;
        start..start + FieldKind::from_number(self.kind).map_or(0, FieldKind::size)
    }

    /// Whether an Any can be told to hold that: a number or a bool, or None.
    fn narrows(&self) -> bool {
        self.is_optional() && self.value_kind().is_some_and(|kind| !kind.owns_references())
    }

    fn fits(&self, desc: &TypeDesc, head: u32) -> bool {
        let Some(kind) = FieldKind::from_number(self.kind) else { return false };
        let end = self.offset.checked_add(kind.size() as u32);
        let type_known = || self.type_index == index::THIS || look_up(self.type_index).is_some();
        self.name.len > 0
            && self.offset >= head
            && self.offset as usize % kind.align() == 0
            && end.is_some_and(|end| end <= desc.size)
            && (!self.names_type() || type_known())
            && (self.value_kind == 0 || kind == FieldKind::Any && self.narrows())
    }
}

/// The table's `type_info`.
pub(crate) unsafe extern "C" fn info(type_index: i32) -> *const TypeInfo {
    match look_up(type_index) {
        Some(info) => info,
        // A fixed type asked for before anything was registered.
        None if type_index < index::DYNAMIC_BEGIN => {
            let known = look_up_known(type_index).ok().flatten();
            known.map_or(null(), core::ptr::from_ref)
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

/// Takes the lock, if nobody has it, until somebody [lets go](let_go).
#[cfg(all(unix, feature = "std"))]
pub(crate) fn hold() -> bool {
    NAMES.try_lock().map(core::mem::forget).is_some()
}

/// # Safety
///
/// The lock was [held](hold), by this thread or by one that is not in this process, and is not used.
#[cfg(all(unix, feature = "std"))]
pub(crate) unsafe fn let_go() {
    // SAFETY: the caller's contract: the guard that would do so was forgotten.
    unsafe { NAMES.force_unlock() };
}

/// Whether nobody holds the lock.
#[cfg(test)]
pub(crate) fn is_unlocked() -> bool {
    NAMES.try_lock().is_some()
}
