//! What the Python package needs to make classes: types, class objects, descriptors, plans.

use std::ffi::CString;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use object_core::abi::FieldKind;
use object_core::{FieldSpec, RegisterError, register_reflected, type_index_of, type_info};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use pyo3::{PyTypeInfo, ffi};

use crate::py::classes::{self, ClassRecord};
use crate::py::construct::{class_vectorcall, init};
use crate::py::dealloc::wrapper_dealloc;
use crate::py::descriptor;
use crate::py::fallible::{attribute, each, int, list, string, text};
use crate::py::hang;
use crate::py::plan::{Default, Field, Param, Plan, Target, UNRESOLVED, mask};
use crate::py::raise::{Exc, Raised, class_name, refusal};
use crate::py::reflect::{
    add_field, add_members, layout_in, layout_of, leak_field, plain, reaches_python,
};
use crate::py::slots::make_plain_class;
use crate::py::wrapper::is_stateless;

fn raised(py: Python<'_>, _: Raised) -> PyErr {
    PyErr::fetch(py)
}

/// One field as `dataclasses.py` describes it.
#[derive(FromPyObject)]
pub(crate) struct FieldArg {
    name: String,
    doc: String,
    /// A FieldKind by name.
    kind: String,
    flags: u32,
    /// The type of its objects, or -1 with a resolver.
    type_index: i32,
    mask: u32,
    #[pyo3(from_py_with = each)]
    objects: Vec<i32>,
    text: String,
    resolver: Option<Py<PyAny>>,
}

/// What an Any holds, as other languages see it, if that is one thing or None: `int | None`.
fn value_kind(field: &FieldArg) -> Option<FieldKind> {
    if field.kind != "any" || !field.objects.is_empty() {
        return None;
    }
    match field.mask ^ mask::NONE {
        mask::INT => Some(FieldKind::I64),
        mask::FLOAT => Some(FieldKind::F64),
        mask::BOOL => Some(FieldKind::Bool),
        _ => None,
    }
}

fn kind_of(py: Python<'_>, name: &str) -> PyResult<FieldKind> {
    Ok(match name {
        "int" => FieldKind::I64,
        "float" => FieldKind::F64,
        "bool" => FieldKind::Bool,
        "str" => FieldKind::Str,
        "bytes" => FieldKind::Bytes,
        "object" => FieldKind::Object,
        "weak" => FieldKind::Weak,
        "any" => FieldKind::Any,
        other => {
            return Err(refusal!(py, Exc::Value, "unknown kind of field '{other}'"));
        }
    })
}

/// Whether objects of a type can reach Python objects through fields that are reflected.
#[pyfunction]
pub(crate) fn type_reaches_python(index: i32) -> bool {
    hang::ready();
    type_info(index).is_some_and(reaches_python)
}

/// The number of a type by key.
#[pyfunction]
pub(crate) fn type_index_by_key<'py>(
    py: Python<'py>,
    key: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    hang::ready();
    let index = type_index_of(key);
    index.map(|index| int(py, index.into())).transpose()
}

/// The key of a type by number.
#[pyfunction]
pub(crate) fn type_key(py: Python<'_>, index: i32) -> PyResult<Option<Bound<'_, PyString>>> {
    hang::ready();
    let info = type_info(index);
    info.map(|info| string(py, info.key())).transpose()
}

/// The type that a class, or the nearest class above it, shows.
#[pyfunction]
pub(crate) fn class_type_index<'py>(
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    hang::ready();
    // SAFETY: attached; a live class.
    let record = unsafe { classes::nearest(class.as_type_ptr()) };
    let index = record.map(|record| record.type_index);
    index.map(|index| int(class.py(), index.into())).transpose()
}

