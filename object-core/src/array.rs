//! [`Array`]: an immutable array of values, its items in the object's own block.

use core::ops::Index;
use core::ptr::{NonNull, null_mut};

use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{CastError, NewError, RegisterError};
use crate::header::ObjectHeader;
use crate::items::ItemsHead;
use crate::object::Object;
use crate::type_index;

/// The body of an array.
///
/// # Invariants
///
/// `data` points to `size` initialised values that do not change.
#[repr(C)]
#[derive(Debug)]
pub struct ArrayObj {
    header: ObjectHeader,
    data: *mut Any,
    size: i64,
    capacity: i64,
    data_deleter: Option<unsafe extern "C" fn(data: *mut core::ffi::c_void)>,
}

// `key` reads arrays by these.
const _: () = assert!(
    core::mem::offset_of!(ArrayObj, data) == crate::key::DATA_OFFSET
        && core::mem::offset_of!(ArrayObj, size) == crate::key::SIZE_OFFSET
);

// SAFETY: immutable once shared; values are Send and Sync by the `Object` contract.
unsafe impl Send for ArrayObj {}
// SAFETY: as above.
unsafe impl Sync for ArrayObj {}

// SAFETY: repr(C), header first, a fixed type.
unsafe impl Object for ArrayObj {
    const HAS_ITEMS: bool = true;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::ARRAY)
    }
}

// SAFETY: `size` is private and written by `set_items` only.
unsafe impl ItemsHead for ArrayObj {
    type Item = Any;

    fn len(&self) -> usize {
        self.size as usize
    }

    unsafe fn set_items(&mut self, items: NonNull<Any>, len: usize) {
        self.data = items.as_ptr();
        self.size = len as i64;
        self.capacity = len as i64;
    }
}

impl ArrayObj {
    const fn waiting() -> Self {
        // INVARIANT: no values yet.
        Self {
            header: ObjectHeader::new(),
            data: null_mut(),
            size: 0,
            capacity: 0,
            data_deleter: None,
        }
    }

    /// The values.
    #[inline]
    #[must_use]
    pub fn values(&self) -> &[Any] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: by the type's invariant; a foreign array may have its data elsewhere.
        unsafe { core::slice::from_raw_parts(self.data, self.size as usize) }
    }
}

/// An immutable array of values. Cloning shares it.
#[derive(Clone)]
#[repr(transparent)]
pub struct Array(ObjectArc<ArrayObj>);

impl Array {
    /// An array of `len` values, each made by `value`, which may fail.
    ///
    /// # Errors
    ///
    /// Outer: no memory. Inner: `value`'s, after the values made so far were dropped.
    pub fn try_from_fn<E>(
        len: usize,
        value: impl FnMut(usize) -> Result<Any, E>,
    ) -> Result<Result<Self, E>, NewError> {
        match ObjectArc::try_with_items_fallible(ArrayObj::waiting(), len, value) {
            Ok(made) => Ok(made.map(Self)),
            Err(error) => Err(error.cause),
        }
    }

    /// An array of the iterator's values.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_from_values<I>(values: I) -> Result<Self, NewError>
    where
        I: IntoIterator,
        I::IntoIter: ExactSizeIterator,
        I::Item: Into<Any>,
    {
        let mut values = values.into_iter();
        let made = Self::try_from_fn(values.len(), |_| {
            // An iterator that is shorter than it said leaves None at the end.
            Ok::<_, core::convert::Infallible>(values.next().map_or(Any::NONE, Into::into))
        })?;
        match made {
            Ok(array) => Ok(array),
            Err(never) => match never {},
        }
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Any> {
        self.0.values().get(index)
    }

    /// The values in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Any> {
        self.0.values().iter()
    }

    /// The array's object.
    #[must_use]
    pub fn as_object(&self) -> &ObjectArc<ArrayObj> {
        &self.0
    }

    /// The array's object, given away.
    #[must_use]
    pub fn into_object(self) -> ObjectArc<ArrayObj> {
        self.0
    }

    /// An array by its object.
    #[must_use]
    pub fn from_object(object: ObjectArc<ArrayObj>) -> Self {
        Self(object)
    }
}

impl Index<usize> for Array {
    type Output = Any;

    fn index(&self, index: usize) -> &Any {
        &self.0.values()[index]
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Any;
    type IntoIter = core::slice::Iter<'a, Any>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(feature = "infallible")]
impl<T: Into<Any>> FromIterator<T> for Array {
    /// # Panics
    ///
    /// No memory.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let values: alloc::vec::Vec<Any> = values.into_iter().map(Into::into).collect();
        match Self::try_from_values(values) {
            Ok(array) => array,
            Err(error) => panic!("{error}"),
        }
    }
}

impl From<Array> for Any {
    fn from(array: Array) -> Self {
        array.0.into()
    }
}

crate::values::out_of_any!(Array);

impl TryFrom<AnyView<'_>> for Array {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        view.try_into().map(Self)
    }
}
