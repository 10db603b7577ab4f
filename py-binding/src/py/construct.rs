//! The class call.
//!
//! A class made here is called through its own vectorcall. A py_class whose `__init__` is the
//! generated one is filled natively in one pass; everything else goes the way Python goes, `__new__`
//! then `__init__`, with two additions: a constructor whose object has a wrapper already answers
//! that one, and an object that was being built is finished when `__init__` returns.

use core::ptr::{NonNull, null_mut};
use std::cell::RefCell;
use std::sync::atomic::Ordering;

use object_core::{Any, ObjectArc, ObjectHeader, ObjectRef, is_instance, try_new_reflected};
use pyo3::ffi;

use crate::py::call::call_native;
use crate::py::classes::{ClassRecord, by_class, is_wrapper, nearest};
use crate::py::fields::{Context, store, text};
use crate::py::host::Cpython;
use crate::py::plan::{Default, Field, Param, Plan};
use crate::py::raise::{Exc, Raised, class_name, no_memory, raise, type_name};
use crate::py::wrapper::{Loan, as_wrapper, state, storage};
use crate::tie::{Adopted, adopt};

/// Parameters up to this many need no heap.
const ON_STACK: usize = 16;

/// Called for every class made here.
pub(crate) unsafe extern "C" fn class_vectorcall(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let class = callable.cast::<ffi::PyTypeObject>();
    // SAFETY: the vectorcall contract.
    unsafe {
        let arguments = Arguments::new(args, ffi::PyVectorcall_NARGS(nargsf) as usize, names);
        if let Some(record) = by_class(class) {
            if let Some(plan) = record.plan() {
                let seen = look(plan, class);
                if seen & GENERATED != 0 {
                    return construct(record, plan, seen, &arguments).unwrap_or(null_mut());
                }
            }
        }
        call_the_long_way(class, &arguments).unwrap_or(null_mut())
    }
}

/// The arguments of a call, as the vectorcall protocol hands them over.
struct Arguments {
    values: *const *mut ffi::PyObject,
    positional: usize,
    names: *mut ffi::PyObject,
    named: usize,
}

impl Arguments {
    unsafe fn new(
        values: *const *mut ffi::PyObject,
        positional: usize,
        names: *mut ffi::PyObject,
    ) -> Self {
        // SAFETY: a tuple or NULL.
        let named = if names.is_null() {
            0
        } else {
            unsafe { ffi::PyTuple_Size(names) as usize }
        };
        Self {
            values,
            positional,
            names,
            named,
        }
    }
}

const GENERATED: u32 = 1;
const POST_INIT: u32 = 2;

