//! Every public constructor of alloc-header and object-core with its n-th allocation refused, for
//! every n: over the default backing and an arena, with and without a frontend's word. The last test
//! reads both crates' sources: a constructor that is added must be added here.
//!
//! The counts in the assertions are refusals: the constructors' allocations, one by one.

#![cfg(all(
    not(loom),
    feature = "infallible",
    feature = "std",
    feature = "allocator-api2"
))]
#![allow(unsafe_code)]
#![allow(
    clippy::result_large_err,
    reason = "a value that found no room comes back as it is"
)]

mod common;

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::sync::LazyLock;

use common::heap::Heap;
use common::public::fallible;
use common::sweep::{no_block, sweep};
use common::{Drops, Noisy, Point, Told, baseline, object};
use object_core::abi::{ByteSlice, FieldKind, RawAny, TypeInfo};
use object_core::alloc_header::allocator_api2::alloc::Global;
use object_core::alloc_header::{
    AllocError, AllocatorBacking, AllocatorEntry, DEFAULT_BACKING, REGISTRY, Registry, delete,
    layer_allocate, layer_release_far, layer_release_near,
};
use object_core::{
    Any, AnyView, Array, Bytes, Dict, Error, FieldSpec, Function, List, Map, Object, ObjectArc,
    ObjectHeader, Str, UniqueObject, WithItems, register_reflected, try_new_reflected,
    type_index as index, type_info,
};

#[global_allocator]
static HEAP: Heap = Heap;

const LONG: &str = "longer than seven bytes";

/// A body that is far.
#[repr(C, align(64))]
struct Far {
    header: ObjectHeader,
    told: Told,
}

object!(Far, "sweep.Far");

thread_local! {
    static TIED: Cell<bool> = const { Cell::new(false) };
}

/// A frontend that layers its word over the backing while `TIED` is set.
unsafe extern "C" fn allocate(
    size: usize,
    align: usize,
    number: i32,
    _: *mut c_void,
) -> *mut c_void {
    let body = if TIED.get() {
        // SAFETY: each of the two gives the block back, by the matching function.
        unsafe { layer_allocate(&REGISTRY, size, align, number, near, far, 0) }
    } else {
        REGISTRY.backing().allocate(size, align, number)
    };
    body.map_or(null_mut(), NonNull::as_ptr)
}

#[inline(never)]
unsafe extern "C" fn near(body: *mut c_void) {
    // SAFETY: called once, on a body of `layer_allocate`'s.
    unsafe { layer_release_near(NonNull::new(body).unwrap()) }
}

#[inline(never)]
unsafe extern "C" fn far(body: *mut c_void) {
    // SAFETY: as above.
    unsafe { layer_release_far(NonNull::new(body).unwrap()) }
}

static ARENA: AllocatorBacking<Global> = AllocatorBacking::new(Global);
static FRONTEND: LazyLock<AllocatorEntry> = LazyLock::new(|| {
    // SAFETY: `allocate` keeps the contract for any context.
    unsafe { AllocatorEntry::new(allocate, null_mut()) }
});

