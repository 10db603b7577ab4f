//! Which Python class shows which native type.

use core::ffi::c_void;
use core::ptr::null_mut;
use std::sync::RwLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use hashbrown::HashMap;
use object_core::abi::{FieldInfo, FieldKind, TypeInfo};
use object_core::{TypeName, type_index, type_info};
use pyo3::ffi;

use crate::py::hang;
use crate::py::immortal::keep_for_ever;
use crate::py::plan::Plan;
use crate::py::raise::{Exc, Raised, class_name, no_memory, raise};
use crate::py::{refs, wrapper};

/// A class that shows a native type. Records live as long as the process, and so do their classes.
pub(crate) struct ClassRecord {
    pub(crate) type_index: i32,
    pub(crate) info: &'static TypeInfo,
    pub(crate) class: *mut ffi::PyTypeObject,
    /// The type holds no references in its fields.
    pub(crate) leaf: bool,
    /// What its objects hold can lead back to them, as far as is seen: they can be part of a cycle.
    pub(crate) cyclic: bool,
    /// For classes whose wrappers have a word more: what stands in it.
    pub(crate) vectorcall: Option<ffi::vectorcallfunc>,
    /// How a py_class constructs; null for other classes, and until it is known.
    pub(crate) plan: AtomicPtr<Plan>,
}

// SAFETY: everything in it is immutable but the plan, which is set once and leaked; the class is an
// immortal Python object that is only touched by attached threads.
unsafe impl Send for ClassRecord {}
// SAFETY: as above.
unsafe impl Sync for ClassRecord {}

/// A wrapper that is itself called: Function's.
#[repr(C)]
pub(crate) struct CallableWrapper {
    pub(crate) base: wrapper::WrapperObject,
    pub(crate) vectorcall: Option<ffi::vectorcallfunc>,
}

impl ClassRecord {
    /// A new, empty wrapper of the class; NULL with an exception.
    ///
    /// # Safety
    ///
    /// Attached.
    #[inline]
    pub(crate) unsafe fn instantiate(&self) -> *mut ffi::PyObject {
        // SAFETY: the record keeps its class alive; callable classes have the extra word.
        unsafe {
            let object = wrapper::allocate(self.class);
            if self.vectorcall.is_some() && !object.is_null() {
                (*object.cast::<CallableWrapper>()).vectorcall = self.vectorcall;
            }
            object
        }
    }

    /// The plan, if the class is a py_class.
    #[inline]
    pub(crate) fn plan(&self) -> Option<&'static Plan> {
        // SAFETY: null or leaked.
        unsafe { self.plan.load(Ordering::Acquire).as_ref() }
    }
}

const CHUNK: usize = 256;
type Chunk = [AtomicPtr<ClassRecord>; CHUNK];
static BY_INDEX: [AtomicPtr<Chunk>; type_index::LIMIT as usize / CHUNK] =
    [const { AtomicPtr::new(null_mut()) }; type_index::LIMIT as usize / CHUNK];

/// By class address.
static BY_CLASS: RwLock<Option<HashMap<usize, &'static ClassRecord>>> = RwLock::new(None);
/// Answers most questions before `BY_CLASS` is asked: where a class's address says, the record that was
/// found last.
static FOUND: [AtomicPtr<ClassRecord>; FOUND_LEN] =
    [const { AtomicPtr::new(null_mut()) }; FOUND_LEN];
const FOUND_LEN: usize = 256;

/// Makes a class for a type that has none.
pub(crate) type Maker = unsafe fn(i32) -> Result<&'static ClassRecord, Raised>;
static MAKER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Says who makes classes; once, at import.
pub(crate) fn set_maker(maker: Maker) {
    MAKER.store(maker as *mut c_void, Ordering::Release);
}

/// The record of a type, if it has a class. Lock-free.
#[inline]
pub(crate) fn by_index(type_index: i32) -> Option<&'static ClassRecord> {
    let number = usize::try_from(type_index).ok()?;
    let chunk = BY_INDEX.get(number / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: null or leaked.
    let chunk = unsafe { chunk.as_ref() }?;
    // SAFETY: null or leaked.
    unsafe { chunk[number % CHUNK].load(Ordering::Acquire).as_ref() }
}

/// The record of a type; makes a class from reflection if there is none.
///
/// # Errors
///
/// The type is unknown, or the class could not be made.
///
/// # Safety
///
/// Attached. May run Python code when it makes a class.
#[inline]
pub(crate) unsafe fn for_type(type_index: i32) -> Result<&'static ClassRecord, Raised> {
    match by_index(type_index) {
        Some(record) => Ok(record),
        // SAFETY: the caller's contract.
        None => unsafe { make(type_index) },
    }
}

