//! [`Error`]: an error that crosses languages with its kind, message, cause and traceback.
//!
//! `kind` is the name of the exception's type (`ValueError`); a frontend that knows the name raises
//! that type. `context` is for the frontend that made the error: Python keeps the exception itself
//! there, so that it comes back as the very same one.

use alloc::string::String;
use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::{NonNull, null_mut};

use crate::abi::{ByteSlice, RawAny};
use crate::any::{Any, AnyView};
use crate::arc::{ObjectArc, ObjectRef};
use crate::error_kinds::{CastError, NewError, RegisterError};
use crate::header::ObjectHeader;
use crate::object::Object;
use crate::room::{NoMemory, append};
use crate::slots::{any_slot_load, any_slot_swap_if, drop_strong, raw_dec};
use crate::str::{Str, text_place};
use crate::type_index;
use crate::unique::UniqueObject;

/// The body of an error.
///
/// # Invariants
///
/// `kind` and `message` point into the two strings at the end, which do not change. `traceback`
/// changes under the slot lock only; the bytes it pointed to before stay until the error dies.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorObj {
    header: ObjectHeader,
    /// For C: the kind's bytes.
    pub kind: ByteSlice,
    /// For C: the message's bytes.
    pub message: ByteSlice,
    /// Null, or the error that caused this one.
    cause: *mut ObjectHeader,
    context: *mut ObjectHeader,
    traceback: UnsafeCell<RawAny>,
    kind_text: Str,
    message_text: Str,
}

// SAFETY: what changes changes under the slot lock; the rest is immutable and owned.
unsafe impl Send for ErrorObj {}
// SAFETY: as above.
unsafe impl Sync for ErrorObj {}

// SAFETY: repr(C), header first, a fixed type.
unsafe impl Object for ErrorObj {
    // It points into itself.
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::ERROR)
    }
}

impl ErrorObj {
    /// Cause and context, borrowed.
    pub(crate) fn held(&self) -> impl Iterator<Item = NonNull<ObjectHeader>> {
        [self.cause, self.context].into_iter().filter_map(NonNull::new)
    }
}

impl Drop for ErrorObj {
    fn drop(&mut self) {
        // SAFETY: null or references this error owns; nobody else looks any more.
        unsafe {
            drop_strong(self.cause);
            drop_strong(self.context);
            raw_dec(self.traceback.get_mut());
        }
    }
}

/// An error of any frontend. Cloning shares it.
#[derive(Clone)]
#[repr(transparent)]
pub struct Error(ObjectArc<ErrorObj>);

/// Made once, never freed: there is always an error to say that there is no memory.
static OUT_OF_MEMORY: ErrorObj = ErrorObj {
    header: ObjectHeader::immortal(type_index::ERROR),
    kind: ByteSlice::new(b"MemoryError"),
    message: ByteSlice::new(b"no memory for a native object"),
    cause: null_mut(),
    context: null_mut(),
    traceback: UnsafeCell::new(RawAny::NONE),
    kind_text: Str::EMPTY,
    message_text: Str::EMPTY,
};

impl Error {
    /// An error with a kind (`"ValueError"`) and a message. If there is no memory for it, it is
    /// [`Error::out_of_memory`].
    #[must_use]
    pub fn new(kind: &str, message: &str) -> Self {
        Self::try_with(kind, message, None, None).unwrap_or_else(|_| Self::out_of_memory())
    }

    /// An error made of a message's parts: `Error::format("KeyError", format_args!("{key}"))`.
    #[must_use]
    pub fn format(kind: &str, message: fmt::Arguments<'_>) -> Self {
        if let Some(text) = message.as_str() {
            return Self::new(kind, text);
        }
        let mut growing = Growing { text: String::new(), no_memory: false };
        // An error that is not ours, but a Display's own, ends the message where it stands.
        let _ = fmt::write(&mut growing, message);
        if growing.no_memory { Self::out_of_memory() } else { Self::new(kind, &growing.text) }
    }