/// A constructor, and how often it was refused.
type Swept = (&'static str, usize);

/// Every way to an object that a value comes in by: it comes back, not dropped.
fn of_values() -> Vec<Swept> {
    let drops = Drops::new();
    let told = || Told(drops.clone());
    let before = Cell::new(0);
    let kept = || assert_eq!(drops.count(), before.replace(drops.count() + 1), "dropped");
    let near = sweep(
        || ObjectArc::try_new(Noisy::new(&drops)),
        |error| {
            no_block(error.cause);
            kept();
            drop(error.value);
        },
    );
    let far = sweep(
        || {
            ObjectArc::try_new(Far {
                header: ObjectHeader::new(),
                told: told(),
            })
        },
        |error| {
            no_block(error.cause);
            assert_eq!(error.value.told.0.count(), drops.count());
        },
    );
    let unique = sweep(
        || UniqueObject::try_new(Point::at(3, 4)),
        |error| assert_eq!((error.value.x, error.value.y), (3, 4)),
    );
    let items = sweep(
        || ObjectArc::try_with_items(WithItems::new(Point::at(5, 6)), 9, |_| told()),
        |error| assert_eq!(error.value.x, 5),
    );
    // The block; then, the head being placed, the items' own objects.
    let texts = sweep(
        || {
            let head = WithItems::<Noisy, Str>::new(Noisy::new(&drops));
            ObjectArc::try_with_items_fallible(head, 3, |_| Str::try_new(LONG))
                .map_err(|error| error.cause)?
        },
        no_block,
    );
    let copied = sweep(
        || ObjectArc::try_copy_items(WithItems::new(Point::at(7, 8)), &[1u64, 2, 3]),
        |error| assert_eq!(error.value.y, 8),
    );
    // Asks for nothing, so it cannot be refused.
    let shared = Cell::new(Some(ObjectArc::new(Point::at(1, 2))));
    let unshared = sweep(
        || {
            ObjectArc::try_unique(shared.take().unwrap())
                .map(|unique| shared.set(Some(UniqueObject::share(unique))))
        },
        drop,
    );
    vec![
        ("ObjectArc::try_new", near + far),
        ("UniqueObject::try_new", unique),
        ("ObjectArc::try_with_items", items),
        ("ObjectArc::try_with_items_fallible", texts),
        ("ObjectArc::try_copy_items", copied),
        ("ObjectArc::try_unique", unshared),
    ]
}

/// Values that are objects inside.
fn of_texts_and_calls(class: &'static TypeInfo) -> Vec<Swept> {
    let drops = Drops::new();
    let cause = Error::new("OSError", LONG);
    let slice = ByteSlice::new(LONG.as_bytes());
    let view = |type_index, pointer: *const c_void| {
        let mut raw = RawAny {
            type_index,
            ..RawAny::NONE
        };
        raw.value.pointer = pointer.cast_mut();
        // SAFETY: what it points to outlives the view, below.
        unsafe { AnyView::from_raw(raw) }
    };
    let text = view(index::RAW_STR, c"longer than seven bytes".as_ptr().cast());
    let bytes = view(index::BYTE_SLICE_PTR, (&raw const slice).cast());
    let owned = sweep(|| text.try_to_owned(), no_block) + sweep(|| bytes.try_to_owned(), no_block);
    let function = sweep(
        || {
            let told = Told(drops.clone());
            Function::try_from_packed(move |_| {
                let _captured = &told;
                Ok(Any::NONE)
            })
        },
        no_block,
    );
    let lender = sweep(
        || {
            let told = Told(drops.clone());
            Function::try_from_packed_borrowed(move |_| {
                let _captured = &told;
                Ok(AnyView::NONE)
            })
        },
        no_block,
    );
    let error = sweep(
        || Error::try_with(LONG, LONG, Some(cause.clone()), None),
        no_block,
    );
    assert_eq!(ObjectArc::strong_count(cause.as_object()), 1);
    vec![
        (
            "Array::try_from_values",
            sweep(|| Array::try_from_values([1i64, 2]), no_block),
        ),
        (
            "Array::try_from_fn",
            sweep(
                || Array::try_from_fn(2, |_| Str::try_new(LONG).map(Any::from))?,
                no_block,
            ),
        ),
        ("Str::try_new", sweep(|| Str::try_new(LONG), no_block)),
        (
            "Bytes::try_new",
            sweep(|| Bytes::try_new(LONG.as_bytes()), no_block),
        ),
        ("AnyView::try_to_owned", owned),
        ("Function::try_from_packed", function),
        ("Function::try_from_packed_borrowed", lender),
        ("Error::try_with", error),
        (
            "try_new_reflected",
            sweep(|| try_new_reflected(class, false), no_block),
        ),
    ]
}

/// What the runtime keeps: the block and the room for values, and a Map's or Dict's table.
fn of_containers() -> Vec<Swept> {
    let pairs = [(1i64, 2i64), (3, 4)];
    let list = List::from_iter([1i64, 2]);
    let dict = Dict::from_iter(pairs);
    vec![
        ("List::try_new", sweep(List::try_new, no_block)),
        (
            "List::try_from_values",
            sweep(|| List::try_from_values([1i64, 2]), no_block),
        ),
        ("List::try_to_vec", sweep(|| list.try_to_vec(), no_block)),
        ("List::try_read", sweep(|| list.try_read(1, 1), no_block)),
        (
            "Map::try_from_pairs",
            sweep(|| Map::try_from_pairs(pairs), no_block),
        ),
        ("Dict::try_new", sweep(Dict::try_new, no_block)),
        (
            "Dict::try_from_pairs",
            sweep(|| Dict::try_from_pairs(pairs), no_block),
        ),
        ("Dict::try_to_flat", sweep(|| dict.try_to_flat(), no_block)),
    ]
}

fn class() -> &'static TypeInfo {
    let spec = FieldSpec {
        name: "any",
        doc: "",
        kind: FieldKind::Any,
        value_kind: None,
        flags: 0,
        type_index: index::OBJECT,
    };
    type_info(register_reflected("sweep.class", "", index::OBJECT, &[spec]).unwrap()).unwrap()
}