/// The class that shows a type, or None.
#[pyfunction]
pub(crate) fn class_of_type(py: Python<'_>, index: i32) -> Option<Bound<'_, PyType>> {
    hang::ready();
    let record = classes::by_index(index)?;
    // SAFETY: the record keeps its class.
    Some(unsafe { PyType::from_borrowed_type_ptr(py, record.class) })
}

/// Registers a type made of fields. `auto`: the key is made up, so a taken one gets a suffix.
#[pyfunction]
pub(crate) fn register_type<'py>(
    py: Python<'py>,
    key: &str,
    doc: &str,
    parent: i32,
    fields: &Bound<'_, PyList>,
    auto: bool,
) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    if key.is_empty() || key.contains('\0') {
        return Err(refusal!(
            py,
            Exc::Value,
            "type key {key:?}: a key is not empty and has no NUL in it"
        ));
    }
    let fields: Vec<FieldArg> = each(fields)?;
    let mut specs = Vec::with_capacity(fields.len());
    for field in &fields {
        specs.push(FieldSpec {
            name: &field.name,
            doc: &field.doc,
            kind: kind_of(py, &field.kind)?,
            value_kind: value_kind(field),
            flags: field.flags,
            type_index: field.type_index.max(object_core::type_index::OBJECT),
        });
    }
    // A name that was free is still free when it is taken. Runs no Python code.
    static NAMING: Mutex<()> = Mutex::new(());
    let _naming = NAMING.lock();
    let mut name = key.to_owned();
    let mut suffix = 1;
    // A made-up key never takes over the type of another class, however alike.
    while auto && type_index_of(&name).is_some() {
        suffix += 1;
        name = format!("{key}#{suffix}");
    }
    let index = register_reflected(&name, doc, parent, &specs).map_err(|error| match error {
        RegisterError::Conflict => {
            let text = conflict(&name, &specs, parent);
            refusal!(py, Exc::Value, "{text}")
        }
        RegisterError::UnknownParent => {
            refusal!(
                py,
                Exc::Type,
                "'{name}' cannot extend a type that native code defines: its parent's layout is not \
                 Python's to make; extend tieback.Object or another py_class"
            )
        }
        other => refusal!(py, Exc::Value, "type key '{name}': {other}"),
    })?;
    int(py, index.into())
}

/// What is said of a key that is taken: what it has, and what the class declares.
fn conflict(name: &str, specs: &[FieldSpec<'_>], parent: i32) -> String {
    let (mut has, mut now) = (String::new(), format!("({})", layout_in(specs)));
    if let Some(info) = type_index_of(name).and_then(type_info) {
        has = format!("({})", layout_of(info));
        if has == now {
            let above = info.ancestors().last().map_or("none", |info| info.key());
            has = format!("{has} below '{above}'");
            now = format!(
                "{now} below '{}'",
                type_info(parent).map_or("none", |info| info.key())
            );
        }
    }
    format!(
        "type key '{name}' is already registered with another layout: it has the fields {has}, this \
         class declares {now}; use another key, or declare the same fields"
    )
}

/// Makes a class below `base` whose wrappers have nothing but their own words, if `base` allows that; else
/// None. `reaches_python`: its objects can reach Python objects, so that the collector follows them.
#[pyfunction]
pub(crate) fn make_class<'py>(
    base: &Bound<'py, PyType>,
    name: &str,
    reaches_python: bool,
) -> PyResult<Option<Bound<'py, PyType>>> {
    hang::ready();
    let py = base.py();
    let name = CString::new(name)?;
    // SAFETY: attached; a live class.
    unsafe {
        let base = base.as_type_ptr();
        if !plain(base) {
            return Ok(None);
        }
        let class =
            make_plain_class(&name, base, reaches_python).map_err(|error| raised(py, error))?;
        Ok(Some(
            Bound::from_owned_ptr(py, class.cast()).cast_into_unchecked(),
        ))
    }
}

