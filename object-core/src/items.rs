//! In-place arrays: items behind the body, in the same block.
//!
//! ```text
//! body                         items_offset = round_up(size of H, align of Item)
//! v                            v
//! [ H: header | fields | (pad) | item 0 | item 1 | ... | item len-1 ]
//! ```

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::needs_drop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::arc::ObjectArc;
use crate::error_kinds::{AllocError, NewError, PlaceError, RegisterError};
use crate::header::{DELETE_BODY, DELETE_SPACE, flags};
use crate::object::{Extends, Object};
#[cfg(feature = "infallible")]
use crate::place::refused;
use crate::place::{allocate, commit, fill, free, guarded};
use crate::unique::UniqueObject;

/// The body of an object with items behind it.
///
/// # Safety
///
/// [`HAS_ITEMS`](Object::HAS_ITEMS) is true; [`len`](Self::len) answers what
/// [`set_items`](Self::set_items) was told, and nothing else changes that.
pub unsafe trait ItemsHead: Object {
    /// One item.
    type Item: Send + Sync + 'static;

    /// How many items lie behind the body.
    fn len(&self) -> usize;

    /// Told once, by the constructor, before the object is shared.
    ///
    /// # Safety
    ///
    /// Only for the code that laid `len` items there.
    unsafe fn set_items(&mut self, items: NonNull<Self::Item>, len: usize);

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many items lie behind a body: the field of a head that [`ItemsHead::len`] answers.
///
/// It cannot be copied, and is written by the constructor only. A head that has one is not
/// [`EXACT`](Object::EXACT), so that nobody gets a `&mut` to trade it for another one.
///
/// # Invariants
///
/// 0 until the constructor has laid the items; what it laid from then on.
#[repr(C, align(8))]
#[derive(Debug, Default)]
pub struct ItemsLen(u64);

impl ItemsLen {
    /// Of a head that waits for its items.
    #[must_use]
    pub const fn new() -> Self {
        // INVARIANT: no items yet.
        Self(0)
    }

    /// How many.
    #[inline]
    #[must_use]
    pub const fn get(&self) -> usize {
        self.0 as usize
    }

    /// # Safety
    ///
    /// For [`ItemsHead::set_items`] alone, with what that was told.
    #[doc(hidden)]
    pub unsafe fn set(&mut self, len: usize) {
        // INVARIANT: the caller's contract.
        self.0 = len as u64;
    }
}

/// Bytes from the body to the first item.
pub(crate) const fn items_offset<H: ItemsHead>() -> usize {
    size_of::<H>().next_multiple_of(align_of::<H::Item>())
}

/// A block of body and `len` items: its size and alignment, or the layout that cannot be.
#[inline]
fn body_layout<H: ItemsHead>(len: usize) -> Result<(usize, usize), AllocError> {
    let align = if align_of::<H>() > align_of::<H::Item>() {
        align_of::<H>()
    } else {
        align_of::<H::Item>()
    };
    len.checked_mul(size_of::<H::Item>())
        .and_then(|bytes| bytes.checked_add(items_offset::<H>()))
        .map(|size| (size, align))
        .ok_or_else(|| AllocError::new(usize::MAX, align))
}

/// A headed block that is no object yet.
struct Block(NonNull<c_void>);

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: `allocate` put a header in front of the body, and nobody else knows of it.
        unsafe { free(self.0.as_ptr()) };
    }
}

/// An uninitialised body with room for items behind it: a block, ours alone, that nobody frees.
///
/// # Invariants
///
/// A headed block for an `H` and `len` items, which begin at `items`.
struct Room<H: ItemsHead> {
    type_index: i32,
    body: NonNull<H>,
    items: NonNull<H::Item>,
    len: usize,
}

impl<H: ItemsHead> Room<H> {
    #[inline(always)]
    fn take(len: usize) -> Result<Self, NewError> {
        let type_index = H::type_index()?;
        let (size, align) = body_layout::<H>(len)?;
        let body = allocate(size, align, type_index)?.cast::<H>();
        // SAFETY: inside the block by `body_layout`.
        let items = unsafe { body.byte_add(items_offset::<H>()) }.cast();
        // INVARIANT: the block just taken.
        Ok(Self { type_index, body, items, len })
    }

    /// Makes an object of it and of copies of `items`, as many as it has room for.
    #[inline(always)]
    fn copy(self, head: H, items: &[H::Item]) -> ObjectArc<H>
    where
        H::Item: Copy,
    {
        assert_eq!(self.len, items.len(), "room for as many");
        // SAFETY: there is room for them by the type invariant, and they may be copied bit by bit.
        unsafe {
            self.items.copy_from_nonoverlapping(NonNull::from(items).cast(), self.len);
            self.complete(head)
        }
    }