#[test]
fn every_constructor_over_every_backing() {
    baseline();
    Far::type_index().unwrap();
    let class = class();
    REGISTRY.register_frontend(&FRONTEND).unwrap();
    let (mut swept, mut refused) = (0, 0);
    let mut names = Vec::new();
    for backing in [&DEFAULT_BACKING, ARENA.entry()] {
        for tied in [false, true] {
            REGISTRY.set_backing(backing);
            TIED.set(tied);
            let all = [of_values(), of_texts_and_calls(class), of_containers()].concat();
            let counts: Vec<usize> = all.iter().map(|(_, refusals)| *refusals).collect();
            assert_eq!(
                counts,
                [
                    2, 1, 1, 4, 1, 0, 1, 3, 1, 1, 2, 1, 1, 3, 1, 1, 3, 1, 1, 4, 1, 4, 1
                ]
            );
            swept += all.len();
            refused += counts.iter().sum::<usize>();
            names = all.iter().map(|(name, _)| *name).collect();
        }
    }
    TIED.set(false);
    REGISTRY.set_backing(&DEFAULT_BACKING);
    println!(
        "{swept} sweeps of {} constructors, {refused} refusals",
        names.len()
    );
    assert_eq!((names.len(), swept, refused), (23, 92, 156));
    names.extend(ELSEWHERE.map(|(name, _)| name));
    names.push(NOT_SWEPT);
    names.sort_unstable();
    assert_eq!(
        fallible(),
        names,
        "left: the public functions that can fail, right: those in a sweep of this file"
    );
    let tests = [
        include_str!("fault_sweep.rs"),
        include_str!("fault_others.rs"),
        include_str!("faults.rs"),
    ];
    for (_, test) in ELSEWHERE {
        assert!(tests.concat().contains(&format!("fn {test}()")), "{test}");
    }
}

/// Public and fallible too, but swept by a test of their own.
const ELSEWHERE: [(&str, &str); 29] = [
    ("AllocatorEntry::allocate", "every_way_to_a_block"),
    ("Registry::allocate", "every_way_to_a_block"),
    ("layer_allocate", "every_way_to_a_block"),
    ("TypeBuilder::register", "types_of_every_shape"),
    ("TypeSlot::get_or_register", "types_of_every_shape"),
    (
        "register_reflected",
        "a_refused_registration_leaves_nothing_behind",
    ),
    ("Dict::try_from_flat", "containers_keep_what_they_have"),
    ("Dict::try_get_or_insert", "containers_keep_what_they_have"),
    ("Dict::try_insert", "containers_keep_what_they_have"),
    ("List::try_from_vec", "containers_keep_what_they_have"),
    ("List::try_insert", "containers_keep_what_they_have"),
    ("List::try_push", "containers_keep_what_they_have"),
    ("List::try_splice", "containers_keep_what_they_have"),
    ("Map::try_from_flat", "containers_keep_what_they_have"),
    ("MutField::get", "fields_keep_what_they_have"),
    ("MutField::set", "fields_keep_what_they_have"),
    ("write_field", "fields_keep_what_they_have"),
    ("convert_for", "values_for_fields_and_foreign_outcomes"),
    ("field_value", "values_for_fields_and_foreign_outcomes"),
    ("packed_outcome", "values_for_fields_and_foreign_outcomes"),
    ("borrowed_outcome", "values_for_fields_and_foreign_outcomes"),
    ("return_borrowed", "values_for_fields_and_foreign_outcomes"),
    ("catch", "values_for_fields_and_foreign_outcomes"),
    ("Any::get", "values_for_fields_and_foreign_outcomes"),
    ("ObjectArc::check", "values_for_fields_and_foreign_outcomes"),
    (
        "Function::call_packed",
        "calls_answer_an_error_whatever_happens",
    ),
    ("Function::about", "what_is_known_of_a_function"),
    (
        "Function::register_documented",
        "what_is_known_of_a_function",
    ),
    (
        "Function::register_global",
        "global_names_are_taken_whole_or_not_at_all",
    ),
];

/// What the system's loader asks for is not ours to refuse.
const NOT_SWEPT: &str = "load_library";

/// The doors of alloc-header: an error names what was asked for.
#[test]
fn every_way_to_a_block() {
    baseline();
    let (entry, arena) = (&DEFAULT_BACKING, ARENA.entry());
    let local = Registry::new(&DEFAULT_BACKING);
    for (size, align) in [(24, 8), (0, 16), (100, 32), (40, 4096)] {
        let layered = |registry: &Registry| {
            // SAFETY: each of the two gives the block back, by the matching function.
            unsafe { layer_allocate(registry, size, align, 0, near, far, 0) }
        };
        let refused = |error: AllocError| assert_eq!((error.size(), error.align()), (size, align));
        let refusals = [
            sweep(|| entry.allocate(size, align, 0).map(Block), refused),
            sweep(|| arena.allocate(size, align, 0).map(Block), refused),
            sweep(|| local.allocate(size, align, 0).map(Block), refused),
            sweep(|| layered(&local).map(Block), refused),
        ];
        assert_eq!(refusals, [1; 4]);
    }
}

/// A body that is given back.
struct Block(NonNull<c_void>);

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: from an entry, and nobody else has it.
        unsafe { delete(self.0) };
    }
}