#[cold]
unsafe fn make(type_index: i32) -> Result<&'static ClassRecord, Raised> {
    hang::ready();
    let maker = MAKER.load(Ordering::Acquire);
    if type_info(type_index).is_none() || maker.is_null() {
        // SAFETY: attached by the caller's contract.
        return Err(unsafe {
            raise!(
                Exc::Runtime,
                "a native object has type number {type_index}, which no library has registered"
            )
        });
    }
    // SAFETY: set by `set_maker`, which takes a Maker.
    let maker = unsafe { core::mem::transmute::<*mut c_void, Maker>(maker) };
    // SAFETY: the caller's contract.
    unsafe { maker(type_index) }
}

#[inline(always)]
fn found_at(class: *mut ffi::PyTypeObject) -> &'static AtomicPtr<ClassRecord> {
    // Type objects are some hundred bytes long, and aligned to 16.
    let address = class.addr();
    &FOUND[((address >> 4) ^ (address >> 12)) % FOUND_LEN]
}

/// The record of exactly this class.
#[inline(always)]
pub(crate) fn by_class(class: *mut ffi::PyTypeObject) -> Option<&'static ClassRecord> {
    let found = found_at(class);
    // SAFETY: null or leaked.
    match unsafe { found.load(Ordering::Acquire).as_ref() } {
        Some(record) if record.class == class => Some(record),
        _ => find_class(class, found),
    }
}

#[cold]
#[inline(never)]
// The lock is held until the answer is noted: whoever registers the class again notes it later.
fn find_class(
    class: *mut ffi::PyTypeObject,
    found: &AtomicPtr<ClassRecord>,
) -> Option<&'static ClassRecord> {
    let guard = BY_CLASS.read().ok()?;
    let record = *guard.as_ref()?.get(&class.addr())?;
    found.store(core::ptr::from_ref(record).cast_mut(), Ordering::Release);
    Some(record)
}

/// The record of the nearest registered class: the class itself or the first above it, in the order
/// in which Python looks attributes up.
///
/// # Safety
///
/// Attached; a live class.
pub(crate) unsafe fn nearest(class: *mut ffi::PyTypeObject) -> Option<&'static ClassRecord> {
    if let Some(own) = by_class(class) {
        return Some(own);
    }
    // SAFETY: the caller's contract.
    unsafe { above(class).find_map(by_class) }
}

/// A class and those above it, in the order in which Python looks attributes up. By address: they are
/// there as long as nobody assigns the class other bases.
///
/// # Safety
///
/// Attached; a live class.
unsafe fn above(class: *mut ffi::PyTypeObject) -> impl Iterator<Item = *mut ffi::PyTypeObject> {
    struct Order(*mut ffi::PyObject);
    impl Order {
        fn at(&self, i: isize) -> *mut ffi::PyTypeObject {
            // SAFETY: attached; a tuple of ours that is longer.
            unsafe { ffi::PyTuple_GetItem(self.0, i).cast() }
        }
    }
    impl Drop for Order {
        fn drop(&mut self) {
            // SAFETY: attached; ours, or null.
            unsafe { ffi::Py_XDECREF(self.0) };
        }
    }
    // SAFETY: the caller's contract.
    let order = Order(unsafe { refs::order(class) });
    let count = if order.0.is_null() {
        0
    } else {
        // SAFETY: a tuple of ours.
        unsafe { ffi::PyTuple_Size(order.0) }
    };
    // By a method, so that the closure owns the tuple and not its address alone.
    (0..count).map(move |i| order.at(i))
}

/// The native types that a class's bases show must be one line of descent: an object has one body.
///
/// # Errors
///
/// TypeError: two bases show types of which neither is the other's parent.
///
/// # Safety
///
/// Attached; a live class below the wrapper base.
pub(crate) unsafe fn check_one_line(class: *mut ffi::PyTypeObject) -> Result<(), Raised> {
    // SAFETY: attached; records keep their classes.
    unsafe {
        let Some(shown) = nearest(class) else {
            return Ok(());
        };
        for base in above(class) {
            let Some(other) = by_class(base) else {
                continue;
            };
            if !object_core::is_instance(shown.type_index, other.type_index) {
                return Err(raise!(
                    Exc::Type,
                    "'{}' cannot have two native bases: '{}' and '{}' show objects of different types",
                    class_name(class),
                    class_name(shown.class),
                    class_name(other.class)
                ));
            }
        }
        Ok(())
    }
}

/// Makes `class` show the type from here on. Wrappers of an earlier class keep theirs.
///
/// # Errors
///
/// The type is unknown, or there is no memory.
///
/// # Safety
///
/// Attached; `class` is a subclass of the wrapper base. It is kept for ever.
pub(crate) unsafe fn register(
    type_index: i32,
    class: *mut ffi::PyTypeObject,
    vectorcall: Option<ffi::vectorcallfunc>,
) -> Result<&'static ClassRecord, Raised> {
    // SAFETY: the caller's contract.
    unsafe { enter(type_index, class, vectorcall, false) }
}

