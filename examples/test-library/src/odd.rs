//! Objects with odd ends: a destructor that panics, one that calls back, and objects without an
//! allocation header.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::OnceLock;

use rust_binding::object_core::header::{DELETE_BODY, DELETE_SPACE};
use rust_binding::prelude::*;
use rust_binding::report_unraisable;

use crate::tally::Tally;

/// Its destructor panics.
#[repr(C)]
#[derive(Debug)]
struct Loud {
    header: ObjectHeader,
    message: Str,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Loud {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.Loud")
                .doc("Its destructor panics.")
                .field("message", "With this text.", field!(Loud, message))
                .typed_constructor("Will panic with that text.", |message: Str| {
                    let (header, tally) = (ObjectHeader::new(), Tally::new());
                    ObjectArc::new(Self {
                        header,
                        message,
                        tally,
                    })
                })
                .register()
        })
    }
}

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("{}", self.message);
    }
}

/// Its destructor calls a function with a value.
#[repr(C)]
#[derive(Debug)]
struct OnDrop {
    header: ObjectHeader,
    callback: Function,
    argument: Any,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for OnDrop {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.OnDrop")
                .doc("Its destructor calls callback(argument).")
                .field("callback", "What it calls.", field!(OnDrop, callback))
                .field("argument", "With what.", field!(OnDrop, argument))
                .typed_constructor("Will call back.", |callback: Function, argument: Any| {
                    let (header, tally) = (ObjectHeader::new(), Tally::new());
                    ObjectArc::new(Self {
                        header,
                        callback,
                        argument,
                        tally,
                    })
                })
                .register()
        })
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Err(error) = self.callback.call::<Any>((&self.argument,)) {
            report_unraisable(&error.to_string());
        }
    }
}

/// An object that was not allocated by the runtime: no allocation header, its own deleter.
#[repr(C)]
#[derive(Debug)]
struct Foreign {
    header: ObjectHeader,
    value: i64,
    tally: Tally,
}

// SAFETY: repr(C), the header first, Send and Sync, the type registered is this one's.
unsafe impl Object for Foreign {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| {
            TypeBuilder::<Self>::new("test_library.Foreign")
                .doc("An object without an allocation header.")
                .field("value", "A number.", field!(Foreign, value))
                .typed_method("twice", "Two times the number.", |this: ObjectArc<Self>| {
                    this.value * 2
                })
                .register()
        })
    }
}

impl Foreign {
    fn make(value: i64) -> Result<ObjectArc<Self>, Error> {
        let number = Self::type_index()?;
        // SAFETY: of that type; `delete_foreign` drops and frees what is boxed below.
        let header = unsafe { ObjectHeader::foreign(number, delete_foreign) };
        let boxed = Box::into_raw(Box::new(Self {
            header,
            value,
            tally: Tally::new(),
        }));
        // SAFETY: alive, and its one reference is given away; a box is not null.
        Ok(unsafe { ObjectArc::from_raw(NonNull::new_unchecked(boxed)) })
    }

    /// Always the same one, which never dies.
    fn immortal() -> Result<ObjectArc<Self>, Error> {
        static ONE: OnceLock<ObjectArc<Foreign>> = OnceLock::new();
        match ONE.get() {
            Some(one) => Ok(one.clone()),
            None => {
                let one = Self::make(-1)?;
                Ok(ONE.get_or_init(|| one).clone())
            }
        }
    }
}

/// The deleter of a boxed `Foreign`.
unsafe extern "C" fn delete_foreign(object: *mut c_void, bits: i32) {
    if bits & DELETE_BODY != 0 {
        // SAFETY: the last strong reference went.
        unsafe { object.cast::<Foreign>().drop_in_place() };
    }
    if bits & DELETE_SPACE != 0 {
        // SAFETY: boxed by `make`, its body dropped before; nobody reaches the space any more.
        drop(unsafe { Box::from_raw(object.cast::<MaybeUninit<Foreign>>()) });
    }
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .object_type::<Loud>()
        .object_type::<OnDrop>()
        .object_type::<Foreign>();
    exports.function("test_library.foreign", Foreign::make);
    exports.function("test_library.immortal_foreign", Foreign::immortal);
}