    /// Makes an object of it.
    ///
    /// # Safety
    ///
    /// All items are laid.
    #[inline]
    unsafe fn complete(self, head: H) -> ObjectArc<H> {
        let nothing = !needs_drop::<H>() && !needs_drop::<H::Item>();
        let extra = flags::ITEMS | flags::if_nothing_drops(nothing);
        // SAFETY: by the type invariant the body is ours alone until it is returned, and `len` items lie
        // behind it, of which the deleter knows.
        unsafe {
            fill(self.body, head);
            commit(self.body.cast(), self.type_index, extra, delete_with_items::<H>);
            // Behind the header, which is part of what is borrowed here.
            (*self.body.as_ptr()).set_items(self.items, self.len);
            ObjectArc::from_raw(self.body)
        }
    }
}

/// A block that is being filled; on a panic or an early return it drops what is in it, and then
/// itself, be it that an item's destructor panics.
struct Filling<T> {
    items: NonNull<T>,
    filled: usize,
    _block: Block,
}

impl<T> Drop for Filling<T> {
    fn drop(&mut self) {
        let items = core::ptr::slice_from_raw_parts_mut(self.items.as_ptr(), self.filled);
        // SAFETY: `filled` items were written, and nobody has seen them.
        unsafe { items.drop_in_place() };
    }
}

impl<H: ItemsHead> ObjectArc<H> {
    /// Makes an object of `head` and `len` items, each made by `item`.
    ///
    /// # Errors
    ///
    /// No memory, or the type was refused: the head comes back, `item` was not called.
    pub fn try_with_items(
        head: H,
        len: usize,
        mut item: impl FnMut(usize) -> H::Item,
    ) -> Result<Self, PlaceError<H>> {
        match Self::try_with_items_fallible(head, len, |i| Ok::<_, core::convert::Infallible>(item(i)))
        {
            Ok(Ok(object)) => Ok(object),
            Ok(Err(never)) => match never {},
            Err(error) => Err(error),
        }
    }

    /// As [`try_with_items`](Self::try_with_items), where making an item can fail: the items made so
    /// far and the head are dropped, the block is freed, the item's error returned.
    ///
    /// # Errors
    ///
    /// Outer: no memory, or the type was refused: the head comes back. Inner: `item`'s.
    pub fn try_with_items_fallible<E>(
        head: H,
        len: usize,
        mut item: impl FnMut(usize) -> Result<H::Item, E>,
    ) -> Result<Result<Self, E>, PlaceError<H>> {
        const {
            assert!(H::HAS_ITEMS, "an ItemsHead must say HAS_ITEMS");
        }
        let room = match Room::take(len) {
            Ok(room) => room,
            Err(cause) => return Err(PlaceError { value: head, cause }),
        };
        let (items, block) = (room.items, Block(room.body.cast()));
        let mut filling = Filling { items, filled: 0, _block: block };
        for i in 0..len {
            match item(i) {
                // SAFETY: room for `len` items.
                Ok(value) => unsafe { items.add(i).write(value) },
                Err(error) => return Ok(Err(error)),
            }
            filling.filled += 1;
        }
        core::mem::forget(filling);
        // SAFETY: the block is ours alone, and its `len` items are laid.
        Ok(Ok(unsafe { room.complete(head) }))
    }

    /// Makes an object of `head` and a copy of `items`.
    ///
    /// # Errors
    ///
    /// No memory, or the type was refused: the head comes back.
    #[inline]
    pub fn try_copy_items(head: H, items: &[H::Item]) -> Result<Self, PlaceError<H>>
    where
        H::Item: Copy,
    {
        const {
            assert!(H::HAS_ITEMS, "an ItemsHead must say HAS_ITEMS");
        }
        match Room::take(items.len()) {
            Ok(room) => Ok(room.copy(head, items)),
            Err(cause) => Err(PlaceError { value: head, cause }),
        }
    }

    /// Makes an object of `head` and a copy of `items`.
    ///
    /// # Panics
    ///
    /// No memory, or the type was refused.
    #[cfg(feature = "infallible")]
    #[inline]
    #[must_use]
    pub fn copy_items(head: H, items: &[H::Item]) -> Self
    where
        H::Item: Copy,
    {
        const {
            assert!(H::HAS_ITEMS, "an ItemsHead must say HAS_ITEMS");
        }
        match Room::take(items.len()) {
            Ok(room) => room.copy(head, items),
            Err(cause) => refused(cause),
        }
    }

    /// Makes an object of `head` and `len` items, each made by `item`.
    ///
    /// # Panics
    ///
    /// No memory, or the type was refused.
    #[cfg(feature = "infallible")]
    #[must_use]
    pub fn with_items(head: H, len: usize, item: impl FnMut(usize) -> H::Item) -> Self {
        match Self::try_with_items(head, len, item) {
            Ok(object) => object,
            Err(error) => panic!("{error}"),
        }
    }

