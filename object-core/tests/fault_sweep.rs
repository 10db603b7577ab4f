//! What `faults.rs` leaves open: every constructor over every kind of backing, near and far, and what
//! else asks for memory: conversions, fields, slots, calls, messages, deletions that are put off.
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

use common::heap::{Heap, failing, live};
use common::{Drops, Noisy, Point, Told, baseline, object};
use object_core::abi::{ByteSlice, FieldKind, RawAny, field_flags};
use object_core::alloc_header::allocator_api2::alloc::Global;
use object_core::alloc_header::{
    AllocError, AllocatorBacking, AllocatorEntry, DEFAULT_BACKING, REGISTRY, Registry, delete,
    layer_allocate, layer_release_far, layer_release_near,
};
use object_core::{
    Any, AnyView, Array, Bytes, Error, FieldSpec, Function, MutField, NewError, Object, ObjectArc,
    ObjectHeader, ObjectRef, RegisterError, Str, TypeBuilder, UniqueObject, WithItems, field,
    read_field, register_reflected, try_new_reflected, type_index as index, type_info, write_field,
};

#[global_allocator]
static HEAP: Heap = Heap;

const LONG: &str = "longer than seven bytes";

/// Calls `make` with ever later failures until it succeeds; nothing is live after each failure that
/// was not before. Answers how often it failed.
fn sweep<T, E>(make: impl Fn() -> Result<T, E>, failed: impl Fn(E)) -> usize {
    for nth in 1..100 {
        let before = live();
        let (made, came_to_it) = failing(nth, &make);
        match made {
            Ok(value) => {
                assert!(!came_to_it, "number {nth} was refused, and nobody noticed");
                drop(value);
                assert_eq!(live(), before, "after the success");
                return nth - 1;
            }
            Err(error) => failed(error),
        }
        assert_eq!(live(), before, "after the refusal of number {nth}");
    }
    panic!("it never succeeds");
}

fn no_block(error: NewError) {
    assert!(matches!(error, NewError::Alloc(_)), "{error}");
}

fn no_memory(error: Error) {
    assert_eq!(error.kind(), "MemoryError", "{error}");
}

/// A body that is far.
#[repr(C, align(64))]
struct Far {
    header: ObjectHeader,
    told: Told,
}

object!(Far, "sweep.Far");

/// Fields that change.
#[repr(C)]
struct Box3 {
    header: ObjectHeader,
    text: MutField<Str>,
    any: MutField<Any>,
    held: MutField<Option<ObjectRef>>,
}

object!(Box3, "sweep.Box3");

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

/// The ten public ways to an object, swept once each; how often each was refused.
fn constructors() -> [usize; 10] {
    let drops = Drops::new();
    let told = || Told(drops.clone());
    let kept = |before: usize| assert_eq!(drops.count(), before, "handed in, dropped");
    [
        sweep(
            || ObjectArc::try_new(Noisy::new(&drops)),
            |error| {
                let before = drops.count();
                no_block(error.cause);
                kept(before);
                drop(error.value);
                kept(before + 1);
            },
        ),
        sweep(
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
        ),
        sweep(
            || UniqueObject::try_new(Point::at(3, 4)),
            |error| assert_eq!((error.value.x, error.value.y), (3, 4)),
        ),
        sweep(
            || ObjectArc::try_with_items(WithItems::new(Point::at(5, 6)), 9, |_| told()),
            |error| assert_eq!(error.value.x, 5),
        ),
        sweep(
            || ObjectArc::try_copy_items(WithItems::new(Point::at(7, 8)), &[1u64, 2, 3]),
            |error| assert_eq!(error.value.y, 8),
        ),
        sweep(|| Array::try_from_values([1i64, 2]), no_block),
        sweep(
            || Array::try_from_fn(2, |_| Str::try_new(LONG).map(Any::from))?,
            no_block,
        ),
        sweep(|| Str::try_new(LONG), no_block),
        sweep(|| Bytes::try_new(LONG.as_bytes()), no_block),
        sweep(
            || {
                let told = told();
                Function::try_from_packed(move |_| {
                    let _captured = &told;
                    Ok(Any::NONE)
                })
            },
            no_block,
        ),
    ]
}

