//! Descriptions that the type table refuses: each with its status, and none half registered.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use object_core::abi::{ByteSlice, FieldKind, TypeDesc, field_flags, type_flags};
use object_core::table::register_status::{BAD_DESCRIPTION, UNKNOWN_PARENT};
use object_core::{
    FieldSpec, RegisterError, register_reflected, runtime, type_index as index, type_index_of,
    type_info,
};

const KEY: &str = "descriptions.refused";

/// One test at a time: the first one looks at how many types there are.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spec(name: &str, kind: FieldKind, type_index: i32) -> FieldSpec<'_> {
    FieldSpec {
        name,
        doc: "",
        kind,
        value_kind: None,
        flags: field_flags::OPTIONAL,
        type_index,
    }
}

/// A description that would be taken; each case spoils one thing.
fn good() -> TypeDesc {
    let info = type_info(
        register_reflected(
            "descriptions.model",
            "",
            index::OBJECT,
            &[
                spec("number", FieldKind::I32, 0),
                spec("held", FieldKind::Object, index::OBJECT),
            ],
        )
        .unwrap(),
    )
    .unwrap();
    TypeDesc {
        key: ByteSlice::new(KEY.as_bytes()),
        doc: ByteSlice::EMPTY,
        parent: index::OBJECT,
        flags: 0,
        size: info.size,
        align: 8,
        fields: info.fields,
        methods: std::ptr::null(),
        num_fields: 2,
        num_methods: 0,
    }
}

fn refuses(status: i32, what: &str, spoil: impl FnOnce(&mut TypeDesc)) {
    let mut desc = good();
    spoil(&mut desc);
    // SAFETY: what is spoiled is refused before it is read.
    let number = unsafe { (runtime().type_register)(&raw const desc) };
    assert_eq!(number, status, "{what}");
    assert!(type_index_of(KEY).is_none(), "{what}: half registered");
}

#[test]
fn descriptions_that_cannot_be_are_refused_whole() {
    let _alone = alone();
    let number = |key| register_reflected(key, "", index::OBJECT, &[]).unwrap();
    let before = number("descriptions.before");

    refuses(UNKNOWN_PARENT, "a parent that is no object", |desc| {
        desc.parent = index::INT
    });
    refuses(UNKNOWN_PARENT, "a parent not registered", |desc| {
        desc.parent = before + 1000
    });
    refuses(UNKNOWN_PARENT, "a negative parent", |desc| {
        desc.parent = index::THIS
    });
    refuses(BAD_DESCRIPTION, "no key", |desc| {
        desc.key = ByteSlice::EMPTY
    });
    refuses(BAD_DESCRIPTION, "an odd alignment", |desc| desc.align = 12);
    refuses(BAD_DESCRIPTION, "no alignment", |desc| desc.align = 0);
    refuses(BAD_DESCRIPTION, "smaller than a header", |desc| {
        desc.size = 16
    });
    refuses(BAD_DESCRIPTION, "a field past the body", |desc| {
        desc.size -= 8
    });
    refuses(BAD_DESCRIPTION, "fields in an opaque body", |desc| {
        desc.size = 0
    });
    refuses(BAD_DESCRIPTION, "fields that are not there", |desc| {
        desc.fields = std::ptr::null()
    });
    refuses(BAD_DESCRIPTION, "methods that are not there", |desc| {
        desc.num_methods = 1
    });
    refuses(BAD_DESCRIPTION, "a reflected type of no size", |desc| {
        (desc.flags, desc.size, desc.num_fields) = (type_flags::REFLECTED, 0, 0);
    });
    refuses(
        BAD_DESCRIPTION,
        "a reflected heir of a type that is not",
        |desc| {
            (desc.flags, desc.parent) = (type_flags::REFLECTED, index::ERROR);
        },
    );
    for (what, spoil) in [
        (
            "in the header",
            (|field| field.offset = 16) as fn(&mut object_core::abi::FieldInfo),
        ),
        ("misaligned", |field| field.offset += 2),
        ("past all bounds", |field| field.offset = u32::MAX - 3),
        ("of no kind", |field| field.kind = 0),
        ("of a kind of tomorrow", |field| field.kind = 17),
        ("of an unknown type", |field| {
            (field.kind, field.offset, field.type_index) = (FieldKind::Object as u8, 24, 77_777);
        }),
        ("of a type that is no object's", |field| {
            (field.kind, field.offset, field.type_index) = (FieldKind::Weak as u8, 24, index::INT);
        }),
    ] {
        // SAFETY: the model has two fields.
        let mut fields = unsafe { std::slice::from_raw_parts(good().fields, 2) }.to_vec();
        spoil(&mut fields[0]);
        refuses(BAD_DESCRIPTION, what, |desc| desc.fields = fields.as_ptr());
    }

    assert_eq!(
        number("descriptions.after"),
        before + 2,
        "the model took one, refusals none"
    );
    let desc = good();
    // SAFETY: the model's fields live as long as the process.
    let taken = unsafe { (runtime().type_register)(&raw const desc) };
    assert_eq!(taken, before + 3, "it is good when nothing is spoiled");
}