    /// An error with a cause and a frontend's context.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_with(
        kind: &str,
        message: &str,
        cause: Option<Error>,
        context: Option<ObjectRef>,
    ) -> Result<Self, NewError> {
        let (kind_text, message_text) = (Str::try_new(kind)?, Str::try_new(message)?);
        let owned = |object: Option<ObjectRef>| {
            object.map_or(null_mut(), |object| ObjectArc::into_raw(object).as_ptr())
        };
        let value = ErrorObj {
            header: ObjectHeader::new(),
            kind: ByteSlice::EMPTY,
            message: ByteSlice::EMPTY,
            cause: owned(cause.map(|error| ObjectArc::upcast(error.0))),
            context: owned(context),
            traceback: UnsafeCell::new(RawAny::NONE),
            kind_text,
            message_text,
        };
        let unique = UniqueObject::try_new(value).map_err(|error| error.cause)?;
        let object = UniqueObject::as_ptr(&unique).as_ptr();
        // Short strings lie in the object itself, so their address is known only now.
        // SAFETY: nobody else looks; by the block's own pointer, so that the addresses stay good.
        // INVARIANT: both point into this object's own strings.
        unsafe {
            (*object).kind = text_place(&raw const (*object).kind_text);
            (*object).message = text_place(&raw const (*object).message_text);
        }
        Ok(Self(UniqueObject::share(unique)))
    }

    /// The error that needs no memory.
    #[must_use]
    pub fn out_of_memory() -> Self {
        // SAFETY: a static object, alive for ever; its counts are atomics.
        Self(unsafe { ObjectArc::from_borrowed(NonNull::from(&OUT_OF_MEMORY)) })
    }

    /// The kind: an exception type's name.
    #[must_use]
    pub fn kind(&self) -> &str {
        // SAFETY: by ErrorObj's invariant.
        unsafe { self.0.kind.as_str() }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        // SAFETY: by ErrorObj's invariant.
        unsafe { self.0.message.as_str() }
    }

    /// The error that caused this one.
    #[must_use]
    pub fn cause(&self) -> Option<Error> {
        self.caused_by().cloned()
    }

    fn caused_by(&self) -> Option<&Error> {
        let cause: *const *mut ObjectHeader = &raw const self.0.cause;
        // SAFETY: null or an owned live error, and so the layout of an `Option` of the transparent
        // handle, whose null is `None`; immutable as long as this error lives.
        unsafe { (*cause.cast::<Option<Self>>()).as_ref() }
    }

    /// What the frontend that made the error keeps with it.
    #[must_use]
    pub fn context(&self) -> Option<ObjectRef> {
        // SAFETY: a live object, owned by this error.
        NonNull::new(self.0.context).map(|object| unsafe { ObjectRef::from_borrowed(object) })
    }

    /// The frames the error came through, innermost first, one to three lines each:
    /// `  File "x.rs", line 3, in load`. Empty if nobody added one.
    #[must_use]
    pub fn traceback(&self) -> Str {
        let slot = self.0.traceback.get();
        // SAFETY: the slot of this live object, changed only by `push_traceback`; it holds a string
        // or nothing.
        unsafe {
            let raw = any_slot_load(ObjectArc::header(&self.0), slot);
            if raw.type_index == type_index::NONE { Str::EMPTY } else { Str::from_raw(raw) }
        }
    }

    /// Adds a frame. Without memory for it the frame is left out; so it is on the static error.
    pub fn push_traceback(&self, frame: &str) {
        if !ObjectArc::header(&self.0).is_headed() {
            return;
        }
        let (header, slot) = (ObjectArc::header(&self.0), self.0.traceback.get());
        loop {
            // SAFETY: as in `traceback`; the reference taken is `old`'s.
            let seen = unsafe { any_slot_load(header, slot) };
            // SAFETY: as in `traceback`.
            let old = (seen.type_index != type_index::NONE).then(|| unsafe { Str::from_raw(seen) });
            let old_text = old.as_deref().unwrap_or_default();
            let mut text = String::new();
            if text.try_reserve_exact(old_text.len() + frame.len() + 1).is_err() {
                return;
            }
            let end = if frame.ends_with('\n') { "" } else { "\n" };
            for part in [old_text, frame, end] {
                if append(&mut text, part).is_err() {
                    return;
                }
            }
            let Ok(new) = Str::try_new(&text) else { return };
            // SAFETY: as in `traceback`; `old` keeps what was seen.
            let swapped = unsafe { any_slot_swap_if(header, slot, &seen, Str::into_raw(new)) };
            let (Ok(left) | Err(left)) = &swapped;
            // SAFETY: owned by us now; dropped after the lock.
            unsafe { raw_dec(left) };
            if swapped.is_ok() {
                return;
            }
            // Another thread has added its frame meanwhile: behind it.
        }
    }

    /// The error's object.
    #[must_use]
    pub fn as_object(&self) -> &ObjectArc<ErrorObj> {
        &self.0
    }

    /// The error's object, given away.
    #[must_use]
    pub fn into_object(self) -> ObjectArc<ErrorObj> {
        self.0
    }

    /// An error by its object.
    #[must_use]
    pub fn from_object(object: ObjectArc<ErrorObj>) -> Self {
        Self(object)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.clone());
        let mut lead = "";
        while let Some(error) = next {
            write!(f, "{lead}{error}")?;
            let traceback = error.traceback();
            if !traceback.is_empty() {
                write!(f, "\n{}", &*traceback)?;
            }
            lead = "\ncaused by ";
            next = error.cause();
        }
        Ok(())
    }
}