#[test]
fn every_constructor_over_every_backing() {
    baseline();
    Far::type_index().unwrap();
    REGISTRY.register_frontend(&FRONTEND).unwrap();
    let (mut swept, mut refused) = (0, 0);
    for backing in [&DEFAULT_BACKING, ARENA.entry()] {
        for tied in [false, true] {
            REGISTRY.set_backing(backing);
            TIED.set(tied);
            let refusals = constructors();
            assert_eq!(refusals, [1, 1, 1, 1, 1, 1, 3, 1, 1, 1]);
            swept += refusals.len();
            refused += refusals.iter().sum::<usize>();
        }
    }
    TIED.set(false);
    REGISTRY.set_backing(&DEFAULT_BACKING);
    println!("{swept} constructors, {refused} refusals");
    assert_eq!((swept, refused), (40, 48));
}

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

#[test]
fn conversions_of_borrowed_text() {
    baseline();
    let slice = ByteSlice::new(LONG.as_bytes());
    let mut raw = RawAny {
        type_index: index::BYTE_SLICE_PTR,
        ..RawAny::NONE
    };
    raw.value.pointer = (&raw const slice).cast_mut().cast();
    // SAFETY: the slice outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    let expects = |error: object_core::CastError| assert_eq!(error.got(), index::BYTE_SLICE_PTR);
    assert_eq!(sweep(|| view.try_to_owned(), no_block), 1);
    assert_eq!(sweep(|| Bytes::try_from(view), expects), 1);
    assert_eq!(sweep(|| Option::<Bytes>::try_from(view), expects), 1);
    assert_eq!(sweep(|| Any::try_from(view), expects), 1);
}

/// A field keeps the old value when there is no memory for the new one.
#[test]
fn fields_keep_what_they_have() {
    baseline();
    let boxed = ObjectArc::new(Box3 {
        header: ObjectHeader::new(),
        text: MutField::new(Str::from("short")),
        any: MutField::new(Any::from(1)),
        held: MutField::new(None),
    });
    let mut raw = RawAny {
        type_index: index::RAW_STR,
        ..RawAny::NONE
    };
    raw.value.pointer = c"longer than seven bytes".as_ptr().cast_mut().cast();
    // SAFETY: the literal outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    let spec = |kind| FieldSpec {
        name: "f",
        doc: "",
        kind,
        flags: field_flags::OPTIONAL,
        type_index: index::OBJECT,
    };
    let specs = [spec(FieldKind::Str), spec(FieldKind::Any)];
    let info = type_info(register_reflected("sweep.fields", "", index::OBJECT, &specs).unwrap());
    let info = info.unwrap();
    let object = try_new_reflected(info, false).unwrap();
    for field in info.all_fields() {
        let at = ObjectArc::as_ptr(&object);
        for nth in 1.. {
            let before = live();
            // SAFETY: a live object of the field's type, which nobody else reads.
            let (written, refused) = failing(nth, || unsafe { write_field(at, field, view) });
            // SAFETY: as above.
            let value = unsafe { read_field(at, field) };
            if !refused {
                written.unwrap();
                assert_eq!(value.view().as_str(), Some(LONG));
                assert_eq!(nth, 2);
                break;
            }
            // A conversion's own message may find memory again.
            assert!(["MemoryError", "TypeError"].contains(&written.unwrap_err().kind()));
            assert!(value.is_none());
            assert_eq!(live(), before);
        }
    }
    // Nothing to ask for: what is stored was made before.
    let text = Str::from(LONG);
    let point: ObjectRef = ObjectArc::upcast(ObjectArc::new(Point::at(1, 2)));
    let before = live();
    let set = || {
        boxed.text.set(&boxed, text.clone())?;
        boxed.any.set(&boxed, point.clone())?;
        boxed
            .held
            .set(&boxed, boxed.any.get::<_, ObjectRef>(&boxed)?)
    };
    assert_eq!(sweep(set, no_memory), 0);
    assert_eq!(live(), before);
}

