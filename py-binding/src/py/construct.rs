//! The class call.
//!
//! A class made here is called through its own vectorcall. A py_class whose `__init__` is the
//! generated one is filled natively in one pass; everything else goes the way Python goes, `__new__`
//! then `__init__`, with two additions: a constructor whose object has a wrapper already answers
//! that one, and an object that was being built is finished when `__init__` returns.

use core::ptr::null_mut;

use alloc_header::MIN_ALIGN;
use object_core::abi::type_flags;
use object_core::{ObjectArc, ObjectRef, begin_reflected, is_instance, runtime, try_new_reflected};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::py::allocator::used;
use crate::py::classes::{ClassRecord, by_class, is_wrapper, nearest};
use crate::py::context::Context;
use crate::py::fallible::attribute;
use crate::py::fill::{Arguments, InitVars, fill, fill_defaults};
use crate::py::hang;
use crate::py::host::Cpython;
use crate::py::long_way::call_the_long_way;
use crate::py::plan::Plan;
use crate::py::raise::{Exc, Raised, class_name, has_attribute, no_memory, raise, type_name};
use crate::py::refs;
use crate::py::store::store_new;
use crate::py::wrapper::{Loan, already_built, as_wrapper, finish, state, storage};
use crate::tie::introduce;

/// Called for every class made here.
pub(crate) unsafe extern "C" fn class_vectorcall(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::enter();
    let class = callable.cast::<ffi::PyTypeObject>();
    // SAFETY: the vectorcall contract.
    unsafe {
        if let Some(record) = by_class(class) {
            if let Some(plan) = record.plan() {
                let seen = look(plan, class);
                if seen == GENERATED && names.is_null() {
                    let count = ffi::PyVectorcall_NARGS(nargsf) as usize;
                    if count == plan.direct.len() && count > 0 {
                        return construct_directly(record, plan, args).unwrap_or(null_mut());
                    }
                }
                if seen & GENERATED != 0 {
                    return call_generated(record, plan, seen, args, nargsf, names);
                }
            }
        }
        call_otherwise(class, args, nargsf, names)
    }
}

/// [`class_vectorcall`] where the constructor is a generated one. A C function, which does not unwind: so it is
/// jumped to.
///
/// # Safety
///
/// As there; `seen` is what [`look`] found.
#[inline(never)]
unsafe extern "C" fn call_generated(
    record: &'static ClassRecord,
    plan: &'static Plan,
    seen: u32,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe {
        let arguments = Arguments::new(args, ffi::PyVectorcall_NARGS(nargsf) as usize, names);
        construct(record, plan, seen, &arguments).unwrap_or(null_mut())
    }
}

/// [`class_vectorcall`] of all other classes. Jumped to as [`call_generated`] is.
///
/// # Safety
///
/// As there.
#[inline(never)]
unsafe extern "C" fn call_otherwise(
    class: *mut ffi::PyTypeObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // Quiet: what jumps here has entered.
    // SAFETY: the caller's contract.
    unsafe {
        let arguments = Arguments::new(args, ffi::PyVectorcall_NARGS(nargsf) as usize, names);
        call_the_long_way(class, &arguments).unwrap_or(null_mut())
    }
}

const GENERATED: u32 = 1;
const POST_INIT: u32 = 2;

/// What the class's constructor is made of, asked anew when the class has changed.
#[inline]
unsafe fn look(plan: &Plan, class: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: a live class.
    let version = unsafe { refs::version(class) };
    match plan.seen.at(version) {
        Some(seen) => seen,
        // SAFETY: as above.
        None => unsafe { look_again(plan, class) },
    }
}

