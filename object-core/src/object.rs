//! What makes a Rust struct an object.

use crate::error_kinds::RegisterError;
use crate::header::ObjectHeader;
use crate::type_index;

/// A struct that begins with an [`ObjectHeader`].
///
/// ```
/// use object_core::{Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder, TypeSlot};
///
/// #[repr(C)]
/// struct Point {
///     header: ObjectHeader,
///     x: i64,
/// }
///
/// // SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
/// unsafe impl Object for Point {
///     fn type_index() -> Result<i32, RegisterError> {
///         static SLOT: TypeSlot = TypeSlot::new();
///         SLOT.get_or_register(|| TypeBuilder::<Point>::new("doc.Point").register())
///     }
/// }
///
/// # #[cfg(all(feature = "infallible", feature = "default-backing"))] {
/// let point = ObjectArc::new(Point { header: ObjectHeader::new(), x: 3 });
/// assert_eq!(point.x, 3);
/// # }
/// ```
///
/// # Safety
///
/// - The struct is `#[repr(C)]` and its first field is an [`ObjectHeader`], or another object
///   struct (its parent).
/// - [`type_index`](Self::type_index) answers the number of a type registered with this struct's
///   layout, the same one each time.
/// - Fields that are reflected as mutable change only as [`slots`](crate::slots) says.
/// - If [`HAS_ITEMS`](Self::HAS_ITEMS) is true, it implements `ItemsHead`.
/// - If [`DISTINCT`](Self::DISTINCT) is false, the number is that of a parent struct whose
///   [`EXACT`](Self::EXACT) is false (or of a head with items behind it).
pub unsafe trait Object: Send + Sync + Sized + 'static {
    /// Items lie behind bodies of this type, so that a body without them must not be made.
    const HAS_ITEMS: bool = false;

    /// The type's number names this struct and no other, so that a cast may rely on it.
    const DISTINCT: bool = true;

    /// Objects with exactly this number have this struct as their whole body, all of it free to
    /// change while it is unique. False for heads that longer bodies share with their number, and
    /// for bodies that point into themselves: of those
    /// [`try_unique`](crate::ObjectArc::try_unique) makes no unique handle.
    const EXACT: bool = true;

    /// The type's number; registers it on first use.
    ///
    /// # Errors
    ///
    /// The table's refusal, see [`RegisterError`].
    fn type_index() -> Result<i32, RegisterError>;
}

// SAFETY: it is the header; its type is the root of all.
unsafe impl Object for ObjectHeader {
    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::OBJECT)
    }
}

/// The struct begins with a `P`: every `Self` object is a `P` object too.
///
/// # Safety
///
/// `#[repr(C)]`, the first field is a `P`, and the registered type has `P`'s as an ancestor.
pub unsafe trait Extends<P: Object>: Object {}

// SAFETY: every object begins with a header and descends from the root.
unsafe impl<T: Object> Extends<ObjectHeader> for T {}