/// Messages fail to be made, errors never.
#[test]
fn calls_answer_an_error_whatever_happens() {
    baseline();
    let strict = Function::from_packed(|args| Ok(i64::try_from(args[0])?.into()));
    let (text, name) = (Any::from(LONG), "sweep.a function of that name");
    for nth in 1.. {
        let before = live();
        let (answer, refused) = failing(nth, || strict.call_packed(&[text.view()]));
        let error = answer.unwrap_err();
        assert_eq!(
            error.kind(),
            if refused { "MemoryError" } else { "TypeError" }
        );
        drop(error);
        assert_eq!(live(), before, "after the refusal of number {nth}");
        if !refused {
            break;
        }
    }
    strict.register_global(name, false).unwrap();
    for nth in 1.. {
        let before = live();
        let (again, refused) = failing(nth, || strict.register_global(name, false));
        assert_eq!(
            again.unwrap_err().kind(),
            if refused { "MemoryError" } else { "ValueError" }
        );
        assert!(Function::get_global(name).is_some());
        assert_eq!(live(), before, "after the refusal of number {nth}");
        if !refused {
            break;
        }
    }
    assert!(Function::remove_global(name));
    assert_eq!(ObjectArc::strong_count(strict.as_object()), 1);
    for nth in 1.. {
        let (error, refused) = failing(nth, || Any::from(3).into_error());
        assert_eq!(
            error.kind(),
            if refused {
                "MemoryError"
            } else {
                "RuntimeError"
            }
        );
        if !refused {
            break;
        }
    }
}

/// A type with a parent and heirs of its own as fields: refused, it is not there, nor half of it.
#[test]
fn types_of_every_shape() {
    #[repr(C)]
    struct Holder {
        base: Point,
        held: Option<ObjectArc<Holder>>,
        other: ObjectRef,
    }
    // SAFETY: repr(C), begins with a Point, which begins with a header; never made.
    unsafe impl Object for Holder {
        fn type_index() -> Result<i32, RegisterError> {
            TypeBuilder::<Self>::new("sweep.Holder")
                .doc("Holds.")
                .parent::<Point>()
                .field("held", "Another.", field!(Holder, held))
                .field("other", "Any.", field!(Holder, other))
                .register()
        }
    }
    // SAFETY: repr(C), the first field is a Point, which is the registered parent.
    unsafe impl object_core::Extends<Point> for Holder {}

    baseline();
    let mut refusals = 0;
    for nth in 1.. {
        let before = live();
        let (number, refused) = failing(nth, Holder::type_index);
        if !refused {
            assert_eq!(type_info(number.unwrap()).unwrap().all_fields().count(), 4);
            break;
        }
        refusals += 1;
        assert_eq!(number, Err(RegisterError::OutOfMemory));
        assert!(object_core::type_index_of("sweep.Holder").is_none());
        assert!(live() <= before + 1, "more than room for names");
    }
    assert!(refusals >= 5, "{refusals}");
    // Again it is there already, and asks for its description's memory alone.
    assert!(
        sweep(Holder::type_index, |error| assert_eq!(
            error,
            RegisterError::OutOfMemory
        )) <= 3
    );
}

/// A chain too long to nest, without memory for the list: it nests, and all of it goes.
#[test]
fn deletions_that_cannot_be_put_off() {
    #[repr(C)]
    struct Link {
        header: ObjectHeader,
        told: Told,
        next: Option<ObjectArc<Link>>,
    }
    object!(Link, "sweep.Link");
    let drops = Drops::new();
    for nth in 0..6 {
        let mut chain = None;
        for _ in 0..200 {
            let (header, told) = (ObjectHeader::new(), Told(drops.clone()));
            chain = Some(ObjectArc::new(Link {
                header,
                told,
                next: chain.take(),
            }));
        }
        let before = drops.count();
        failing(nth, || drop(chain));
        assert_eq!(drops.count(), before + 200);
    }
}
