//! Count operations interrupted, after every single instruction, by count operations on the same
//! object: what the crate's head allows in an interrupt handler.
//!
//! The interrupt is the processor's trap flag, which Linux delivers as SIGTRAP. `examples/kernel`
//! does the same with real interrupts.

#![cfg(all(
    not(loom),
    target_os = "linux",
    target_arch = "x86_64",
    feature = "default-backing"
))]
#![allow(unsafe_code)]

use std::arch::asm;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use object_core::{
    Object, ObjectArc, ObjectHeader, RegisterError, TypeBuilder, TypeSlot, WeakObjectArc, type_info,
};

#[repr(C)]
struct Shared {
    header: ObjectHeader,
    value: u64,
}

// SAFETY: repr(C), the header first, its own type.
unsafe impl Object for Shared {
    fn type_index() -> Result<i32, RegisterError> {
        static SLOT: TypeSlot = TypeSlot::new();
        SLOT.get_or_register(|| TypeBuilder::<Self>::new("interrupt.Shared").register())
    }
}

static OBJECT: AtomicPtr<Shared> = AtomicPtr::new(null_mut());
static TRAPS: AtomicUsize = AtomicUsize::new(0);
/// References that the handler has taken and not given back, a strong and a weak one each.
static HELD: AtomicUsize = AtomicUsize::new(0);
static COUNTER: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
}
const SIGTRAP: i32 = 5;

/// Load, add, store: three instructions, and whoever comes in between is lost.
#[inline(never)]
fn add_one() {
    // SAFETY: the counter's own memory.
    unsafe {
        asm!("mov {t}, [{at}]", "add {t}, 1", "mov [{at}], {t}", t = out(reg) _,
            at = in(reg) COUNTER.as_ptr(), options(nostack));
    }
}

/// Leaves the counts changed, now higher, now lower: an update that it falls into and that was not
/// atomic would be lost.
extern "C" fn on_trap(_number: i32) {
    let trap = TRAPS.fetch_add(1, Ordering::Relaxed);
    add_one();
    let Some(object) = NonNull::new(OBJECT.load(Ordering::Relaxed)) else {
        return;
    };
    // SAFETY: the test holds a reference while OBJECT names the object.
    let shared = ManuallyDrop::new(unsafe { ObjectArc::from_raw(object) });
    // Not by turns, or a compare-and-exchange might never find the count that it read.
    match trap.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 {
        0 => {
            let second = (*shared).clone();
            let weak = ObjectArc::downgrade(&second);
            let third = weak.upgrade();
            // Lock-free as well: the type was registered before.
            let known = type_info(ObjectArc::header(&second).type_index()).is_some();
            if third.is_none() || !known || ObjectArc::check::<Shared>(&second).is_err() {
                std::process::abort(); // no panic in a signal handler
            }
            let _ = (ObjectArc::into_raw(second), WeakObjectArc::into_raw(weak));
            HELD.fetch_add(1, Ordering::Relaxed);
        }
        1 if HELD.load(Ordering::Relaxed) > 0 => give_back(object),
        _ => {}
    }
}

fn give_back(object: NonNull<Shared>) {
    HELD.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: a strong and a weak reference were taken, and leaked, when HELD was counted up.
    unsafe {
        drop(ObjectArc::from_raw(object));
        drop(WeakObjectArc::from_raw(object.as_ptr()));
    }
}

#[test]
fn count_operations_may_interrupt_each_other_anywhere() {
    const ROUNDS: usize = 10;
    let object = ObjectArc::try_new(Shared {
        header: ObjectHeader::new(),
        value: 7,
    })
    .unwrap();
    OBJECT.store(ObjectArc::as_ptr(&object).as_ptr(), Ordering::Relaxed);
    // SAFETY: the handler only counts.
    unsafe { signal(SIGTRAP, on_trap as *const () as usize) };
    // SAFETY: the stack is balanced, and the trap has a handler.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    for _ in 0..ROUNDS {
        let second = object.clone();
        let weak = ObjectArc::downgrade(&second);
        let other = weak.clone();
        let third = other.upgrade();
        drop((second, weak, third, other));
        add_one();
    }
    // SAFETY: as above.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -257", "popfq") };
    OBJECT.store(null_mut(), Ordering::Relaxed);

    let held = HELD.load(Ordering::Relaxed);
    assert_eq!(ObjectArc::strong_count(&object) as usize, held + 1);
    (0..held).for_each(|_| give_back(ObjectArc::as_ptr(&object)));
    assert_eq!(
        (
            ObjectArc::strong_count(&object),
            ObjectArc::weak_count(&object)
        ),
        (1, 0)
    );
    assert_eq!(object.value, 7);
    // A memory checker that emulates the processor may not know the flag (TIEBACK_SMALL: ci/memory.sh).
    if std::env::var_os("TIEBACK_SMALL").is_none() {
        let traps = TRAPS.load(Ordering::Relaxed);
        let lost = traps + ROUNDS - COUNTER.load(Ordering::Relaxed);
        assert!(
            traps > ROUNDS * 20 && lost >= ROUNDS,
            "{traps} traps, {lost} updates lost"
        );
    }
}