    /// The items in the object's block; none if foreign code made the object, which may keep them
    /// elsewhere.
    #[inline]
    #[must_use]
    pub fn items(this: &Self) -> &[H::Item] {
        if Self::header(this).flags() & flags::ITEMS == 0 {
            return &[];
        }
        // SAFETY: `len` items lie there by the flag and the ItemsHead contract; the pointer is the
        // block's, not one made of `&H`.
        unsafe {
            let items = Self::as_ptr(this).byte_add(items_offset::<H>()).cast::<H::Item>();
            core::slice::from_raw_parts(items.as_ptr(), this.len())
        }
    }
}

impl<H: ItemsHead> UniqueObject<H> {
    /// The items, to change.
    #[must_use]
    pub fn items_mut(this: &mut Self) -> &mut [H::Item] {
        let len = this.len();
        // SAFETY: as `items`; unique, so nobody else reads them.
        unsafe {
            let items = Self::as_ptr(this).byte_add(items_offset::<H>()).cast::<H::Item>();
            core::slice::from_raw_parts_mut(items.as_ptr(), len)
        }
    }
}

impl<H: Object, T: Send + Sync + 'static> UniqueObject<WithItems<H, T>> {
    /// The head, to change.
    #[must_use]
    pub fn head_mut(this: &mut Self) -> &mut H {
        const {
            assert!(H::EXACT, "two heads of this type cannot trade places");
        }
        // SAFETY: unique; the number of items, which must stay, is no part of the head.
        unsafe { &mut (*Self::as_ptr(this).as_ptr()).head }
    }
}

/// The deleter of a body with items.
unsafe extern "C" fn delete_with_items<H: ItemsHead>(object: *mut c_void, bits: i32) {
    if bits & DELETE_BODY != 0 {
        let body = object.cast::<H>();
        if needs_drop::<H::Item>() {
            // SAFETY: the last strong reference went: nobody else reads body or items, and `len` of
            // them lie there.
            guarded(|| unsafe {
                let items = object.byte_add(items_offset::<H>()).cast::<H::Item>();
                core::ptr::slice_from_raw_parts_mut(items, (*body).len()).drop_in_place();
            });
        }
        if needs_drop::<H>() {
            // SAFETY: as above.
            guarded(|| unsafe { body.drop_in_place() });
        }
    }
    if bits & DELETE_SPACE != 0 {
        // SAFETY: placed behind a header; nobody reaches the space any more.
        unsafe { free(object) };
    }
}

/// A head of any type with items of any type behind it.
///
/// ```
/// # #[cfg(all(feature = "infallible", feature = "default-backing"))] {
/// use object_core::{ObjectArc, ObjectHeader, WithItems};
///
/// let numbers = ObjectArc::with_items(WithItems::new(ObjectHeader::new()), 16, |i| i as u64);
/// assert_eq!(ObjectArc::items(&numbers)[3], 3);
/// # }
/// ```
///
/// # Invariants
///
/// `len` is 0 until the constructor has laid the items.
#[repr(C)]
#[derive(Debug)]
pub struct WithItems<H: Object, T: Send + Sync + 'static> {
    head: H,
    len: usize,
    _items: PhantomData<T>,
}

impl<H: Object, T: Send + Sync + 'static> WithItems<H, T> {
    /// A head that waits for its items.
    #[must_use]
    pub const fn new(head: H) -> Self {
        // INVARIANT: no items yet.
        Self { head, len: 0, _items: PhantomData }
    }
}

impl<H: Object, T: Send + Sync + 'static> Deref for WithItems<H, T> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.head
    }
}

// SAFETY: repr(C), the head first, and it begins with a header; the type is the head's.
unsafe impl<H: Object, T: Send + Sync + 'static> Object for WithItems<H, T> {
    const HAS_ITEMS: bool = {
        assert!(!H::HAS_ITEMS, "the head has items itself");
        true
    };
    // The type table knows the head's type, not the items'.
    const DISTINCT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        H::type_index()
    }
}

// SAFETY: `len` is private and written by `set_items` only.
unsafe impl<H: Object, T: Send + Sync + 'static> ItemsHead for WithItems<H, T> {
    type Item = T;

    fn len(&self) -> usize {
        self.len
    }

    unsafe fn set_items(&mut self, _items: NonNull<T>, len: usize) {
        self.len = len;
    }
}

impl<H: Object, T: Send + Sync + 'static> ObjectArc<WithItems<H, T>> {
    /// The same object as its head's type.
    #[must_use]
    pub fn into_head<P: Object>(this: Self) -> ObjectArc<P>
    where
        H: Extends<P>,
    {
        // SAFETY: the object begins with the head, and that with a P; the reference moves over.
        unsafe { ObjectArc::from_raw(Self::into_raw(this).cast()) }
    }
}