impl core::error::Error for Error {
    /// The [`cause`](Self::cause).
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.caused_by().map(|cause| cause as _)
    }
}

impl From<CastError> for Error {
    fn from(error: CastError) -> Self {
        Self::format("TypeError", format_args!("{error}"))
    }
}

impl From<NewError> for Error {
    fn from(error: NewError) -> Self {
        match error {
            NewError::Alloc(_) => Self::out_of_memory(),
            NewError::Register(error) => error.into(),
        }
    }
}

impl From<RegisterError> for Error {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::OutOfMemory => Self::out_of_memory(),
            other => Self::format("ValueError", format_args!("{other}")),
        }
    }
}

/// Of the kind that Python raises for it, an `OSError` in any case.
#[cfg(feature = "std")]
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;

        let kind = match error.kind() {
            ErrorKind::OutOfMemory => return Self::out_of_memory(),
            ErrorKind::NotFound => "FileNotFoundError",
            ErrorKind::AlreadyExists => "FileExistsError",
            ErrorKind::PermissionDenied => "PermissionError",
            ErrorKind::NotADirectory => "NotADirectoryError",
            ErrorKind::IsADirectory => "IsADirectoryError",
            ErrorKind::BrokenPipe => "BrokenPipeError",
            ErrorKind::ConnectionAborted => "ConnectionAbortedError",
            ErrorKind::ConnectionRefused => "ConnectionRefusedError",
            ErrorKind::ConnectionReset => "ConnectionResetError",
            ErrorKind::Interrupted => "InterruptedError",
            ErrorKind::TimedOut => "TimeoutError",
            ErrorKind::WouldBlock => "BlockingIOError",
            _ => "OSError",
        };
        Self::format(kind, format_args!("{error}"))
    }
}

impl From<Error> for Any {
    fn from(error: Error) -> Self {
        error.0.into()
    }
}

crate::values::out_of_any!(Error);

impl TryFrom<AnyView<'_>> for Error {
    type Error = CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, CastError> {
        view.try_into().map(Self)
    }
}

/// A text that grows until there is no memory.
struct Growing {
    text: String,
    no_memory: bool,
}

impl fmt::Write for Growing {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        append(&mut self.text, more).map_err(|NoMemory| {
            self.no_memory = true;
            fmt::Error
        })
    }
}
