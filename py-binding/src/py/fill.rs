//! Filling a py_class's fields: arguments to parameters, defaults for the rest.

use core::ptr::{NonNull, null_mut};

use object_core::ObjectHeader;
use pyo3::ffi;

use crate::py::context::{Context, text};
use crate::py::hang;
use crate::py::plan::{Default, Field, Param, Plan, Target};
use crate::py::raise::{Exc, Raised, raise};
use crate::py::store::store;

/// Parameters up to this many need no heap.
const ON_STACK: usize = 16;

/// The arguments of a call, as the vectorcall protocol hands them over.
pub(crate) struct Arguments {
    pub(crate) values: *const *mut ffi::PyObject,
    pub(crate) positional: usize,
    pub(crate) names: *mut ffi::PyObject,
    pub(crate) named: usize,
}

impl Arguments {
    /// # Safety
    ///
    /// As the vectorcall protocol says; used while the call lasts.
    pub(crate) unsafe fn new(
        values: *const *mut ffi::PyObject,
        positional: usize,
        names: *mut ffi::PyObject,
    ) -> Self {
        let named = if names.is_null() {
            0
        } else {
            // SAFETY: a tuple, by the caller's contract.
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

/// Values of `InitVar` parameters, owned, on their way to `__post_init__`, in its order.
pub(crate) struct InitVars(Vec<*mut ffi::PyObject>);

impl InitVars {
    pub(crate) fn as_ptr(&self) -> *const *mut ffi::PyObject {
        self.0.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for InitVars {
    fn drop(&mut self) {
        for &value in &self.0 {
            // SAFETY: attached; ours, or null where filling failed before.
            unsafe { ffi::Py_XDECREF(value) };
        }
    }
}

/// Binds arguments to parameters and writes the fields.
///
/// # Errors
///
/// TypeError: an argument is missing, unexpected or given twice; or what a field does not take.
/// What a `default_factory` raises.
///
/// # Safety
///
/// Attached; live arguments; an object of the plan's type that is being made.
pub(crate) unsafe fn fill(
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
    let mut init_vars = InitVars(vec![null_mut(); plan.init_vars]);
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

/// Writes the defaults that are values into an object that nobody else has.
///
/// # Errors
///
/// What a field does not take.
///
/// # Safety
///
/// Attached; a new object of the plan's type.
pub(crate) unsafe fn fill_defaults(
    object: NonNull<ObjectHeader>,
    plan: &'static Plan,
    context: Context,
) -> Result<(), Raised> {
    for &(field, value) in &plan.defaults {
        // SAFETY: the caller's contract.
        unsafe { store(object, field, value, context) }?;
    }
    Ok(())
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
        match param.target {
            Target::Field(field) => store(object, field, value, context),
            Target::InitVar(position) => {
                ffi::Py_INCREF(value);
                init_vars.0[position] = value;
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
                hang::ready();
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
                let expected = match param.target {
                    Target::Field(field) => format!(" ({})", field.text),
                    Target::InitVar(_) => String::new(),
                };
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
                hang::ready();
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
            let mut positional = plan.params.iter().take(most);
            let fixed = positional.all(|param| matches!(param.default, Default::Required));
            let takes = if fixed { "" } else { "at most " };
            let plural = if most == 1 { "" } else { "s" };
            let were = if got == 1 { "was" } else { "were" };
            return Err(raise!(
                Exc::Type,
                "{class}.__init__() takes {takes}{most} positional argument{plural}, but {got} \
                 {were} given"
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
