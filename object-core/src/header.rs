//! The 24 bytes every object begins with.
//!
//! ```text
//! body                    8            12           16                    24
//! v                       v            v            v                     v
//! [ counts: u64           | type: i32  | flags: u32 | deleter             | fields ...
//! ```

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::bits::Bits;
use crate::count::Counts;
use crate::limit::abort;

/// Drops the body (bit [`DELETE_BODY`]), frees the space (bit [`DELETE_SPACE`]), or both.
///
/// It never touches the counts, never unwinds, and is called once for each bit.
pub type Deleter = unsafe extern "C" fn(object: *mut c_void, bits: i32);

/// Bit of a [`Deleter`] call: the last strong reference went, drop the body.
pub const DELETE_BODY: i32 = 1;
/// Bit of a [`Deleter`] call: the last weak reference went, free the space.
pub const DELETE_SPACE: i32 = 2;

/// Bits of [`ObjectHeader::flags`]. Bits 0 to 7 belong to the runtime, 8 to 15 to the object's
/// type, 16 to 31 to the tying frontend.
pub mod flags {
    /// Proof that an allocation header stands in front of the body. Set only by the code that
    /// placed the body there; without it nothing ever reads memory in front of a body.
    pub const HEADED: u32 = 1;
    /// The slot lock is taken.
    pub const SLOT_LOCK: u32 = 1 << 1;
    /// Dropping the body drops no other object: its drop need not go through the drop list.
    pub const LEAF: u32 = 1 << 2;
    /// Items lie behind the body.
    pub const ITEMS: u32 = 1 << 3;
    /// The body has nothing to drop: the deleter would do nothing but have the space freed, which may
    /// as well be done without it. Only beside [`HEADED`].
    pub const PLAIN: u32 = 1 << 4;
    /// A strong reference was given back that was not the last one, so more of that is to come: a hint, which
    /// may be missing (`halves.rs`).
    pub const BUSY: u32 = 1 << 5;
    /// Of a headed body, by whether there is nothing in it to drop.
    pub(crate) const fn if_nothing_drops(nothing: bool) -> u32 {
        if nothing { LEAF | PLAIN } else { 0 }
    }
    /// All bits of the runtime's.
    pub const RUNTIME: u32 = 0xFF;
    /// Of a function: it may run while the interpreter is released.
    pub const RELEASES_INTERPRETER: u32 = 1 << 8;
    /// First bit of the tying frontend's.
    pub const FRONTEND_SHIFT: u32 = 16;
}

/// The head of every object: the first field of every `#[repr(C)]` object struct.
///
/// # Invariants
///
/// `flags` has [`HEADED`](flags::HEADED) only if an `AllocHeader` ends where this header begins, and
/// [`PLAIN`](flags::PLAIN) only beside it.
/// `type_index` and `deleter` do not change after the object was placed.
#[repr(C)]
#[derive(Debug)]
pub struct ObjectHeader {
    counts: Counts,
    type_index: i32,
    flags: Bits,
    deleter: Deleter,
    // 32-bit targets: repr(C) pads to 24, the counts' alignment being 8.
}

const _: () = {
    use static_assertions::{const_assert, const_assert_eq};
    const_assert_eq!(size_of::<ObjectHeader>(), 24);
    const_assert_eq!(align_of::<ObjectHeader>(), 8);
    const_assert_eq!(core::mem::offset_of!(ObjectHeader, counts), 0);
    const_assert_eq!(core::mem::offset_of!(ObjectHeader, type_index), 8);
    const_assert_eq!(core::mem::offset_of!(ObjectHeader, flags), 12);
    const_assert_eq!(core::mem::offset_of!(ObjectHeader, deleter), 16);
    const_assert!(flags::FRONTEND_SHIFT == 16);
    const_assert!(flags::SLOT_LOCK == crate::bits::SLOT_LOCK);
};

impl ObjectHeader {
    /// A header for a value that was not placed yet: no proof, no type, one strong reference.
    ///
    /// Write it as the first field of an object; `ObjectArc::try_new` fills it in.
    #[must_use]
    pub const fn new() -> Self {
        // INVARIANT: no HEADED bit.
        Self {
            counts: Counts::one(),
            type_index: crate::type_index::OBJECT,
            flags: Bits::new(0),
            deleter: unplaced,
        }
    }

    /// A header for an object that foreign code allocates: no allocation header, its own deleter.
    ///
    /// Such an object works everywhere but is never tied: every look from Python makes a new
    /// wrapper, equal by object.
    ///
    /// # Safety
    ///
    /// The object is of type `type_index`, and `deleter` drops and frees it.
    #[must_use]
    pub const unsafe fn foreign(type_index: i32, deleter: Deleter) -> Self {
        // INVARIANT: no HEADED bit.
        Self { counts: Counts::one(), type_index, flags: Bits::new(0), deleter }
    }