#[cold]
unsafe fn look_again(plan: &Plan, class: *mut ffi::PyTypeObject) -> u32 {
    hang::ready();
    let mut seen = 0;
    // SAFETY: attached, a live class. Looking an attribute up gives the class a version.
    unsafe {
        let before = refs::version(class);
        let init = ffi::PyObject_GetAttrString(class.cast(), c"__init__".as_ptr());
        if init == plan.init
            && (*class)
                .tp_new
                .is_some_and(|own| core::ptr::fn_addr_eq(own, new as ffi::newfunc))
            && ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_IS_ABSTRACT) == 0
        {
            seen |= GENERATED;
        }
        if init.is_null() {
            ffi::PyErr_Clear();
        }
        ffi::Py_XDECREF(init);
        let asked = has_attribute(class.cast(), c"__post_init__");
        match asked {
            Ok(true) => seen |= POST_INIT,
            Ok(false) => {}
            // Not known: the long way asks again, and raises what it meets.
            Err(Raised) => {
                ffi::PyErr_Clear();
                return 0;
            }
        }
        let version = refs::version(class);
        // Somebody else may have changed the class between two of the questions. A class without a
        // version has one from now on: the next look notes.
        if before == version {
            plan.seen.note(version, seen);
        }
    }
    seen
}

/// Makes an instance of a py_class whose arguments are its fields, in their order.
#[inline(always)]
unsafe fn construct_directly(
    record: &'static ClassRecord,
    plan: &'static Plan,
    args: *const *mut ffi::PyObject,
) -> Result<*mut ffi::PyObject, Raised> {
    // SAFETY: attached; as many live arguments as there are fields; the object is ours until the wrapper
    // owns it.
    unsafe {
        let object = new_native(record)?;
        let address = ObjectArc::as_ptr(&object);
        for (i, &field) in plan.direct.iter().enumerate() {
            store_new(address, field, *args.add(i), &record.class)?;
        }
        let wrapper = record.instantiate();
        if wrapper.is_null() {
            return Err(Raised);
        }
        bind_new(wrapper, object);
        Ok(wrapper)
    }
}

/// Makes an instance of a py_class in one pass.
#[inline(never)]
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
            shared: null_mut(),
        };
        let init_vars = fill(address, plan, arguments, context)?;
        let wrapper = record.instantiate();
        if wrapper.is_null() {
            return Err(Raised);
        }
        // Marked first: from the binding on others may come by it.
        if seen & POST_INIT != 0 {
            storage(wrapper).mark(state::BUILDING, true);
        }
        bind_new(wrapper, object);
        if seen & POST_INIT != 0 {
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
#[inline(always)]
unsafe fn new_native(record: &'static ClassRecord) -> Result<ObjectRef, Raised> {
    let info = record.info;
    if info.flags & type_flags::REFLECTED != 0 && info.align as usize <= MIN_ALIGN {
        // SAFETY: a table's registry lives as long as the process.
        let registry = unsafe { &*runtime().registry };
        if let Some(body) = used(registry, info.size as usize) {
            // SAFETY: a body of ours, of that size.
            return Ok(unsafe { begin_reflected(body, info, record.leaf) });
        }
    }
    new_native_elsewhere(record)
}

/// As [`new_native`], in a block that was nobody's.
#[inline(never)]
fn new_native_elsewhere(record: &'static ClassRecord) -> Result<ObjectRef, Raised> {
    // SAFETY: attached.
    try_new_reflected(record.info, record.leaf).map_err(|_| unsafe { no_memory() })
}

/// Binds an empty wrapper to an object nobody has seen yet.
#[inline(always)]
unsafe fn bind_new(wrapper: *mut ffi::PyObject, object: ObjectRef) {
    let object = ObjectArc::into_raw(object).cast();
    // SAFETY: attached; the wrapper is empty; the object's one reference goes with it. Nobody else has
    // the object, so it has no other wrapper.
    unsafe { introduce(&Cpython, as_wrapper(wrapper), object) };
}

unsafe fn post_init(wrapper: *mut ffi::PyObject, init_vars: &InitVars) -> Result<(), Raised> {
    hang::ready();
    // SAFETY: attached; live objects.
    unsafe {
        let method = ffi::PyObject_GetAttrString(wrapper, c"__post_init__".as_ptr());
        if method.is_null() {
            return Err(Raised);
        }
        let (first, count) = (init_vars.as_ptr(), init_vars.len());
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
    hang::ready();
    // SAFETY: the caller's contract.
    unsafe {
        let Some(plan) = record.plan() else {
            return Err(Raised);
        };
        // Python's own answer to isinstance can be anything.
        if !is_wrapper(wrapper) {
            return Err(no_instance(record, wrapper));
        }
        let lent = Loan::of(wrapper)?;
        let object = lent.object();
        if !is_instance(object.as_ref().type_index(), record.type_index) {
            return Err(no_instance(record, wrapper));
        }
        if !storage(wrapper).is(state::BUILDING) {
            return Err(already_built(wrapper));
        }
        let context = Context {
            class: record.class,
            in_init: true,
            shared: wrapper,
        };
        let init_vars = fill(
            object,
            plan,
            &Arguments::new(args, positional, names),
            context,
        )?;
        drop(lent);
        if has_post_init(plan, ffi::Py_TYPE(wrapper))? {
            post_init(wrapper, &init_vars)?;
        }
        // The outermost native class is complete; Python subclasses add nothing native.
        if nearest(ffi::Py_TYPE(wrapper)).is_some_and(|own| core::ptr::eq(own, record)) {
            finish(wrapper);
        }
        Ok(())
    }
}

/// Whether a class that is called the long way has a `__post_init__`. Of the class, as in [`look_again`]: an
/// instance's `__getattr__` may answer for another object.
unsafe fn has_post_init(plan: &Plan, class: *mut ffi::PyTypeObject) -> Result<bool, Raised> {
    // SAFETY: attached, a live class. It is ours while it is asked: what a metaclass runs may give the instance
    // another. Looking an attribute up gives the class a version.
    unsafe {
        let before = refs::version(class);
        if let Some(seen) = plan.seen_below.at(before) {
            return Ok(seen != 0);
        }
        ffi::Py_INCREF(class.cast());
        let asked = has_attribute(class.cast(), c"__post_init__");
        if let Ok(seen) = asked {
            // As there: noted if the class has not changed meanwhile.
            if before == refs::version(class) {
                plan.seen_below.note(before, u32::from(seen));
            }
        }
        ffi::Py_DECREF(class.cast());
        asked
    }
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

/// `Object.__new__`: an empty wrapper, or for a py_class one bound to an object with its defaults, to be filled
/// by `__init__` or `__setstate__`.
pub(crate) unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    _args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    hang::ready();
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
        if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_IS_ABSTRACT) != 0 {
            return abstract_class(class).null();
        }
        let wrapper = crate::py::wrapper::allocate(class);
        let Some(plan) = record.plan() else {
            return wrapper;
        };
        if wrapper.is_null() {
            return wrapper;
        }
        match new_with_defaults(record, plan) {
            Ok(object) => {
                storage(wrapper).mark(state::BUILDING, true);
                bind_new(wrapper, object);
                wrapper
            }
            Err(Raised) => {
                ffi::Py_DECREF(wrapper);
                null_mut()
            }
        }
    }
}

