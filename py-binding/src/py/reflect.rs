//! Classes made of reflection: descriptors for fields, methods for methods.

use core::ffi::{CStr, c_void};
use core::ptr::null_mut;
use std::ffi::CString;
use std::sync::atomic::AtomicI32;

use object_core::abi::{FieldInfo, FieldKind, TypeInfo, field_flags};
use object_core::{FieldSpec, TypeName, type_index as index, type_info};
use pyo3::ffi;

use crate::py::classes::{self, ClassRecord};
use crate::py::descriptor;
use crate::py::fields;
use crate::py::immortal::keep_for_ever;
use crate::py::method;
use crate::py::out::object_to_python;
use crate::py::plan::{Field, mask};
use crate::py::raise::{Exc, Raised, no_memory, raise};
use crate::py::slots::make_plain_class;

/// What a value of the kind is called in messages. `value`: the one kind that an Any holds; `index`: the type of its
/// objects.
fn kind_text(kind: FieldKind, value: Option<FieldKind>, index: i32) -> String {
    match kind {
        FieldKind::F32 | FieldKind::F64 => "float".to_owned(),
        FieldKind::Bool => "bool".to_owned(),
        FieldKind::Str => "str".to_owned(),
        FieldKind::Bytes => "bytes".to_owned(),
        FieldKind::Any => match value {
            Some(value) => kind_text(value, None, index),
            None => "any value".to_owned(),
        },
        FieldKind::Object | FieldKind::Weak => TypeName(index).to_string(),
        _ => "int".to_owned(),
    }
}

/// All types there are, in the order of their numbers.
pub(crate) fn types() -> impl Iterator<Item = &'static TypeInfo> {
    // Numbers below the dynamic ones have gaps.
    (index::OBJECT..index::LIMIT)
        .map(|number| (number, type_info(number)))
        .take_while(|(number, info)| *number < index::DYNAMIC_BEGIN || info.is_some())
        .filter_map(|(_, info)| info)
}

/// Whether objects of a type can reach Python objects through fields that are reflected.
pub(crate) fn reaches_python(info: &'static TypeInfo) -> bool {
    info.all_fields().any(|field| match field.kind() {
        Some(FieldKind::Object | FieldKind::Weak) => true,
        Some(FieldKind::Any) => field.value_kind().is_none(),
        _ => false,
    })
}

/// The fields of a type that is there, to tell them from others.
pub(crate) fn layout_of(info: &TypeInfo) -> String {
    let fields = info.own_fields().iter().map(|field| {
        let text = match field.kind() {
            Some(kind) => kind_text(kind, field.value_kind(), field.type_index),
            None => "a kind of a newer version".to_owned(),
        };
        declared(field.name(), field.kind(), &text, field.flags)
    });
    fields.collect::<Vec<_>>().join(", ")
}

/// As [`layout_of`], of fields that are declared.
pub(crate) fn layout_in(fields: &[FieldSpec<'_>]) -> String {
    let fields = fields.iter().map(|field| {
        let text = kind_text(field.kind, field.value_kind, field.type_index);
        declared(field.name, Some(field.kind), &text, field.flags)
    });
    fields.collect::<Vec<_>>().join(", ")
}

/// One field of a layout.
fn declared(name: &str, kind: Option<FieldKind>, text: &str, flags: u32) -> String {
    let frozen = if flags & field_flags::FROZEN != 0 {
        "frozen "
    } else {
        ""
    };
    let weak = kind == Some(FieldKind::Weak);
    let (open, close) = if weak { ("Weak[", "]") } else { ("", "") };
    let optional = !weak && text != "any value" && flags & field_flags::OPTIONAL != 0;
    let or_none = if optional { " or None" } else { "" };
    format!("{frozen}{name}: {open}{text}{close}{or_none}")
}

/// A field as its descriptor sees it, leaked; `None` for a kind of a newer version.
///
/// # Errors
///
/// MemoryError.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn leak_field(info: &FieldInfo, owner: i32) -> Result<Option<Field>, Raised> {
    let Some(kind) = info.kind() else {
        return Ok(None);
    };
    let name = info.name();
    // SAFETY: attached; the name is kept for ever.
    let name = unsafe {
        let mut object =
            ffi::PyUnicode_FromStringAndSize(name.as_ptr().cast(), name.len() as isize);
        if object.is_null() {
            return Err(Raised);
        }
        ffi::PyUnicode_InternInPlace(&raw mut object);
        object
    };
    Ok(Some(Field {
        name,
        info: *info,
        owner,
        kind,
        optional: info.is_optional() || kind == FieldKind::Weak,
        frozen: info.is_frozen(),
        expected: AtomicI32::new(info.type_index),
        mask: mask::ALL,
        objects: Vec::new(),
        text: kind_text(kind, info.value_kind(), info.type_index),
        resolver: null_mut(),
    }))
}