/// As [`register`], of a class that is made because there is none: if another thread has made one
/// meanwhile, or this one while it made this, that one stays.
///
/// # Errors
///
/// As [`register`].
///
/// # Safety
///
/// As [`register`].
pub(crate) unsafe fn register_first(
    type_index: i32,
    class: *mut ffi::PyTypeObject,
) -> Result<&'static ClassRecord, Raised> {
    // SAFETY: the caller's contract.
    unsafe { enter(type_index, class, None, true) }
}

/// Whether objects of the type can be part of a cycle: they hold objects, in themselves or in a field.
fn can_be_cyclic(info: &'static TypeInfo) -> bool {
    let holds =
        |field: &FieldInfo| matches!(field.kind(), Some(FieldKind::Object | FieldKind::Any));
    match info.type_index {
        type_index::ARRAY | type_index::LIST | type_index::MAP | type_index::DICT => true,
        type_index::FUNCTION | type_index::ERROR => true,
        _ => info.all_fields().any(holds),
    }
}

/// # Safety
///
/// As [`register`].
unsafe fn enter(
    type_index: i32,
    class: *mut ffi::PyTypeObject,
    vectorcall: Option<ffi::vectorcallfunc>,
    only_first: bool,
) -> Result<&'static ClassRecord, Raised> {
    let Some(info) = type_info(type_index) else {
        // SAFETY: attached.
        return Err(unsafe { raise!(Exc::Value, "{} is not registered", TypeName(type_index)) });
    };
    let record: &'static ClassRecord = Box::leak(Box::new(ClassRecord {
        type_index,
        info,
        class,
        leaf: !object_core::holds_references(info),
        cyclic: can_be_cyclic(info),
        vectorcall,
        plan: AtomicPtr::new(null_mut()),
    }));
    let number = type_index as usize;
    let slot = &BY_INDEX[number / CHUNK];
    // Registration happens attached and, on builds without a GIL, under BY_CLASS's lock.
    let Ok(mut guard) = BY_CLASS.write() else {
        // SAFETY: attached.
        return Err(unsafe { no_memory() });
    };
    if let Some(first) = by_index(type_index).filter(|_| only_first) {
        return Ok(first);
    }
    let mut chunk = slot.load(Ordering::Acquire);
    if chunk.is_null() {
        chunk = Box::into_raw(Box::new([const { AtomicPtr::new(null_mut()) }; CHUNK]));
        slot.store(chunk, Ordering::Release);
    }
    guard
        .get_or_insert_with(HashMap::new)
        .insert(class.addr(), record);
    found_at(class).store(core::ptr::from_ref(record).cast_mut(), Ordering::Release);
    // SAFETY: attached; the record keeps the class for ever.
    unsafe {
        ffi::Py_INCREF(class.cast());
        keep_for_ever(class.cast());
    }
    // SAFETY: leaked above or before.
    let chunk = unsafe { &*chunk };
    chunk[number % CHUNK].store(core::ptr::from_ref(record).cast_mut(), Ordering::Release);
    Ok(record)
}

/// Whether the object is a wrapper: an instance of the wrapper base or of a class below it.
///
/// # Safety
///
/// Attached; a live object.
#[inline(always)]
pub(crate) unsafe fn is_wrapper(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe { has_teardown(object) || is_below(ffi::Py_TYPE(object)) }
}

/// Whether the object's class has the tie's own teardown, which has one address in the process: so do all
/// registered classes without state, and no class that is not a wrapper's.
///
/// # Safety
///
/// Attached; a live object.
#[inline(always)]
pub(crate) unsafe fn has_teardown(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's contract.
    let own = unsafe { (*ffi::Py_TYPE(object)).tp_dealloc };
    own.map_or(null_mut(), |own| own as *mut c_void) == TEARDOWN.load(Ordering::Relaxed)
}

/// Whether the class is below the wrapper base: for those that the interpreter tears down.
#[inline(never)]
unsafe fn is_below(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: attached; live classes.
    unsafe { ffi::PyType_IsSubtype(class, base()) != 0 }
}

static BASE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());
/// The base's `tp_dealloc`.
static TEARDOWN: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// The wrapper base class, `tieback.Object`.
#[inline]
pub(crate) fn base() -> *mut ffi::PyTypeObject {
    BASE.load(Ordering::Relaxed)
}

/// Says which class it is; once, at import.
///
/// # Safety
///
/// A live class.
pub(crate) unsafe fn set_base(class: *mut ffi::PyTypeObject) {
    // SAFETY: the caller's contract.
    if let Some(own) = unsafe { (*class).tp_dealloc } {
        TEARDOWN.store(own as *mut c_void, Ordering::Release);
    }
    BASE.store(class, Ordering::Release);
}