/// What the class's constructor is made of, asked anew when the class has changed.
#[inline]
unsafe fn look(plan: &Plan, class: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: a live class.
    let version = unsafe { (*class).tp_version_tag };
    if version != 0 && plan.version.load(Ordering::Relaxed) == version {
        return plan.seen.load(Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { look_again(plan, class) }
}

#[cold]
unsafe fn look_again(plan: &Plan, class: *mut ffi::PyTypeObject) -> u32 {
    let mut seen = 0;
    // SAFETY: attached, a live class. Looking an attribute up gives the class a version.
    unsafe {
        let init = ffi::PyObject_GetAttrString(class.cast(), c"__init__".as_ptr());
        if init == plan.init
            && (*class)
                .tp_new
                .is_some_and(|own| core::ptr::fn_addr_eq(own, new as ffi::newfunc))
        {
            seen |= GENERATED;
        }
        ffi::Py_XDECREF(init);
        if ffi::PyObject_HasAttrString(class.cast(), c"__post_init__".as_ptr()) != 0 {
            seen |= POST_INIT;
        }
        ffi::PyErr_Clear();
        plan.seen.store(seen, Ordering::Relaxed);
        plan.version
            .store((*class).tp_version_tag, Ordering::Relaxed);
    }
    seen
}

/// Makes an instance of a py_class in one pass.
#[inline]
unsafe fn construct(
    record: &'static ClassRecord,
    plan: &'static Plan,
    seen: u32,
    arguments: &Arguments,
) -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: attached; everything made here is ours until the wrapper owns it.
    unsafe {
        let object = new_native(record)?;
        let address = ObjectArc::as_ptr(&object);
        let context = Context {
            class: record.class,
            in_init: true,
        };
        let init_vars = fill(address, plan, arguments, context)?;
        let wrapper = record.instantiate();
        if wrapper.is_null() {
            return Err(Raised);
        }
        bind_new(wrapper, object);
        if seen & POST_INIT != 0 {
            storage(wrapper).state.set(state::BUILDING);
            let done = post_init(wrapper, &init_vars);
            finish(wrapper);
            if done.is_err() {
                ffi::Py_DECREF(wrapper);
                return Err(Raised);
            }
        }
        Ok(wrapper)
    }
}

/// A new native object of a class's type, its fields zero.
unsafe fn new_native(record: &'static ClassRecord) -> Result<ObjectRef, Raised> {
    // SAFETY: attached.
    try_new_reflected(record.info, record.leaf).map_err(|_| unsafe { no_memory() })
}

/// Binds an empty wrapper to an object nobody has seen yet.
unsafe fn bind_new(wrapper: *mut ffi::PyObject, object: ObjectRef) {
    // SAFETY: attached; the wrapper is empty; the object's one reference goes with it. Nobody else
    // has the object, so it has no other wrapper.
    let bound = unsafe {
        adopt(
            &Cpython,
            as_wrapper(wrapper),
            ObjectArc::into_raw(object).cast(),
        )
    };
    debug_assert_eq!(bound, Adopted::Bound);
}

/// Values of `InitVar` parameters, owned, on their way to `__post_init__`.
struct InitVars(Vec<*mut ffi::PyObject>);

impl Drop for InitVars {
    fn drop(&mut self) {
        for &value in &self.0 {
            // SAFETY: attached; ours.
            unsafe { ffi::Py_DECREF(value) };
        }
    }
}

/// Binds arguments to parameters and writes the fields.
unsafe fn fill(
    object: NonNull<ObjectHeader>,
    plan: &'static Plan,
    arguments: &Arguments,
    context: Context,
) -> Result<InitVars, Raised> {
    let mut on_stack = [null_mut::<ffi::PyObject>(); ON_STACK];
    let mut on_heap = Vec::new();
    let given: &mut [*mut ffi::PyObject] = if plan.params.len() <= ON_STACK {
        &mut on_stack[..plan.params.len()]
    } else {
        on_heap.resize(plan.params.len(), null_mut());
        &mut on_heap
    };
    let mut init_vars = InitVars(Vec::new());
    // SAFETY: the caller's: attached, live arguments, an object being made.
    unsafe {
        bind(plan, arguments, given)?;
        for (param, &value) in plan.params.iter().zip(given.iter()) {
            if value.is_null() {
                take_default(param, object, plan, context, &mut init_vars)?;
            } else {
                deliver(param, object, value, context, &mut init_vars)?;
            }
        }
        for (field, default) in &plan.presets {
            preset(field, *default, object, context)?;
        }
    }
    Ok(init_vars)
}

unsafe fn deliver(
    param: &Param,
    object: NonNull<ObjectHeader>,
    value: *mut ffi::PyObject,
    context: Context,
    init_vars: &mut InitVars,
) -> Result<(), Raised> {
    // SAFETY: as for `fill`.
    unsafe {
        match param.field {
            Some(field) => store(object, field, value, context),
            None => {
                ffi::Py_INCREF(value);
                init_vars.0.push(value);
                Ok(())
            }
        }
    }
}

unsafe fn take_default(
    param: &Param,
    object: NonNull<ObjectHeader>,
    plan: &Plan,
    context: Context,
    init_vars: &mut InitVars,
) -> Result<(), Raised> {
    // SAFETY: as for `fill`.
    unsafe {
        match param.default {
            Default::Value(value) => deliver(param, object, value, context, init_vars),
            Default::Factory(factory) => {
                let made = ffi::PyObject_CallNoArgs(factory);
                if made.is_null() {
                    return Err(Raised);
                }
                let done = deliver(param, object, made, context, init_vars);
                ffi::Py_DECREF(made);
                done
            }
            Default::Required => {
                let name = text(param.name);
                let expected = param
                    .field
                    .map_or_else(String::new, |f| format!(" ({})", f.text));
                let position = plan.params.iter().position(|p| core::ptr::eq(p, param));
                let kind = if position >= Some(plan.positional) {
                    "keyword-only argument"
                } else {
                    "argument"
                };
                let class = &plan.name;
                Err(raise!(
                    Exc::Type,
                    "{class}.__init__() missing required {kind}: '{name}'{expected}"
                ))
            }
        }
    }
}

unsafe fn preset(
    field: &Field,
    default: Default,
    object: NonNull<ObjectHeader>,
    context: Context,
) -> Result<(), Raised> {
    // SAFETY: as for `fill`.
    unsafe {
        match default {
            Default::Required => Ok(()),
            Default::Value(value) => store(object, field, value, context),
            Default::Factory(factory) => {
                let made = ffi::PyObject_CallNoArgs(factory);
                if made.is_null() {
                    return Err(Raised);
                }
                let done = store(object, field, made, context);
                ffi::Py_DECREF(made);
                done
            }
        }
    }
}

/// Which argument goes to which parameter; borrowed.
#[inline]
unsafe fn bind(
    plan: &Plan,
    arguments: &Arguments,
    given: &mut [*mut ffi::PyObject],
) -> Result<(), Raised> {
    // SAFETY: attached; live arguments; names are strs.
    unsafe {
        let class = &plan.name;
        if arguments.positional > plan.positional {
            let (most, got) = (plan.positional, arguments.positional);
            let plural = if most == 1 { "" } else { "s" };
            return Err(raise!(
                Exc::Type,
                "{class}.__init__() takes at most {most} positional argument{plural}, but {got} \
                 were given"
            ));
        }
        for (i, place) in given.iter_mut().enumerate().take(arguments.positional) {
            *place = *arguments.values.add(i);
        }
        for i in 0..arguments.named {
            let name = ffi::PyTuple_GetItem(arguments.names, i as isize);
            let Some(at) = find(plan, name) else {
                let (name, takes) = (text(name), names_of(plan));
                return Err(raise!(
                    Exc::Type,
                    "{class}.__init__() got an unexpected keyword argument '{name}'; it takes {takes}"
                ));
            };
            if !given[at].is_null() {
                let name = text(name);
                return Err(raise!(
                    Exc::Type,
                    "{class}.__init__() got multiple values for argument '{name}'"
                ));
            }
            given[at] = *arguments.values.add(arguments.positional + i);
        }
    }
    Ok(())
}

/// The parameter of that name: by identity first, names being interned.
unsafe fn find(plan: &Plan, name: *mut ffi::PyObject) -> Option<usize> {
    plan.params
        .iter()
        .position(|param| param.name == name)
        .or_else(|| {
            // SAFETY: attached; strs.
            plan.params
                .iter()
                .position(|param| unsafe { ffi::PyUnicode_Compare(param.name, name) == 0 })
        })
}

fn names_of(plan: &Plan) -> String {
    // SAFETY: attached; kept strs.
    let names = plan.params.iter().map(|param| unsafe { text(param.name) });
    let names: Vec<_> = names.map(|name| format!("'{name}'")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

unsafe fn post_init(wrapper: *mut ffi::PyObject, init_vars: &InitVars) -> Result<(), Raised> {
    // SAFETY: attached; live objects.
    unsafe {
        let method = ffi::PyObject_GetAttrString(wrapper, c"__post_init__".as_ptr());
        if method.is_null() {
            return Err(Raised);
        }
        let (first, count) = (init_vars.0.as_ptr(), init_vars.0.len());
        let answer = ffi::PyObject_Vectorcall(method, first, count, null_mut());
        ffi::Py_DECREF(method);
        if answer.is_null() {
            return Err(Raised);
        }
        ffi::Py_DECREF(answer);
        Ok(())
    }
}

/// A generated `__init__`, called as a method: fills the fields of `record`'s class in a wrapper
/// that is being built.
///
/// # Errors
///
/// TypeError: it was built already, or an argument does not fit.
///
/// # Safety
///
/// Attached; `wrapper` is an instance of the record's class; `args` and `names` as vectorcall hands
/// them over.
pub(crate) unsafe fn init(
    record: &'static ClassRecord,
    wrapper: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    positional: usize,
    names: *mut ffi::PyObject,
) -> Result<(), Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        let Some(plan) = record.plan() else {
            return Err(Raised);
        };
        // Python's own answer to isinstance can be anything.
        let object = if is_wrapper(wrapper) {
            crate::py::wrapper::handle(wrapper)?
        } else {
            return Err(no_instance(record, wrapper));
        };
        if !is_instance(object.as_ref().type_index(), record.type_index) {
            return Err(no_instance(record, wrapper));
        }
        if storage(wrapper).state.get() & state::BUILDING == 0 {
            return Err(already_built(wrapper));
        }
        let _lent = Loan::of(wrapper); // converting the arguments may run Python code
        let context = Context {
            class: record.class,
            in_init: true,
        };
        let init_vars = fill(
            object,
            plan,
            &Arguments::new(args, positional, names),
            context,
        )?;
        if ffi::PyObject_HasAttrString(wrapper, c"__post_init__".as_ptr()) != 0 {
            post_init(wrapper, &init_vars)?;
        }
        // The outermost native class is complete; Python subclasses add nothing native.
        if nearest(ffi::Py_TYPE(wrapper)).is_some_and(|own| core::ptr::eq(own, record)) {
            finish(wrapper);
        }
        Ok(())
    }
}

/// The object is built: frozen fields are frozen from here on.
///
/// # Safety
///
/// A live wrapper.
pub(crate) unsafe fn finish(wrapper: *mut ffi::PyObject) {
    // SAFETY: the caller's contract.
    let state = unsafe { &storage(wrapper).state };
    state.set(state.get() & !state::BUILDING);
}

#[cold]
unsafe fn no_instance(record: &ClassRecord, object: *mut ffi::PyObject) -> Raised {
    // SAFETY: attached; a live object, and the record keeps its class.
    unsafe {
        let (expected, got) = (class_name(record.class), type_name(object));
        raise!(
            Exc::Type,
            "{expected}.__init__() expects a native '{expected}', got {got}"
        )
    }
}

#[cold]
unsafe fn already_built(wrapper: *mut ffi::PyObject) -> Raised {
    // SAFETY: attached; a live wrapper.
    unsafe {
        let name = type_name(wrapper);
        raise!(
            Exc::Type,
            "this '{name}' is initialised already: __init__ and __setstate__ run once; make a new \
             object instead"
        )
    }
}

/// `Object.__new__`: an empty wrapper, or for a py_class one bound to a zeroed object, to be filled
/// by `__init__` or `__setstate__`.
pub(crate) unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    _args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the slot's contract: attached, a live subclass.
    unsafe {
        let Some(record) = nearest(class) else {
            return raise!(Exc::Type, "'{}' is no native class", class_name(class)).null();
        };
        if record.type_index == object_core::type_index::OBJECT {
            return raise!(
                Exc::Type,
                "cannot create '{}' instances: it shows no native type; decorate the class with \
                 py_class or register_object",
                class_name(class)
            )
            .null();
        }
        let wrapper = crate::py::wrapper::allocate(class);
        if wrapper.is_null() || record.plan().is_none() {
            return wrapper;
        }
        match new_native(record) {
            Ok(object) => {
                bind_new(wrapper, object);
                storage(wrapper).state.set(state::BUILDING);
                wrapper
            }
            Err(Raised) => {
                ffi::Py_DECREF(wrapper);
                null_mut()
            }
        }
    }
}