/// A NUL-terminated copy that is kept for ever.
fn leak_text(text: &str) -> &'static CStr {
    let clean: Vec<u8> = text.bytes().filter(|&byte| byte != 0).collect();
    Box::leak(CString::new(clean).unwrap_or_default().into_boxed_c_str())
}

/// Puts a descriptor for `field` on the class.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; a live class of wrappers whose objects have the field.
pub(crate) unsafe fn add_field(
    class: *mut ffi::PyTypeObject,
    field: &'static Field,
    doc: &str,
) -> Result<(), Raised> {
    let def: &'static mut ffi::PyGetSetDef = Box::leak(Box::new(ffi::PyGetSetDef {
        name: leak_text(field.info.name()).as_ptr(),
        get: Some(fields::get), // attribute look-up asks the descriptor's type, which is quicker
        set: Some(fields::set),
        doc: if doc.is_empty() {
            core::ptr::null()
        } else {
            leak_text(doc).as_ptr()
        },
        closure: core::ptr::from_ref(field).cast_mut().cast::<c_void>(),
    }));
    // SAFETY: attached; the definition is kept for ever.
    unsafe {
        let descriptor = descriptor::new(fields::getter(field), class, field, def);
        if descriptor.is_null() {
            return Err(Raised);
        }
        // As the definition: there for ever.
        keep_for_ever(descriptor);
        let failed = ffi::PyObject_SetAttr(class.cast(), field.name, descriptor);
        ffi::Py_DECREF(descriptor);
        if failed != 0 { Err(Raised) } else { Ok(()) }
    }
}

/// Puts a type's own fields and methods on a class; names that the class defines itself stay.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached; a live class of wrappers of the type.
pub(crate) unsafe fn add_members(
    class: *mut ffi::PyTypeObject,
    info: &'static TypeInfo,
) -> Result<(), Raised> {
    for own in info.own_fields() {
        // SAFETY: attached.
        let field = unsafe { leak_field(own, info.type_index)? };
        if let Some(field) = field {
            // SAFETY: the caller's contract.
            unsafe {
                if !defines(class, field.name)? {
                    add_field(class, Box::leak(Box::new(field)), own.doc())?;
                }
            }
        }
    }
    for own in info.own_methods() {
        let Some(function) = core::ptr::NonNull::new(own.function) else {
            continue;
        };
        if own.is_static() && own.name() == "__new__" {
            continue; // the class call calls it
        }
        // SAFETY: attached; the type table holds the function for ever.
        unsafe {
            let shown = object_to_python(function);
            if shown.is_null() {
                return Err(Raised);
            }
            let bound = if own.is_static() {
                shown
            } else {
                method::new(shown)
            };
            if !own.is_static() {
                ffi::Py_DECREF(shown);
            }
            if bound.is_null() {
                return Err(Raised);
            }
            let name = leak_text(own.name());
            let name_object = ffi::PyUnicode_InternFromString(name.as_ptr());
            let failed = if name_object.is_null() {
                -1
            } else {
                match defines(class, name_object) {
                    Ok(true) => 0,
                    Ok(false) => ffi::PyObject_SetAttr(class.cast(), name_object, bound),
                    Err(Raised) => -1,
                }
            };
            ffi::Py_XDECREF(name_object);
            ffi::Py_DECREF(bound);
            if failed != 0 {
                return Err(Raised);
            }
        }
    }
    Ok(())
}