/// A new native object whose fields are as an `__init__` finds them that sets none.
unsafe fn new_with_defaults(
    record: &'static ClassRecord,
    plan: &'static Plan,
) -> Result<ObjectRef, Raised> {
    // SAFETY: attached; nobody else has the object.
    unsafe {
        let object = new_native(record)?;
        let context = Context {
            class: record.class,
            in_init: true,
            shared: null_mut(),
        };
        fill_defaults(ObjectArc::as_ptr(&object), plan, context)?;
        Ok(object)
    }
}

/// Raises what `object.__new__` raises for a class with abstract methods.
#[cold]
unsafe fn abstract_class(class: *mut ffi::PyTypeObject) -> Raised {
    // SAFETY: attached; a live class.
    unsafe {
        let py = Python::assume_attached();
        let class_object = PyType::from_borrowed_type_ptr(py, class);
        let names = (|| {
            let mut names: Vec<String> = Vec::new();
            for name in attribute(&class_object, c"__abstractmethods__")?.try_iter()? {
                names.push(name?.extract()?);
            }
            PyResult::Ok(names)
        })();
        let mut names = match names {
            Ok(names) => names,
            Err(raised) => {
                raised.restore(py);
                return Raised;
            }
        };
        names.sort();
        let plural = if names.len() == 1 { "" } else { "s" };
        // The words are those of the interpreter that this was built for.
        let missing = if cfg!(Py_3_12) {
            let names = names.join("', '");
            format!("without an implementation for abstract method{plural} '{names}'")
        } else {
            format!("with abstract method{plural} {}", names.join(", "))
        };
        let name = class_name(class);
        raise!(
            Exc::Type,
            "Can't instantiate abstract class {name} {missing}"
        )
    }
}