/// Makes `class` show a type: its instances get the tie's own teardown, its type's members.
#[pyfunction]
pub(crate) fn register_class(class: &Bound<'_, PyType>, index: i32) -> PyResult<()> {
    hang::ready();
    let py = class.py();
    let kind = class.as_type_ptr();
    let info = type_info(index)
        .ok_or_else(|| refusal!(py, Exc::Value, "type number {index} is not registered"))?;
    // SAFETY: attached; a live class.
    unsafe {
        if ffi::PyType_IsSubtype(kind, classes::base()) == 0 {
            let name = class_name(kind);
            return Err(refusal!(
                py,
                Exc::Type,
                "'{name}' must be a subclass of tieback.Object"
            ));
        }
        let nearest = classes::nearest(kind).map(|record| record.type_index);
        if !nearest.is_some_and(|shown| object_core::is_instance(index, shown)) {
            return Err(refusal!(
                py,
                Exc::Type,
                "'{}' cannot show '{}': its base class shows '{}', which is no parent of it",
                class_name(kind),
                info.key(),
                nearest.and_then(type_info).map_or("?", |info| info.key())
            ));
        }
        classes::check_one_line(kind).map_err(|error| raised(py, error))?;
        // The interpreter's own teardown costs a quarter of a revival; classes with state need it.
        if is_stateless(kind) {
            (*kind).tp_dealloc = Some(wrapper_dealloc);
        }
        if ffi::Py_TYPE(class.as_ptr()) == PyType::type_object_raw(py) {
            (*kind).tp_vectorcall = Some(class_vectorcall);
        }
        for ancestor in info.ancestors().iter().copied().chain([info]) {
            let shown = classes::by_index(ancestor.type_index)
                .is_some_and(|record| ffi::PyType_IsSubtype(kind, record.class) != 0);
            let reflected = info.flags & object_core::abi::type_flags::REFLECTED != 0;
            if !shown && !reflected {
                add_members(kind, ancestor).map_err(|error| raised(py, error))?;
            }
        }
        classes::register(index, kind, None).map_err(|error| raised(py, error))?;
    }
    Ok(())
}

fn record_of(class: &Bound<'_, PyType>) -> PyResult<&'static ClassRecord> {
    if let Some(record) = classes::by_class(class.as_type_ptr()) {
        return Ok(record);
    }
    let (py, text) = (class.py(), text(class)?);
    Err(refusal!(py, Exc::Type, "'{text}' is not registered"))
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Puts descriptors for a py_class's own fields on it.
#[pyfunction]
pub(crate) fn add_fields(class: &Bound<'_, PyType>, fields: &Bound<'_, PyList>) -> PyResult<()> {
    hang::ready();
    let py = class.py();
    let fields: Vec<FieldArg> = each(fields)?;
    let record = record_of(class)?;
    for (info, arg) in record.info.own_fields().iter().zip(fields) {
        // SAFETY: attached.
        let field = unsafe { leak_field(info, record.type_index) };
        let Some(mut field) = field.map_err(|error| raised(py, error))? else {
            continue;
        };
        field.expected = AtomicI32::new(if arg.resolver.is_some() {
            UNRESOLVED
        } else {
            arg.type_index
        });
        field.mask = arg.mask;
        field.objects = arg.objects;
        field.text = arg.text;
        field.resolver = arg.resolver.map_or(core::ptr::null_mut(), Py::into_ptr);
        // SAFETY: attached; the class's objects have the field.
        unsafe { add_field(class.as_type_ptr(), leak(field), &arg.doc) }
            .map_err(|error| raised(py, error))?;
    }
    Ok(())
}

/// The descriptor's field, by class and name. Subclasses may hide a descriptor behind an attribute
/// of their own: the field is there all the same.
fn field_of(
    class: &Bound<'_, PyType>,
    record: &ClassRecord,
    name: &Bound<'_, PyString>,
) -> PyResult<&'static Field> {
    let py = class.py();
    for base in class.mro() {
        let Ok(descriptor) = attribute(&base, c"__dict__")?.get_item(name) else {
            continue;
        };
        // SAFETY: attached; a live object.
        let Some(field) = (unsafe { descriptor::field_of(descriptor.as_ptr()) }) else {
            continue;
        };
        if object_core::is_instance(record.type_index, field.owner) {
            return Ok(field);
        }
    }
    let (name, class) = (text(name)?, text(class)?);
    Err(refusal!(
        py,
        Exc::Type,
        "{name} is no native field of {class}"
    ))
}

/// One parameter as `dataclasses.py` describes it: name, what its default is ("required", "value",
/// "factory"), the default, None for a field or an InitVar's place among the arguments of
/// `__post_init__`, whether it is a parameter at all.
type ParamArg<'py> = (
    Bound<'py, PyString>,
    String,
    Bound<'py, PyAny>,
    Option<usize>,
    bool,
);

