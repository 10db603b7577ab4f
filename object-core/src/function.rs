//! [`Function`]: something any frontend can call, with packed arguments.

use core::ffi::c_void;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::abi::{ByteSlice, RawAny, SafeCall};
use crate::about::{About, about};
use crate::table::{function_status};
use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{NewError, RegisterError};
use crate::errors::{Error, ErrorObj};
use crate::header::{ObjectHeader, flags};
use crate::object::{Extends, Object};
use crate::runtime::runtime;
use crate::type_index;

/// The body every function begins with; what a closure captured lies behind it.
#[repr(C)]
#[derive(Debug)]
pub struct FunctionObj {
    header: ObjectHeader,
    safe_call: SafeCall,
    /// Layout-compatible with the ABI this one is modelled on; always null here.
    native_call: *mut c_void,
}

// SAFETY: two immutable addresses.
unsafe impl Send for FunctionObj {}
// SAFETY: as above.
unsafe impl Sync for FunctionObj {}

// SAFETY: repr(C), header first, a fixed type.
unsafe impl Object for FunctionObj {
    // A closure's body is longer, and its entry point must stay with it.
    const EXACT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::FUNCTION)
    }
}

impl FunctionObj {
    /// The head of a frontend's own kind of function.
    ///
    /// # Safety
    ///
    /// `safe_call` keeps the contract of [`SafeCall`] when it is handed an object that begins with
    /// this head.
    #[must_use]
    pub const unsafe fn new(safe_call: SafeCall) -> Self {
        Self { header: ObjectHeader::new(), safe_call, native_call: core::ptr::null_mut() }
    }

    /// Its entry point; frontends recognise their own functions by it.
    #[inline]
    #[must_use]
    pub fn safe_call(&self) -> SafeCall {
        self.safe_call
    }
}

/// What a closure captured, behind the function's head.
#[repr(C)]
struct ClosureObj<F> {
    base: FunctionObj,
    call: F,
}

// SAFETY: repr(C), begins with a FunctionObj; `F` is Send and Sync by the bound.
unsafe impl<F: Send + Sync + 'static> Object for ClosureObj<F> {
    // The number says "a function", not which closure.
    const DISTINCT: bool = false;

    fn type_index() -> Result<i32, RegisterError> {
        Ok(type_index::FUNCTION)
    }
}

// SAFETY: repr(C), the first field is a FunctionObj.
unsafe impl<F: Send + Sync + 'static> Extends<FunctionObj> for ClosureObj<F> {}

/// A function of any frontend. Cloning shares it.
///
/// ```
/// # #[cfg(all(feature = "infallible", feature = "default-backing"))] {
/// use object_core::{Any, AnyView, Error, Function};
///
/// let add = Function::from_packed(|args: &[AnyView<'_>]| -> Result<Any, Error> {
///     let mut sum = 0;
///     for arg in args {
///         sum += i64::try_from(*arg)?;
///     }
///     Ok(sum.into())
/// });
/// let sum = add.call_packed(&[AnyView::int(2), AnyView::int(3)]).unwrap();
/// assert_eq!(sum.get::<i64>().unwrap(), 5);
/// # }
/// ```
#[derive(Clone)]
#[repr(transparent)]
pub struct Function(ObjectArc<FunctionObj>);

