//! What a packed call leaves in its caller's hands: a result, or an error.
//!
//! A result is owned. But for one kind: of a function that has a [`LendCall`](crate::abi::LendCall) a caller who
//! holds the arguments may take an object that they keep alive, uncounted. That is what makes a native function that
//! returns one of its arguments as cheap as a C function of Python's: nobody counts.

use crate::abi::{RawAny, call_status};
use crate::any::{Any, AnyView};
use crate::errors::{Error, ErrorObj};
use crate::type_index;

impl Any {
    /// An error out of a failed call's result: the error itself, or one that says that it was none.
    #[must_use]
    pub fn into_error(self) -> Error {
        match self.into_object::<ErrorObj>() {
            Ok(error) => Error::from_object(error),
            Err(other) => Error::format(
                "RuntimeError",
                format_args!("a function failed without an error object (it returned {other:?})"),
            ),
        }
    }
}

/// [`return_packed`] of what seldom happens, apart from the way of what often does.
///
/// # Safety
///
/// As there.
#[cold]
#[inline(never)]
pub(crate) unsafe fn return_error(error: Error, result: *mut RawAny) -> i32 {
    // SAFETY: the caller's contract.
    unsafe { return_packed(Err(error), result) }
}

/// Writes a call's outcome the way [`SafeCall`](crate::abi::SafeCall) says.
///
/// # Safety
///
/// `result` has room for one value, which becomes the caller's.
pub unsafe fn return_packed(outcome: Result<Any, Error>, result: *mut RawAny) -> i32 {
    let (status, value) = match outcome {
        Ok(value) => (call_status::OK, value),
        Err(error) => (call_status::FAILED, Any::from(error)),
    };
    // SAFETY: the caller's contract.
    unsafe { result.write(Any::into_raw(value)) };
    status
}

/// Writes a result that the arguments keep alive, as a [`LendCall`](crate::abi::LendCall) does: as it is, if it is an
/// object; else an owned copy.
///
/// # Errors
///
/// No memory for the copy of a string; nothing was written.
///
/// # Safety
///
/// `result` is what the call was given; the view lives as long as the call's arguments are borrowed.
#[inline(always)]
pub unsafe fn return_borrowed(view: AnyView<'_>, result: *mut RawAny) -> Result<i32, Error> {
    let raw = view.raw();
    if let Some(object) = raw.as_object() {
        // In parts: who reads it at once finds it in the processor's store queue.
        // SAFETY: room for one value.
        unsafe { result.write(RawAny::object(raw.type_index, object.as_ptr())) };
        return Ok(call_status::BORROWED);
    }
    let owned = view.try_to_owned()?;
    // SAFETY: as above.
    unsafe { result.write(Any::into_raw(owned)) };
    Ok(call_status::OK)
}

/// What a packed call that answered [`BORROWED`](call_status::BORROWED) left.
///
/// # Errors
///
/// `RuntimeError` for what is no value, or no object.
///
/// # Safety
///
/// `raw` is what the call left, and the caller holds the arguments for `'a`.
pub unsafe fn borrowed_outcome<'a>(raw: RawAny) -> Result<AnyView<'a>, Error> {
    match lie_in(&raw) {
        Some(lie) => Err(lie.into_error(&raw)),
        // SAFETY: a value; an object lives as long as the arguments.
        None => Ok(unsafe { AnyView::from_raw(raw) }),
    }
}

/// What a packed call left: its result, or its error. Foreign code may leave what is no owned value (an
/// object of a type that nobody registered, say): that is an error too, and it is not touched.
///
/// # Errors
///
/// The call's own; `RuntimeError` for what is no value, and for a failure without an error.
///
/// # Safety
///
/// `raw` is the caller's to own, if it is a value at all.
#[inline]
pub unsafe fn packed_outcome(status: i32, raw: RawAny) -> Result<Any, Error> {
    if let Some(lie) = lie_in(&raw) {
        return Err(lie.into_error(&raw));
    }
    // SAFETY: a value that may be owned, and the caller's.
    let value = unsafe { Any::from_raw(raw) };
    if status == call_status::OK { Ok(value) } else { Err(value.into_error()) }
}

/// Why a result is no owned value.
enum Lie {
    /// No object and no value has this number.
    Number,
    /// Only arguments may be borrowed.
    Borrowed,
    /// More bytes than there is room for.
    Long,
    /// No object there.
    Null,
    /// The object's own header says another type.
    Mislabelled(i32),
}

/// What is wrong with an owned value, as far as its 16 bytes and the object's header tell.
#[inline]
fn lie_in(raw: &RawAny) -> Option<Lie> {
    match raw.type_index {
        type_index::NONE..=type_index::OPAQUE_PTR => None,
        type_index::SMALL_STR | type_index::SMALL_BYTES => {
            (raw.small_len as usize > crate::str::SMALL_MAX).then_some(Lie::Long)
        }
        type_index::RAW_STR..=type_index::RVALUE_REF => Some(Lie::Borrowed),
        number if type_index::is_object(number) => {
            let Some(object) = raw.as_object() else { return Some(Lie::Null) };
            if !crate::types::is_registered_object(number) {
                return Some(Lie::Number);
            }
            // SAFETY: the number is a registered type's and the address is not null: an object, by
            // the caller's contract.
            let own = unsafe { object.as_ref() }.type_index();
            (own != number).then_some(Lie::Mislabelled(own))
        }
        _ => Some(Lie::Number),
    }
}

impl Lie {
    #[cold]
    fn into_error(self, raw: &RawAny) -> Error {
        let number = raw.type_index;
        let kind = "RuntimeError";
        match self {
            Self::Number => Error::format(kind, format_args!(
                "a function returned a value of type number {number}, which nobody registered; it was \
                 not touched"
            )),
            Self::Borrowed => Error::format(kind, format_args!(
                "a function returned a borrowed value (type number {number}); a result is owned: copy it"
            )),
            Self::Long => Error::format(kind, format_args!(
                "a function returned a short string or bytes of {} bytes, there is room for {}",
                raw.small_len,
                crate::str::SMALL_MAX
            )),
            Self::Null => Error::format(kind, format_args!(
                "a function returned a {} at address 0",
                crate::types::TypeName(number)
            )),
            Self::Mislabelled(own) => Error::format(kind, format_args!(
                "a function returned a {} and said that it was a {}; it was not touched",
                crate::types::TypeName(own),
                crate::types::TypeName(number)
            )),
        }
    }
}

/// Runs `call`; a panic becomes an error of kind `PanicError`. Without std a panic aborts.
///
/// # Errors
///
/// The call's own, or the panic's.
pub fn catch<R>(call: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    #[cfg(feature = "std")]
    {
        std::panic::catch_unwind(core::panic::AssertUnwindSafe(call))
            .unwrap_or_else(|payload| Err(panicked(payload)))
    }
    #[cfg(not(feature = "std"))]
    call()
}

/// A caught panic as an error. Apart, so that what catches needs no room for it.
#[cfg(feature = "std")]
#[cold]
#[inline(never)]
fn panicked(payload: std::boxed::Box<dyn core::any::Any + Send>) -> Error {
    let text = crate::place::panic_text(&*payload);
    let error = Error::format("PanicError", format_args!("Rust code panicked: {text}"));
    crate::place::discard(payload);
    error
}
