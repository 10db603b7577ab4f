//! An interrupt after every single instruction, which counts on the object that is being counted.
//!
//! The timer hits few places; the trap flag hits them all. That it does is proved by a counter that
//! is not safe: under the same traps it must lose updates.

use core::arch::asm;
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use object_core::{NewError, ObjectArc, WeakObjectArc};

use crate::objects::{Node, dropped};
use crate::print::say;
use crate::step::stepped;
use crate::vectors;

static STEPS: AtomicUsize = AtomicUsize::new(0);
static SHARED: AtomicPtr<Node> = AtomicPtr::new(null_mut());
static UNSAFE_COUNTER: AtomicUsize = AtomicUsize::new(0);

/// References that the handler has taken and not given back, a strong and a weak one each.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The trap's handler: every count operation on the object in SHARED. It leaves the counts changed,
/// now higher, now lower: an update that it falls into and that was not atomic would be lost.
fn count() {
    let step = STEPS.fetch_add(1, Ordering::Relaxed);
    add_one();
    let Some(object) = NonNull::new(SHARED.load(Ordering::Relaxed)) else {
        return;
    };
    // SAFETY: `counting` holds a reference while SHARED names the object.
    let shared = ManuallyDrop::new(unsafe { ObjectArc::from_raw(object) });
    // Not by turns, or a compare-and-exchange might never find the count that it read.
    match step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 {
        0 => {
            let second = (*shared).clone();
            let weak = ObjectArc::downgrade(&second);
            let third = weak.upgrade();
            assert!(third.is_some_and(|third| ObjectArc::ptr_eq(&third, &second)));
            let _ = (ObjectArc::into_raw(second), WeakObjectArc::into_raw(weak));
            HELD.fetch_add(1, Ordering::Relaxed);
        }
        1 if HELD.load(Ordering::Relaxed) > 0 => give_back(object),
        _ => {}
    }
}

fn give_back(object: NonNull<Node>) {
    HELD.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: a strong and a weak reference were taken, and leaked, when HELD was counted up.
    unsafe {
        drop(ObjectArc::from_raw(object));
        drop(WeakObjectArc::from_raw(object.as_ptr()));
    }
}

/// Load, add, store: three instructions, and whoever comes in between is lost.
#[inline(never)]
fn add_one() {
    // SAFETY: the counter's own memory.
    unsafe {
        asm!("mov {t}, [{at}]", "add {t}, 1", "mov [{at}], {t}", t = out(reg) _,
            at = in(reg) UNSAFE_COUNTER.as_ptr(), options(nostack));
    }
}

/// Count operations interrupted by count operations leave the counts exact.
pub(crate) fn counting() -> Result<(), NewError> {
    const ROUNDS: usize = 50;
    let shared = ObjectArc::try_new(Node::new(1, None)).map_err(|error| error.cause)?;
    let before = dropped();
    SHARED.store(ObjectArc::as_ptr(&shared).as_ptr(), Ordering::Relaxed);
    vectors::at_step(count);
    stepped(|| {
        for _ in 0..ROUNDS {
            let second = shared.clone();
            let weak = ObjectArc::downgrade(&second);
            let other = weak.clone();
            let third = other.upgrade();
            drop((second, weak, third, other));
            add_one();
        }
    });
    SHARED.store(null_mut(), Ordering::Relaxed);
    let held = HELD.load(Ordering::Relaxed);
    assert!(ObjectArc::strong_count(&shared) as usize == held + 1);
    (0..held).for_each(|_| give_back(ObjectArc::as_ptr(&shared)));
    assert!(
        (
            ObjectArc::strong_count(&shared),
            ObjectArc::weak_count(&shared)
        ) == (1, 0)
    );
    assert!(dropped() == before && shared.value == 1);
    let steps = STEPS.load(Ordering::Relaxed);
    let lost = steps + ROUNDS - UNSAFE_COUNTER.load(Ordering::Relaxed);
    assert!(
        steps > ROUNDS * 20,
        "the trap flag does not trap: {steps} steps"
    );
    assert!(
        lost >= ROUNDS,
        "the counter that is not safe lost {lost}: the traps do not fall in between"
    );
    say!(
        "every instruction: {steps} traps, counts exact; a plain counter lost {lost} updates, as it must"
    );
    Ok(())
}

/// The step at which `take_at` upgrades.
static AT: AtomicUsize = AtomicUsize::new(0);
static WATCHED: AtomicPtr<Node> = AtomicPtr::new(null_mut());
static KEPT: AtomicPtr<Node> = AtomicPtr::new(null_mut());

/// The trap's handler: at one step, upgrades the watched object and keeps the reference.
fn take_at() {
    if STEPS.fetch_add(1, Ordering::Relaxed) == AT.load(Ordering::Relaxed) {
        // SAFETY: `upgrading` holds the weak reference, which this handle leaves alone.
        let watched = unsafe { WeakObjectArc::from_raw(WATCHED.load(Ordering::Relaxed)) };
        if let Some(object) = ManuallyDrop::new(watched).upgrade() {
            KEPT.store(ObjectArc::into_raw(object).as_ptr(), Ordering::Relaxed);
        }
    }
}

/// The last reference is dropped, and at each of its instructions in turn an interrupt upgrades: the
/// object is either dead or whole, never both.
pub(crate) fn upgrading() -> Result<(), NewError> {
    vectors::at_step(take_at);
    let (mut alive, mut dead) = (0, 0);
    for at in 0.. {
        let object = ObjectArc::try_new(Node::new(at, None)).map_err(|error| error.cause)?;
        let weak = ObjectArc::downgrade(&object);
        WATCHED.store(ObjectArc::as_ptr(&object).as_ptr(), Ordering::Relaxed);
        AT.store(at as usize, Ordering::Relaxed);
        STEPS.store(0, Ordering::Relaxed);
        let before = dropped();
        stepped(|| drop(object));
        let steps = STEPS.load(Ordering::Relaxed);
        match NonNull::new(KEPT.swap(null_mut(), Ordering::Relaxed)) {
            Some(kept) => {
                // SAFETY: KEPT owned a reference.
                let kept = unsafe { ObjectArc::from_raw(kept) };
                assert!(
                    dropped() == before && kept.value == at && ObjectArc::strong_count(&kept) == 1
                );
                drop(kept);
                alive += 1;
            }
            None => dead += 1,
        }
        assert!(dropped() == before + 1 && weak.upgrade().is_none());
        if at as usize > steps {
            break;
        }
    }
    assert!(alive > 2 && dead > 2, "{alive} alive, {dead} dead");
    say!(
        "every instruction: an upgrade at each of a last drop's: {alive} alive, {dead} dead, none both"
    );
    Ok(())
}