impl Function {
    /// A function made of a Rust closure over packed arguments.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_from_packed<F>(call: F) -> Result<Self, NewError>
    where
        F: Fn(&[AnyView<'_>]) -> Result<Any, Error> + Send + Sync + 'static,
    {
        // SAFETY: `call_closure::<F>` expects a ClosureObj<F>, which is what is made here.
        let base = unsafe { FunctionObj::new(call_closure::<F>) };
        let closure = ObjectArc::try_new(ClosureObj { base, call }).map_err(|error| error.cause)?;
        Ok(Self(ObjectArc::upcast(closure)))
    }

    /// A function made of a Rust closure over packed arguments.
    ///
    /// # Panics
    ///
    /// No memory.
    #[cfg(feature = "infallible")]
    #[must_use]
    pub fn from_packed<F>(call: F) -> Self
    where
        F: Fn(&[AnyView<'_>]) -> Result<Any, Error> + Send + Sync + 'static,
    {
        match Self::try_from_packed(call) {
            Ok(function) => function,
            Err(error) => panic!("{error}"),
        }
    }

    /// Says that the function does not touch the caller's language and may take long: a Python
    /// caller releases its interpreter meanwhile.
    #[must_use]
    pub fn releasing_interpreter(self) -> Self {
        // SAFETY: a bit of the function type's; true by the caller's word, and nothing but the
        // caller's interpreter goes by it.
        unsafe { ObjectArc::header(&self.0).set_flags(flags::RELEASES_INTERPRETER) };
        self
    }

    /// Calls it. Arguments are borrowed for the call.
    ///
    /// # Errors
    ///
    /// What the function raised; a panic inside a Rust function is an error of kind `PanicError`.
    pub fn call_packed(&self, args: &[AnyView<'_>]) -> Result<Any, Error> {
        let Ok(count) = i32::try_from(args.len()) else {
            return Err(Error::new("ValueError", "more arguments than a call can have"));
        };
        let mut result = MaybeUninit::new(RawAny::NONE);
        // SAFETY: the object keeps SafeCall's contract; views have RawAny's layout, and live for
        // the call.
        let failed = unsafe {
            (self.0.safe_call)(
                ObjectArc::as_ptr(&self.0).as_ptr().cast(),
                args.as_ptr().cast::<RawAny>(),
                count,
                result.as_mut_ptr(),
            )
        };
        // SAFETY: initialised above, or overwritten by the call with an owned value.
        unsafe { packed_outcome(failed, result.assume_init()) }
    }

    /// The function of that name in this process.
    #[must_use]
    pub fn get_global(name: &str) -> Option<Self> {
        // SAFETY: the name is readable for the call; what comes back is null or an owned function.
        unsafe {
            let object = (runtime().function_get)(ByteSlice::new(name.as_bytes()));
            NonNull::new(object).map(|object| Self(ObjectArc::from_raw(object.cast())))
        }
    }

    /// Gives the function a name in this process.
    ///
    /// # Errors
    ///
    /// `ValueError` if the name is taken and `override_existing` is false.
    pub fn register_global(&self, name: &str, override_existing: bool) -> Result<(), Error> {
        self.register_documented(name, override_existing, "", "")
    }

    /// Gives the function a name in this process, and says what is to be known of it: its documentation,
    /// and its parameters as `(price, count, /)`. Empty: not known.
    ///
    /// # Errors
    ///
    /// `ValueError` if the name is taken and `override_existing` is false.
    pub fn register_documented(
        &self,
        name: &str,
        override_existing: bool,
        doc: &str,
        signature: &str,
    ) -> Result<(), Error> {
        // SAFETY: texts and function are alive for the call.
        let status = unsafe {
            (runtime().function_register_documented)(
                ByteSlice::new(name.as_bytes()),
                ObjectArc::as_ptr(&self.0).as_ptr().cast(),
                i32::from(override_existing),
                ByteSlice::new(doc.as_bytes()),
                ByteSlice::new(signature.as_bytes()),
            )
        };
        match status {
            function_status::OK => Ok(()),
            function_status::TAKEN => Err(Error::format(
                "ValueError",
                format_args!(
                    "global function '{name}' is already registered; pass override=True to replace it"
                ),
            )),
            function_status::NOT_A_FUNCTION => Err(Error::format(
                "TypeError",
                format_args!("global function '{name}' is no function object"),
            )),
            _ => Err(Error::out_of_memory()),
        }
    }

    /// What was registered of this function; `None` if it has no name in this process. If it has several,
    /// one with documentation.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn about(&self) -> Result<Option<About>, NewError> {
        // SAFETY: the function is alive.
        unsafe { about(ObjectArc::as_ptr(&self.0).as_ptr().cast()) }
    }

    /// Takes a name out of this process; false if nobody had it.
    pub fn remove_global(name: &str) -> bool {
        // SAFETY: the name is readable for the call.
        unsafe { (runtime().function_remove)(ByteSlice::new(name.as_bytes())) != 0 }
    }

    /// The function's object.
    #[must_use]
    pub fn as_object(&self) -> &ObjectArc<FunctionObj> {
        &self.0
    }

    /// The function's object, given away.
    #[must_use]
    pub fn into_object(self) -> ObjectArc<FunctionObj> {
        self.0
    }

    /// A function by its object.
    #[must_use]
    pub fn from_object(object: ObjectArc<FunctionObj>) -> Self {
        Self(object)
    }
}

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

/// The entry point of a Rust closure: a C frame, so nothing unwinds out of it.
unsafe extern "C" fn call_closure<F>(
    function: *mut c_void,
    args: *const RawAny,
    num_args: i32,
    result: *mut RawAny,
) -> i32
where
    F: Fn(&[AnyView<'_>]) -> Result<Any, Error> + Send + Sync + 'static,
{
    // SAFETY: SafeCall's contract: this entry point is only in ClosureObj<F>s, and the caller holds
    // the function for the call.
    let closure = unsafe { &*function.cast::<ClosureObj<F>>() };
    let (first, count) = if num_args > 0 {
        (args.cast::<AnyView<'_>>(), num_args as usize)
    } else {
        (NonNull::<AnyView<'_>>::dangling().as_ptr().cast_const(), 0)
    };
    // SAFETY: SafeCall's contract: `num_args` values, borrowed for the call; a view has the layout of a
    // RawAny.
    let args = unsafe { core::slice::from_raw_parts(first, count) };
    let outcome = catch(|| {
        let value = (closure.call)(args)?;
        // Written here, where it was made: a value that is carried through an outcome is copied.
        // SAFETY: SafeCall's contract: room for one value.
        unsafe { result.write(Any::into_raw(value)) };
        Ok(())
    });
    match outcome {
        Ok(()) => 0,
        // SAFETY: as above.
        Err(error) => unsafe { return_error(error, result) },
    }
}

/// [`return_packed`] of what seldom happens, apart from the way of what often does.
///
/// # Safety
///
/// As there.
#[cold]
#[inline(never)]
unsafe fn return_error(error: Error, result: *mut RawAny) -> i32 {
    // SAFETY: the caller's contract.
    unsafe { return_packed(Err(error), result) }
}

/// Writes a call's outcome the way [`SafeCall`] says.
///
/// # Safety
///
/// `result` has room for one value, which becomes the caller's.
pub unsafe fn return_packed(outcome: Result<Any, Error>, result: *mut RawAny) -> i32 {
    let (status, value) = match outcome {
        Ok(value) => (0, value),
        Err(error) => (1, Any::from(error)),
    };
    // SAFETY: the caller's contract.
    unsafe { result.write(Any::into_raw(value)) };
    status
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
    if status == 0 { Ok(value) } else { Err(value.into_error()) }
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

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({:p})", ObjectArc::as_ptr(&self.0))
    }
}

impl From<Function> for Any {
    fn from(function: Function) -> Self {
        function.0.into()
    }
}

crate::values::out_of_any!(Function);

impl TryFrom<AnyView<'_>> for Function {
    type Error = crate::error_kinds::CastError;

    fn try_from(view: AnyView<'_>) -> Result<Self, Self::Error> {
        view.try_into().map(Self)
    }
}