    /// A header for an object in static memory, which never dies and has no allocation header.
    #[must_use]
    pub(crate) const fn immortal(type_index: i32) -> Self {
        Self {
            counts: Counts::immortal(),
            type_index,
            flags: Bits::new(flags::LEAF),
            deleter: unplaced,
        }
    }

    /// Writes the header of a body that was placed behind an allocation header, in as few stores as there
    /// can be: making an object is bound by those.
    ///
    /// # Safety
    ///
    /// `body` has an allocation header in front of it, and room for this one; nobody else sees it. The object is of
    /// type `type_index`, the flags are true of it, and `deleter` drops and frees it.
    #[inline]
    pub unsafe fn place(
        body: NonNull<Self>,
        type_index: i32,
        extra_flags: u32,
        deleter: Deleter,
    ) {
        let flags = flags::HEADED | extra_flags;
        // SAFETY: two words of 4 bytes are one of 8.
        let type_and_flags: u64 = unsafe { core::mem::transmute([type_index as u32, flags]) };
        let header = body.as_ptr();
        // SAFETY: the body is the caller's; `flags` lies behind `type_index`, both as plain words.
        // INVARIANT: HEADED by the caller's contract.
        unsafe {
            (&raw mut (*header).counts).write(Counts::one());
            (&raw mut (*header).type_index).cast::<u64>().write(type_and_flags);
            (&raw mut (*header).deleter).write(deleter);
        }
    }

    /// The counts. Reading them is safe; changing them says that a reference appeared or went:
    ///
    /// ```compile_fail,E0133
    /// use object_core::{ObjectArc, ObjectHeader, ObjectRef};
    ///
    /// fn steal(object: &ObjectRef) {
    ///     let _ = ObjectArc::header(object).counts().dec_strong();
    /// }
    /// ```
    #[inline]
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The object's type.
    #[inline]
    #[must_use]
    pub fn type_index(&self) -> i32 {
        self.type_index
    }

    /// The object's deleter.
    #[inline]
    #[must_use]
    pub fn deleter(&self) -> Deleter {
        self.deleter
    }

    /// The bits now. Only the slot lock's bit and the hint [`BUSY`](flags::BUSY) change while others can
    /// see the object, and the frontend's by its own rules; the others are fixed when the object is placed.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.flags.get()
    }

    /// Sets bits that the caller owns by the table in [`flags`].
    ///
    /// ```compile_fail,E0133
    /// use object_core::header::{ObjectHeader, flags};
    ///
    /// fn forge(header: &ObjectHeader) {
    ///     header.set_flags(flags::HEADED);
    /// }
    /// ```
    ///
    /// # Safety
    ///
    /// The caller is the object's type (bits 8 to 15) or the tying frontend (16 to 31), and the bits
    /// are true of the object: others rely on them.
    pub unsafe fn set_flags(&self, bits: u32) {
        debug_assert!(bits & flags::RUNTIME == 0, "not the caller's bits");
        self.flags.set(bits);
    }

    /// Clears bits that the caller owns by the table in [`flags`].
    ///
    /// # Safety
    ///
    /// As [`set_flags`](Self::set_flags).
    pub unsafe fn clear_flags(&self, bits: u32) {
        debug_assert!(bits & flags::RUNTIME == 0, "not the caller's bits");
        self.flags.clear(bits);
    }

    /// Whether an allocation header stands in front of this body.
    #[inline]
    #[must_use]
    pub fn is_headed(&self) -> bool {
        self.flags() & flags::HEADED != 0
    }

    /// Whether references to the object come and go, as far as is known: a hint, which may be missing.
    #[inline]
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.flags() & flags::BUSY != 0
    }

    /// Notes that they do.
    #[inline]
    pub(crate) fn note_busy(&self) {
        self.flags.hint(flags::BUSY);
    }

    /// Takes the proof away, of an object that nobody else can see: `&mut` may carry this header to
    /// where no allocation header stands.
    pub(crate) fn disprove(&self) {
        self.flags.clear(flags::HEADED | flags::PLAIN);
    }

    /// Takes the slot lock: a spin lock of a few instructions' length. Nothing that can run foreign
    /// code, allocate or free happens under it.
    /// Answers what [`unlock_slots`](Self::unlock_slots) wants.
    #[inline]
    pub(crate) fn lock_slots(&self) -> u32 {
        self.flags.lock()
    }

    /// Takes the slot lock if nobody has it; what [`unlock_slots`](Self::unlock_slots) wants.
    pub(crate) fn lock_slots_if_free(&self) -> Option<u32> {
        self.flags.lock_if_free()
    }

    /// Gives the slot lock back.
    #[inline]
    pub(crate) fn unlock_slots(&self, bits: u32) {
        self.flags.unlock(bits);
    }
}

impl Default for ObjectHeader {
    fn default() -> Self {
        Self::new()
    }
}

/// The deleter of a value that is no object yet.
unsafe extern "C" fn unplaced(_object: *mut c_void, _bits: i32) {
    abort("a value that was never placed as an object, or is immortal, was released as one");
}
