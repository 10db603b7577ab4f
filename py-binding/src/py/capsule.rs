//! What other extension modules call: the functions behind the capsule `tieback._core._table`.

use core::ptr::null_mut;

use object_core::abi::RawAny;
use object_core::refs::inc_ref;
use object_core::{Any, Error, ObjectArc, ObjectHeader, runtime};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyType};

use crate::capsule::{CAPSULE_MAJOR, CAPSULE_MINOR, CAPSULE_NAME, CapsuleTable};
use crate::py::classes;
use crate::py::errors::{raise_error, take_raised};
use crate::py::hang;
use crate::py::into::to_value;
use crate::py::out::value_to_python;
use crate::py::pyclass;
use crate::py::raise::{Exc, Raised, raise, type_name, with_pyo3};
use crate::py::wrapper::glance;

/// Puts the capsule into the module; the table lives as long as the process.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let table: &'static CapsuleTable = Box::leak(Box::new(CapsuleTable {
        major: CAPSULE_MAJOR,
        minor: CAPSULE_MINOR,
        size: size_of::<CapsuleTable>() as u32,
        runtime: runtime(),
        wrap,
        borrow,
        value,
        register_class,
        class_of,
        raise: raise_native,
        take_raised: take_native,
    }));
    let pointer = core::ptr::from_ref(table).cast_mut().cast();
    // SAFETY: attached; table and name live as long as the process.
    let capsule = unsafe {
        let capsule = ffi::PyCapsule_New(pointer, CAPSULE_NAME.as_ptr(), None);
        Bound::from_owned_ptr_or_err(module.py(), capsule)?.cast_into_unchecked::<PyCapsule>()
    };
    module.add("_table", capsule)
}

/// # Safety
///
/// As [`CapsuleTable::wrap`].
unsafe extern "C" fn wrap(value: *const RawAny) -> *mut ffi::PyObject {
    hang::enter();
    // SAFETY: the table's contract.
    unsafe { value_to_python(&*value) }
}

/// # Safety
///
/// As [`CapsuleTable::borrow`].
unsafe extern "C" fn borrow(wrapper: *mut ffi::PyObject) -> *mut ObjectHeader {
    hang::enter();
    // SAFETY: the table's contract: attached, a live object.
    unsafe {
        if !classes::is_wrapper(wrapper) {
            let got = type_name(wrapper);
            let Raised = raise!(Exc::Type, "expected a tieback.Object, got {got}");
            return null_mut();
        }
        let Ok(there) = glance(wrapper) else {
            return null_mut();
        };
        // Under the glance: another thread may move the object out of its wrapper.
        inc_ref(there.object());
        there.object().as_ptr()
    }
}

/// # Safety
///
/// As [`CapsuleTable::value`].
unsafe extern "C" fn value(object: *mut ffi::PyObject, out: *mut RawAny) -> i32 {
    hang::enter();
    // SAFETY: the table's contract.
    match unsafe { to_value(object) } {
        Ok(value) => {
            // SAFETY: as above: room for one value.
            unsafe { out.write(Any::into_raw(value)) };
            0
        }
        Err(Raised) => -1,
    }
}

/// # Safety
///
/// As [`CapsuleTable::register_class`].
unsafe extern "C" fn register_class(type_index: i32, class: *mut ffi::PyTypeObject) -> i32 {
    hang::ready();
    let register = |py: Python<'_>| {
        // SAFETY: the table's contract: a live class.
        let class = unsafe { PyType::from_borrowed_type_ptr(py, class) };
        match pyclass::register_class(&class, type_index) {
            Ok(()) => 0,
            Err(raised) => {
                raised.restore(py);
                -1
            }
        }
    };
    // SAFETY: attached by the table's contract.
    unsafe { with_pyo3(register) }
}

/// # Safety
///
/// As [`CapsuleTable::class_of`].
unsafe extern "C" fn class_of(type_index: i32) -> *mut ffi::PyTypeObject {
    hang::ready();
    // SAFETY: attached by the table's contract.
    unsafe { classes::for_type(type_index) }.map_or(null_mut(), |record| record.class)
}

/// # Safety
///
/// As [`CapsuleTable::raise`].
unsafe extern "C" fn raise_native(error: *mut ObjectHeader) {
    hang::ready();
    let Some(error) = core::ptr::NonNull::new(error) else {
        return;
    };
    // SAFETY: the table's contract: attached, a live error.
    unsafe {
        let error = Error::from_object(ObjectArc::from_borrowed(error.cast()));
        let Raised = raise_error(&error);
    }
}

/// # Safety
///
/// As [`CapsuleTable::take_raised`].
unsafe extern "C" fn take_native() -> *mut ObjectHeader {
    hang::ready();
    // SAFETY: attached by the table's contract.
    unsafe {
        if ffi::PyErr_Occurred().is_null() {
            return null_mut();
        }
        let error = ObjectArc::upcast(take_raised().into_object());
        ObjectArc::into_raw(error).as_ptr()
    }
}