/// Tells the class call how a py_class constructs: `positional` parameters first.
#[pyfunction]
pub(crate) fn set_plan(
    class: &Bound<'_, PyType>,
    name: String,
    params: &Bound<'_, PyList>,
    positional: usize,
    init: &Bound<'_, PyAny>,
) -> PyResult<()> {
    hang::ready();
    let record = record_of(class)?;
    let mut plan = Plan::new(name, positional, init.clone().into_ptr());
    for (name, kind, default, init_var, is_param) in each::<ParamArg<'_>>(params)? {
        let default = match kind.as_str() {
            "value" => Default::Value(default.into_ptr()),
            "factory" => Default::Factory(default.into_ptr()),
            _ => Default::Required,
        };
        let target = match init_var {
            Some(position) => Target::InitVar(position),
            None => Target::Field(field_of(class, record, &name)?),
        };
        let mut text = name.into_ptr();
        // SAFETY: attached; a str of ours.
        unsafe { ffi::PyUnicode_InternInPlace(&raw mut text) };
        match target {
            Target::Field(field) if !is_param => plan.presets.push((field, default)),
            target => {
                plan.init_vars += usize::from(init_var.is_some());
                plan.params.push(Param {
                    name: text,
                    target,
                    default,
                });
            }
        }
    }
    plan.complete();
    let plan: &'static mut Plan = Box::leak(Box::new(plan));
    record.plan.store(plan, Ordering::Release);
    Ok(())
}

/// A generated `__init__`'s body: fills the fields of `owner` in an instance that is being built.
#[pyfunction]
#[pyo3(signature = (owner, instance, args, kwargs))]
pub(crate) fn init_fields(
    owner: &Bound<'_, PyType>,
    instance: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: &Bound<'_, PyDict>,
) -> PyResult<()> {
    hang::ready();
    let py = owner.py();
    if !instance.is_instance(owner)? {
        let (owner, got) = (text(&owner.name()?)?, text(&instance.get_type().name()?)?);
        return Err(refusal!(
            py,
            Exc::Type,
            "{owner}.__init__() expects an instance of its class first, got {got}"
        ));
    }
    let mut values: Vec<*mut ffi::PyObject> = args.iter().map(|arg| arg.as_ptr()).collect();
    // Not kept by the dict alone: what converting runs may come by it.
    let mut kept = Vec::with_capacity(kwargs.len());
    let names = list(py)?;
    for (name, value) in kwargs.iter() {
        names.append(name)?;
        values.push(value.as_ptr());
        kept.push(value);
    }
    // SAFETY: attached; a new tuple or an exception.
    let names = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyList_AsTuple(names.as_ptr())) }?;
    // SAFETY: attached; arguments and names are kept by tuples and `kept`.
    unsafe {
        init(
            record_of(owner)?,
            instance.as_ptr(),
            values.as_ptr(),
            args.len(),
            names.as_ptr(),
        )
    }
    .map_err(|error| raised(py, error))
}

/// A new instance of a py_class with nothing in its fields yet, for `__setstate__` to fill.
#[pyfunction]
pub(crate) fn new_unfilled<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    hang::ready();
    let py = class.py();
    // SAFETY: attached; a live class.
    unsafe {
        let record = classes::nearest(class.as_type_ptr());
        if record.is_none_or(|record| record.plan().is_none()) {
            return Err(refusal!(
                py,
                Exc::Type,
                "'{}' objects are made by native code and cannot be rebuilt from a pickle or copy",
                class_name(class.as_type_ptr())
            ));
        }
        let made = crate::py::construct::new(
            class.as_type_ptr(),
            core::ptr::null_mut(),
            core::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, made)
    }
}

fn no_object(got: &Bound<'_, PyAny>) -> PyErr {
    refusal!(got.py(), Exc::Type, "expected a tieback.Object")
}

/// Whether the instance is still being built.
#[pyfunction]
pub(crate) fn is_building(instance: &Bound<'_, PyAny>) -> PyResult<bool> {
    hang::ready();
    use crate::py::wrapper::{state, storage};
    // SAFETY: attached; checked to be a wrapper.
    unsafe {
        if !classes::is_wrapper(instance.as_ptr()) {
            return Err(no_object(instance));
        }
        Ok(storage(instance.as_ptr()).is(state::BUILDING))
    }
}

/// The instance is built: its frozen fields are frozen from here on.
#[pyfunction]
pub(crate) fn finish_building(instance: &Bound<'_, PyAny>) -> PyResult<()> {
    hang::ready();
    // SAFETY: attached; checked to be a wrapper.
    unsafe {
        if !classes::is_wrapper(instance.as_ptr()) {
            return Err(no_object(instance));
        }
        crate::py::wrapper::finish(instance.as_ptr());
    }
    Ok(())
}