/// `Object.__init__`: calls the native constructor of the nearest registered type.
pub(crate) unsafe extern "C" fn object_init(
    wrapper: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> core::ffi::c_int {
    // SAFETY: the slot's contract.
    match unsafe { init_natively(wrapper, args, kwargs) } {
        Ok(()) => 0,
        Err(Raised) => -1,
    }
}

unsafe fn init_natively(
    wrapper: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<(), Raised> {
    // SAFETY: the slot's contract: attached, a live wrapper, a tuple, a dict or NULL.
    unsafe {
        let name = type_name(wrapper);
        let count = ffi::PyTuple_Size(args) as usize;
        let named = !kwargs.is_null() && ffi::PyDict_Size(kwargs) > 0;
        if !storage(wrapper).handle.get().is_null() {
            // The end of a chain of super().__init__() in a py_class of the user's own making.
            if storage(wrapper).state.get() & state::BUILDING != 0 && count == 0 && !named {
                return Ok(());
            }
            return Err(already_built(wrapper));
        }
        if storage(wrapper).state.get() & state::MOVED != 0 {
            return Err(already_built(wrapper));
        }
        let record = nearest(ffi::Py_TYPE(wrapper)).ok_or(Raised)?;
        let constructor = record
            .info
            .own_methods()
            .iter()
            .find(|method| method.is_static() && method.name() == "__new__");
        let Some(constructor) = constructor.and_then(|method| NonNull::new(method.function)) else {
            return Err(raise!(
                Exc::Type,
                "'{name}' has no constructor: objects of type '{}' are made by native code",
                record.info.key()
            ));
        };
        if named {
            return Err(raise!(Exc::Type, "{name}() takes no keyword arguments"));
        }
        let values: Vec<_> = (0..count)
            .map(|i| ffi::PyTuple_GetItem(args, i as isize))
            .collect();
        let made = call_native(constructor, &values)?;
        bind_made(wrapper, made)
    }
}

/// Binds an empty wrapper to what a constructor made.
///
/// # Errors
///
/// TypeError: it made no object of the wrapper's type; or the object has a wrapper and nobody is
/// there to return it.
///
/// # Safety
///
/// Attached; a live wrapper.
pub(crate) unsafe fn bind_made(wrapper: *mut ffi::PyObject, made: Any) -> Result<(), Raised> {
    // SAFETY: the caller's contract.
    unsafe {
        if !storage(wrapper).handle.get().is_null() {
            return Err(already_built(wrapper));
        }
        let record = nearest(ffi::Py_TYPE(wrapper)).ok_or(Raised)?;
        let number = made.type_index();
        if !object_core::type_index::is_object(number) || !is_instance(number, record.type_index) {
            let (name, expected) = (type_name(wrapper), record.info.key());
            return Err(raise!(
                Exc::Type,
                "the constructor of '{name}' must make a '{expected}', it made {}",
                object_core::TypeName(number)
            ));
        }
        let Some(object) = Any::into_raw(made).as_object() else {
            return Err(Raised);
        };
        match adopt(&Cpython, as_wrapper(wrapper), object.cast()) {
            Adopted::Bound => {
                storage(wrapper).state.set(0);
                Ok(())
            }
            Adopted::Other(other) => supersede(wrapper, other.as_ptr().cast()),
        }
    }
}

std::thread_local! {
    /// Class calls under way on this thread: the wrapper being made, and the one that is returned
    /// instead, if its object had one.
    static CALLS: RefCell<Vec<(*mut ffi::PyObject, *mut ffi::PyObject)>> =
        const { RefCell::new(Vec::new()) };
}

/// The object has the wrapper `other` (owned): the class call under way returns that one.
unsafe fn supersede(wrapper: *mut ffi::PyObject, other: *mut ffi::PyObject) -> Result<(), Raised> {
    let noted = CALLS.with_borrow_mut(|calls| {
        match calls.iter_mut().rev().find(|(made, _)| *made == wrapper) {
            Some((_, instead)) if instead.is_null() => {
                *instead = other;
                true
            }
            _ => false,
        }
    });
    if noted {
        return Ok(());
    }
    // SAFETY: attached; `other` is ours.
    unsafe {
        let (name, there) = (type_name(wrapper), type_name(other));
        let raised = raise!(
            Exc::Type,
            "the object that the constructor of '{name}' made has a wrapper ('{there}') already; \
             call the class instead of __init__ to get it"
        );
        ffi::Py_DECREF(other);
        Err(raised)
    }
}

/// `__new__`, then `__init__`, as Python does it.
unsafe fn call_the_long_way(
    class: *mut ffi::PyTypeObject,
    arguments: &Arguments,
) -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: attached; a live class; the tuple and dict are ours until the end.
    unsafe {
        let args = ffi::PyTuple_New(arguments.positional as isize);
        if args.is_null() {
            return Err(Raised);
        }
        for i in 0..arguments.positional {
            let value = *arguments.values.add(i);
            ffi::Py_INCREF(value);
            ffi::PyTuple_SetItem(args, i as isize, value);
        }
        let mut kwargs = null_mut();
        if arguments.named > 0 {
            kwargs = ffi::PyDict_New();
            for i in 0..arguments.named {
                let name = ffi::PyTuple_GetItem(arguments.names, i as isize);
                let value = *arguments.values.add(arguments.positional + i);
                if kwargs.is_null() || ffi::PyDict_SetItem(kwargs, name, value) != 0 {
                    ffi::Py_XDECREF(kwargs);
                    ffi::Py_DECREF(args);
                    return Err(Raised);
                }
            }
        }
        let answer = new_then_init(class, args, kwargs);
        ffi::Py_DECREF(args);
        ffi::Py_XDECREF(kwargs);
        answer
    }
}

unsafe fn new_then_init(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: as for `call_the_long_way`.
    unsafe {
        let Some(make) = (*class).tp_new else {
            return Err(raise!(
                Exc::Type,
                "cannot create '{}' instances",
                class_name(class)
            ));
        };
        let made = make(class, args, kwargs);
        if made.is_null() {
            return Err(Raised);
        }
        if ffi::PyType_IsSubtype(ffi::Py_TYPE(made), class) == 0 {
            return Ok(made);
        }
        CALLS.with_borrow_mut(|calls| calls.push((made, null_mut())));
        let failed = match (*ffi::Py_TYPE(made)).tp_init {
            Some(init) => init(made, args, kwargs) != 0,
            None => false,
        };
        let (_, instead) = CALLS
            .with_borrow_mut(Vec::pop)
            .unwrap_or((null_mut(), null_mut()));
        if failed {
            ffi::Py_XDECREF(instead);
            ffi::Py_DECREF(made);
            return Err(Raised);
        }
        if !instead.is_null() {
            ffi::Py_DECREF(made);
            return Ok(instead);
        }
        if is_wrapper(made) {
            finish(made);
        }
        Ok(made)
    }
}
