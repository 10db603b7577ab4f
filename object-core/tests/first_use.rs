//! The first registration of a process, which makes the fixed types as well, with its n-th
//! allocation refused. Its own program, because a process has one first time.

#![cfg(all(not(loom), feature = "default-backing"))]
#![allow(unsafe_code)]

mod common;

use common::Point;
use common::heap::{Heap, failing};
use object_core::{
    FieldSpec, RegisterError, TypeBuilder, register_reflected, type_index as index, type_index_of,
    type_info,
};

#[global_allocator]
static HEAP: Heap = Heap;

#[test]
fn a_first_registration_without_memory_says_so_and_can_be_tried_again() {
    let spec = |name| FieldSpec {
        name,
        doc: "",
        kind: object_core::abi::FieldKind::Object,
        value_kind: None,
        flags: 0,
        type_index: index::OBJECT,
    };
    let mut refusals = 0;
    for nth in 1.. {
        let register =
            || register_reflected("first_use.Reflected", "", index::OBJECT, &[spec("held")]);
        let (number, refused) = failing(nth % 20, register);
        if number.is_ok() {
            break;
        }
        assert_eq!(
            (number, refused),
            (Err(RegisterError::OutOfMemory), true),
            "number {nth}"
        );
        let (number, _) = failing(1 + nth % 3, || {
            TypeBuilder::<Point>::new("first_use.P").register()
        });
        assert_eq!(number, Err(RegisterError::OutOfMemory));
        refusals += 1;
    }
    assert!(refusals > 5);
    for number in [index::OBJECT, index::STR, index::ERROR, index::LIST] {
        let info = type_info(number).unwrap();
        assert_eq!(
            (info.type_index, type_index_of(info.key())),
            (number, Some(number))
        );
    }
    assert!(type_index_of("first_use.P").is_none());
    assert!(TypeBuilder::<Point>::new("first_use.P").register().is_ok());
}
