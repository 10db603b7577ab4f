//! The process's functions by name.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use std::collections::HashSet;
use std::ffi::c_void;

use common::{Drops, Told};
use object_core::abi::ByteSlice;
use object_core::table::function_status;
use object_core::{Any, AnyView, Error, Function, ObjectArc, runtime};

fn function(
    call: impl Fn(&[AnyView<'_>]) -> Result<Any, Error> + Send + Sync + 'static,
) -> Function {
    Function::from_packed(call)
}

#[test]
fn names_are_taken_overridden_removed() {
    let (drops, other) = (Drops::new(), Drops::new());
    let counted = |drops: &Drops, answer: i64| {
        let told = Told(drops.clone());
        function(move |_| {
            let _captured = &told;
            Ok(answer.into())
        })
    };
    let call = || {
        let found = Function::get_global("functions.name").unwrap();
        found.call_packed(&[]).unwrap().get::<i64>().unwrap()
    };
    assert!(Function::get_global("functions.name").is_none());
    counted(&drops, 1)
        .register_global("functions.name", false)
        .unwrap();
    assert_eq!((call(), drops.count()), (1, 0));

    let error = counted(&other, 2)
        .register_global("functions.name", false)
        .unwrap_err();
    assert_eq!(error.kind(), "ValueError");
    assert!(
        error
            .message()
            .contains("'functions.name' is already registered"),
        "{error}"
    );
    assert_eq!((call(), other.count()), (1, 1));

    counted(&other, 3)
        .register_global("functions.name", true)
        .unwrap();
    assert_eq!((call(), drops.count()), (3, 1));
    assert!(Function::remove_global("functions.name"));
    assert!(!Function::remove_global("functions.name"));
    assert!(Function::get_global("functions.name").is_none());
    assert_eq!((drops.count(), other.count()), (1, 2));
}

#[test]
fn the_name_finds_the_very_function_and_the_table_answers_c_alike() {
    let plain = function(|_| Ok(Any::NONE));
    plain.register_global("functions.same", false).unwrap();
    let found = Function::get_global("functions.same").unwrap();
    assert!(ObjectArc::ptr_eq(plain.as_object(), found.as_object()));

    unsafe extern "C" fn visit(names: *mut c_void, name: ByteSlice) {
        // SAFETY: the set below; the name is readable for the call.
        unsafe { (*names.cast::<HashSet<String>>()).insert(name.as_str().to_string()) };
    }
    let mut names = HashSet::<String>::new();
    let object = ObjectArc::as_ptr(plain.as_object()).as_ptr().cast();
    let name = ByteSlice::new(b"functions.same");
    // SAFETY: everything is alive for the calls.
    unsafe {
        (runtime().function_names)((&raw mut names).cast(), visit);
        assert_eq!(
            (runtime().function_register)(name, object, 0),
            function_status::TAKEN
        );
        assert_eq!(
            (runtime().function_register)(name, object, 1),
            function_status::OK
        );
    }
    assert!(names.contains("functions.same"));
    drop(found);
    assert_eq!(
        ObjectArc::strong_count(plain.as_object()),
        2,
        "ours and the table's"
    );
}

#[test]
fn a_function_that_is_replaced_may_use_the_registry_as_it_goes() {
    struct CallsBack(Drops);
    impl Drop for CallsBack {
        fn drop(&mut self) {
            // Waits for ever if the registry's lock is held.
            let now = Function::get_global("functions.replaced");
            let last = now.is_none();
            function(|_| Ok(Any::NONE))
                .register_global("functions.left", true)
                .unwrap();
            assert!(Function::remove_global("functions.left"));
            if !last {
                self.0.add();
            }
        }
    }
    let drops = Drops::new();
    for _ in 0..3 {
        let guard = CallsBack(drops.clone());
        let function = function(move |_| {
            let _captured = &guard;
            Ok(Any::NONE)
        });
        function
            .register_global("functions.replaced", true)
            .unwrap();
    }
    assert_eq!(drops.count(), 2);
    assert!(Function::remove_global("functions.replaced"));
    assert_eq!(drops.count(), 2);
}

#[test]
fn what_is_known_of_a_function_goes_with_its_name() {
    let about = |function: &Function| {
        let about = function.about().unwrap();
        about.map(|about| (about.name, about.doc, about.signature))
    };
    let said = |name: &str, doc: &str, signature: &str| {
        Some((name.to_owned(), doc.to_owned(), signature.to_owned()))
    };
    let (first, second) = (function(|_| Ok(Any::NONE)), function(|_| Ok(Any::NONE)));
    assert_eq!(about(&first), None);
    first.register_global("about.b", false).unwrap();
    assert_eq!(about(&first), said("about.b", "", ""));
    // Of several names the one that says most, then the first.
    first.register_global("about.a", false).unwrap();
    assert_eq!(about(&first), said("about.a", "", ""));
    first
        .register_documented("about.c", false, "", "()")
        .unwrap();
    assert_eq!(about(&first), said("about.c", "", "()"));
    first
        .register_documented("about.d", false, "Töne.", "")
        .unwrap();
    assert_eq!(about(&first), said("about.d", "Töne.", ""));
    // A name that is taken keeps what it says; overridden, it says what the new one says.
    let error = second
        .register_documented("about.d", false, "Mine.", "(x, /)")
        .unwrap_err();
    assert_eq!(error.kind(), "ValueError");
    assert_eq!(
        (about(&first), about(&second)),
        (said("about.d", "Töne.", ""), None)
    );
    second
        .register_documented("about.d", true, "Mine.", "(x, /)")
        .unwrap();
    assert_eq!(about(&second), said("about.d", "Mine.", "(x, /)"));
    assert_eq!(about(&first), said("about.c", "", "()"));
    second.register_global("about.d", true).unwrap();
    assert_eq!(about(&second), said("about.d", "", ""));
    for name in ["about.a", "about.b", "about.c", "about.d"] {
        assert!(Function::remove_global(name));
    }
    assert_eq!((about(&first), about(&second)), (None, None));
}
