//! [`Function`]: something any frontend can call, with packed arguments.

use core::ffi::c_void;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::abi::{ByteSlice, LendCall, RawAny, SafeCall, call_status};
use crate::about::{About, about};
use crate::any::{Any, AnyView};
use crate::arc::ObjectArc;
use crate::error_kinds::{NewError, RegisterError};
use crate::errors::Error;
use crate::header::{ObjectHeader, flags};
use crate::object::{Extends, Object};
use crate::packed::{
    borrowed_outcome, catch, packed_outcome, return_borrowed, return_error, return_packed,
};
use crate::runtime::runtime;
use crate::table::function_status;
use crate::type_index;

/// The body every function begins with; what a closure captured lies behind it.
#[repr(C)]
#[derive(Debug)]
pub struct FunctionObj {
    header: ObjectHeader,
    safe_call: SafeCall,
    /// Null, or for those who hold the arguments.
    /// (A [`LendCall`], written out for the C header.)
    lend_call: Option<
        unsafe extern "C" fn(
            function: *mut c_void,
            args: *const RawAny,
            num_args: i32,
            result: *mut RawAny,
        ) -> i32,
    >,
}

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
        Self { header: ObjectHeader::new(), safe_call, lend_call: None }
    }

    /// The head of a function whose result its arguments may keep alive: what is called by those who want to own it
    /// counts what `lend_call` answers.
    ///
    /// # Safety
    ///
    /// `lend_call` keeps the contract of [`LendCall`] when it is handed an object that begins with this head.
    #[must_use]
    pub const unsafe fn lending(lend_call: LendCall) -> Self {
        Self { header: ObjectHeader::new(), safe_call: call_lender, lend_call: Some(lend_call) }
    }

    /// Its entry point; frontends recognise their own functions by it.
    #[inline]
    #[must_use]
    pub fn safe_call(&self) -> SafeCall {
        self.safe_call
    }

    /// For those who hold the arguments and can do with an object that these keep alive: its other entry point, if
    /// it has one, else the same.
    #[inline]
    #[must_use]
    pub fn lend_call(&self) -> LendCall {
        self.lend_call.unwrap_or(self.safe_call)
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
        // SAFETY: `call_closure::<F>` expects a ClosureObj<F>, which is what is made of it.
        Self::of_closure(unsafe { FunctionObj::new(call_closure::<F>) }, call)
    }

    fn of_closure<F: Send + Sync + 'static>(base: FunctionObj, call: F) -> Result<Self, NewError> {
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

    /// A function made of a Rust closure that returns one of its arguments, or something else that they keep
    /// alive. Nobody counts it on its way, if the caller can do without; other callers get it counted.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn try_from_packed_borrowed<F>(call: F) -> Result<Self, NewError>
    where
        F: for<'a> Fn(&[AnyView<'a>]) -> Result<AnyView<'a>, Error> + Send + Sync + 'static,
    {
        // SAFETY: `lend_closure::<F>` expects a ClosureObj<F>, which is what is made of it.
        Self::of_closure(unsafe { FunctionObj::lending(lend_closure::<F>) }, call)
    }

    /// As [`try_from_packed_borrowed`](Self::try_from_packed_borrowed).
    ///
    /// ```
    /// # #[cfg(feature = "default-backing")] {
    /// use object_core::{Any, Error, Function};
    ///
    /// let longer = Function::from_packed_borrowed(|args| match args {
    ///     [a, b] if b.as_bytes().map(<[u8]>::len) > a.as_bytes().map(<[u8]>::len) => Ok(*b),
    ///     [a, _] => Ok(*a),
    ///     _ => Err(Error::new("TypeError", "longer() takes 2 arguments")),
    /// });
    /// let (a, b) = (Any::from("one"), Any::from("a longer one"));
    /// let found = longer.call_packed(&[a.view(), b.view()]).unwrap();
    /// assert_eq!(found.view().as_str(), Some("a longer one"));
    /// # }
    /// ```
    ///
    /// What the arguments do not keep alive cannot be returned so:
    ///
    /// ```compile_fail
    /// # use object_core::{Any, Function};
    /// Function::from_packed_borrowed(|_| {
    ///     let mine = Any::from("made for this call");
    ///     Ok(mine.view())
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// No memory.
    #[cfg(feature = "infallible")]
    #[must_use]
    pub fn from_packed_borrowed<F>(call: F) -> Self
    where
        F: for<'a> Fn(&[AnyView<'a>]) -> Result<AnyView<'a>, Error> + Send + Sync + 'static,
    {
        match Self::try_from_packed_borrowed(call) {
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
    let written = |call: &F, args: &[AnyView<'_>]| {
        let value = call(args)?;
        // Written here, where it was made: a value that is carried through an outcome is copied.
        // SAFETY: SafeCall's contract: room for one value.
        unsafe { result.write(Any::into_raw(value)) };
        Ok(call_status::OK)
    };
    // SAFETY: SafeCall's contract, and this entry point is only in ClosureObj<F>s.
    unsafe { run(function, args, num_args, result, written) }
}

/// As [`call_closure`], of a closure that returns what its arguments keep alive.
unsafe extern "C" fn lend_closure<F>(
    function: *mut c_void,
    args: *const RawAny,
    num_args: i32,
    result: *mut RawAny,
) -> i32
where
    F: for<'a> Fn(&[AnyView<'a>]) -> Result<AnyView<'a>, Error> + Send + Sync + 'static,
{
    // SAFETY: SafeCall's contract: room for one value. The view lives as long as the arguments are borrowed: while
    // the caller holds them.
    let lent = |call: &F, args: &[AnyView<'_>]| unsafe { return_borrowed(call(args)?, result) };
    // SAFETY: as in `call_closure`.
    unsafe { run(function, args, num_args, result, lent) }
}

/// Runs a closure that writes its result itself and answers a status; what it raises, or a panic, is written here.
///
/// # Safety
///
/// [`SafeCall`]'s contract, and the function is a `ClosureObj<F>`.
#[inline(always)]
unsafe fn run<F>(
    function: *mut c_void,
    args: *const RawAny,
    num_args: i32,
    result: *mut RawAny,
    written: impl FnOnce(&F, &[AnyView<'_>]) -> Result<i32, Error>,
) -> i32 {
    // SAFETY: the caller's contract; the caller's caller holds the function for the call.
    let closure = unsafe { &*function.cast::<ClosureObj<F>>() };
    // SAFETY: SafeCall's contract.
    let args = unsafe { borrowed(args, num_args) };
    match catch(|| written(&closure.call, args)) {
        Ok(status) => status,
        // SAFETY: SafeCall's contract: room for one value.
        Err(error) => unsafe { return_error(error, result) },
    }
}

/// The `safe_call` of functions that lend: the caller owns what it is lent.
unsafe extern "C" fn call_lender(
    function: *mut c_void,
    args: *const RawAny,
    num_args: i32,
    result: *mut RawAny,
) -> i32 {
    // SAFETY: SafeCall's contract goes on: this entry point is only in functions that lend. What is lent lives as
    // long as the arguments, which the caller holds.
    unsafe {
        let lend = (*function.cast::<FunctionObj>()).lend_call();
        let status = lend(function, args, num_args, result);
        if status != call_status::BORROWED {
            return status;
        }
        let lent = borrowed_outcome(result.read());
        return_packed(lent.and_then(|view| Ok(view.try_to_owned()?)), result)
    }
}

/// The arguments of a packed call.
///
/// # Safety
///
/// [`SafeCall`]'s contract: `num_args` values, borrowed for the call, which is shorter than `'a`.
#[inline(always)]
unsafe fn borrowed<'a>(args: *const RawAny, num_args: i32) -> &'a [AnyView<'a>] {
    let (first, count) = if num_args > 0 {
        (args.cast::<AnyView<'_>>(), num_args as usize)
    } else {
        (NonNull::<AnyView<'_>>::dangling().as_ptr().cast_const(), 0)
    };
    // SAFETY: the caller's contract; a view has the layout of a RawAny.
    unsafe { core::slice::from_raw_parts(first, count) }
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