/// Whether the class's own body defines the name.
///
/// # Errors
///
/// The interpreter's.
unsafe fn defines(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> Result<bool, Raised> {
    // SAFETY: attached; a live class with a dict.
    unsafe {
        let dict = ffi::PyObject_GetAttrString(class.cast(), c"__dict__".as_ptr());
        if dict.is_null() {
            return Err(Raised);
        }
        let there = ffi::PySequence_Contains(dict, name);
        ffi::Py_DECREF(dict);
        if there < 0 {
            Err(Raised)
        } else {
            Ok(there == 1)
        }
    }
}

/// Makes the class of a type that nobody registered one for: below its parent's class, with its
/// fields and methods.
///
/// # Errors
///
/// The interpreter's.
///
/// # Safety
///
/// Attached.
pub(crate) unsafe fn make_class(type_index: i32) -> Result<&'static ClassRecord, Raised> {
    // SAFETY: attached by the caller's contract, in the whole function.
    unsafe {
        let Some(info) = type_info(type_index) else {
            return Err(raise!(
                Exc::Runtime,
                "type number {type_index} is not registered"
            ));
        };
        let parent = info
            .parent()
            .map_or(object_core::type_index::OBJECT, |p| p.type_index);
        let parent = classes::for_type(parent)?;
        // Below a class of Python's that is collected or carries state there is the root.
        let base = if plain(parent.class) {
            parent.class
        } else {
            classes::base()
        };
        let key = CString::new(info.key()).map_err(|_| no_memory())?;
        // A dotted name gives the class its module.
        let name = if info.key().contains('.') {
            key
        } else {
            CString::new(format!("tieback.{}", info.key())).map_err(|_| no_memory())?
        };
        let class = make_plain_class(&name, base, reaches_python(info))?;
        let done = (|| {
            if !info.doc().is_empty() {
                let doc = info.doc();
                let text =
                    ffi::PyUnicode_FromStringAndSize(doc.as_ptr().cast(), doc.len() as isize);
                let failed = text.is_null()
                    || ffi::PyObject_SetAttrString(class.cast(), c"__doc__".as_ptr(), text) != 0;
                ffi::Py_XDECREF(text);
                if failed {
                    return Err(Raised);
                }
            }
            for ancestor in info.ancestors() {
                let shown = classes::by_index(ancestor.type_index)
                    .is_some_and(|record| ffi::PyType_IsSubtype(base, record.class) != 0);
                if !shown {
                    add_members(class, ancestor)?;
                }
            }
            add_members(class, info)?;
            // Showing the methods may have made the class meanwhile.
            classes::register_first(type_index, class)
        })();
        ffi::Py_DECREF(class.cast()); // its record keeps it
        done
    }
}

/// Whether a class can have a subclass whose teardown and traversal are the tie's own.
///
/// # Safety
///
/// A live class of wrappers.
pub(crate) unsafe fn plain(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the caller's contract.
    unsafe {
        let made_here = (*class).tp_traverse.is_some_and(|own| {
            core::ptr::fn_addr_eq(own, crate::py::collect::traverse as ffi::traverseproc)
        });
        (made_here || !crate::py::refs::is_collected(class))
            && (*class).tp_basicsize == crate::py::wrapper::PLAIN_SIZE
            && ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_BASETYPE) != 0
            && ffi::Py_TYPE(class.cast()) == &raw mut ffi::PyType_Type
    }
}