#[test]
fn the_safe_doors_refuse_the_same() {
    let _alone = alone();
    let bad = Err(RegisterError::BadDescription);
    let fields = [spec("", FieldKind::I64, 0)];
    assert_eq!(
        register_reflected("descriptions.safe", "", index::OBJECT, &fields),
        bad
    );
    assert_eq!(register_reflected("", "", index::OBJECT, &[]), bad);
    let fields = [spec("held", FieldKind::Weak, 77_777)];
    assert_eq!(
        register_reflected("descriptions.safe", "", index::OBJECT, &fields),
        bad
    );
    let unknown = Err(RegisterError::UnknownParent);
    for parent in [index::INT, index::ERROR, index::FUNCTION, 77_777, -1] {
        assert_eq!(
            register_reflected("descriptions.safe", "", parent, &[]),
            unknown,
            "{parent}"
        );
    }
    assert!(type_index_of("descriptions.safe").is_none());
    for status in -6..0 {
        assert!(!RegisterError::from_status(status).to_string().is_empty());
    }
}

/// A field behind 4 GiB would be read at another place.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_struct_too_large_to_describe_is_refused() {
    let _alone = alone();
    use object_core::{Object, ObjectHeader, TypeBuilder, TypeSlot, field};

    #[repr(C)]
    struct Vast {
        header: ObjectHeader,
        room: [u8; 1 << 32],
        behind: i64,
    }
    // SAFETY: repr(C), the header first; it cannot be registered, so that nothing relies on it.
    unsafe impl Object for Vast {
        fn type_index() -> Result<i32, RegisterError> {
            static SLOT: TypeSlot = TypeSlot::new();
            SLOT.get_or_register(|| {
                let builder = TypeBuilder::<Self>::new("descriptions.Vast");
                builder.field("behind", "", field!(Vast, behind)).register()
            })
        }
    }
    assert_eq!(Vast::type_index(), Err(RegisterError::BadDescription));
    assert!(type_index_of("descriptions.Vast").is_none());
}

/// What an Any holds is a number or a bool, and it may be None.
#[test]
fn a_value_kind_says_what_an_optional_any_holds() {
    let _alone = alone();
    let of = |kind, value_kind, flags| FieldSpec {
        value_kind,
        flags,
        ..spec("value", kind, 0)
    };
    let register = |key: &str, spec| register_reflected(key, "", index::OBJECT, &[spec]);
    let optional = field_flags::OPTIONAL;
    for kind in FieldKind::ALL {
        let key = format!("descriptions.value_{}", kind as u8);
        let number = register(&key, of(FieldKind::Any, Some(kind), optional));
        if kind.owns_references() {
            assert_eq!(number, Err(RegisterError::BadDescription), "{kind:?}");
            continue;
        }
        let field = type_info(number.unwrap()).unwrap().field("value").unwrap();
        assert_eq!(
            (field.kind(), field.value_kind()),
            (Some(FieldKind::Any), Some(kind))
        );
        // Another one is another layout.
        let other = register(&key, of(FieldKind::Any, None, optional));
        assert_eq!(other, Err(RegisterError::Conflict), "{kind:?}");
    }
    for (kind, flags) in [
        (FieldKind::Any, 0),
        (FieldKind::Any, field_flags::FROZEN),
        (FieldKind::I64, optional),
        (FieldKind::Str, optional),
        (FieldKind::Object, optional),
    ] {
        let refused = register(
            "descriptions.no_value",
            of(kind, Some(FieldKind::I64), flags),
        );
        assert_eq!(
            refused,
            Err(RegisterError::BadDescription),
            "{kind:?} {flags}"
        );
    }
    assert_eq!(type_index_of("descriptions.no_value"), None);
}
