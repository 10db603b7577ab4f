//! The timer's interrupt and the main loop count, upgrade and drop the same objects.

use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use object_core::{NewError, ObjectArc, WeakObjectArc};

use crate::objects::{Node, dropped};
use crate::print::say;
use crate::{timer, vectors};

/// Interrupts to race with.
const TICKS: usize = 500;

static TICKED: AtomicUsize = AtomicUsize::new(0);
static UPGRADED: AtomicUsize = AtomicUsize::new(0);
static FREED_IN_HANDLER: AtomicUsize = AtomicUsize::new(0);
/// Owns a reference while the race runs.
static SHARED: AtomicPtr<Node> = AtomicPtr::new(null_mut());
/// Owns a weak reference, or is null; only the main loop changes it.
static WATCHED: AtomicPtr<Node> = AtomicPtr::new(null_mut());
/// A reference on its way to whoever takes it first.
static MAILBOX: AtomicPtr<Node> = AtomicPtr::new(null_mut());

/// Counts up and down by every kind of reference. Nothing here waits, allocates or frees.
fn count(shared: &ObjectArc<Node>) {
    let second = shared.clone();
    let weak = ObjectArc::downgrade(&second);
    let third = weak.upgrade();
    assert!(third.is_some(), "an object that is held was not upgraded");
}

fn on_tick() {
    TICKED.fetch_add(1, Ordering::Relaxed);
    if let Some(shared) = NonNull::new(SHARED.load(Ordering::Relaxed)) {
        // SAFETY: SHARED owns a reference, which this handle leaves alone.
        count(&ManuallyDrop::new(unsafe { ObjectArc::from_raw(shared) }));
    }
    // SAFETY: WATCHED owns the weak reference (or is null), which this handle leaves alone; the main
    // loop takes it back before it drops it, and does not run meanwhile.
    let watched =
        ManuallyDrop::new(unsafe { WeakObjectArc::from_raw(WATCHED.load(Ordering::Relaxed)) });
    // Dropping it does not free: the main loop has, or has just given up, a reference of its own...
    if let Some(object) = watched.upgrade() {
        UPGRADED.fetch_add(1, Ordering::Relaxed);
        drop(object);
    }
    // ... but this may be the last one. The slab's lock masks interrupts, so freeing is allowed here.
    if let Some(mail) = take_mail() {
        let before = dropped();
        drop(mail);
        FREED_IN_HANDLER.fetch_add(dropped() - before, Ordering::Relaxed);
    }
}

fn take_mail() -> Option<ObjectArc<Node>> {
    let mail = NonNull::new(MAILBOX.swap(null_mut(), Ordering::Acquire))?;
    // SAFETY: the mailbox owned a reference, and whoever swaps it out owns it.
    Some(unsafe { ObjectArc::from_raw(mail) })
}

/// Races until the timer has ticked often enough.
pub(crate) fn with_the_timer() -> Result<(), NewError> {
    let node = |value| ObjectArc::try_new(Node::new(value, None)).map_err(|error| error.cause);
    let shared = node(1)?;
    SHARED.store(
        ObjectArc::into_raw(shared.clone()).as_ptr(),
        Ordering::Relaxed,
    );
    let (before, mut made) = (dropped(), 0);
    vectors::at_timer(on_tick);
    // SAFETY: the vectors were installed at the start.
    unsafe { timer::start() };
    let mut failed = None;
    while TICKED.load(Ordering::Relaxed) < TICKS {
        count(&shared);
        let object = match node(made) {
            Ok(object) => object,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        made += 1;
        // One reference into the mailbox, one dropped here: whoever is last frees.
        let mail = ObjectArc::into_raw(object.clone()).as_ptr();
        drop(take_mail());
        MAILBOX.store(mail, Ordering::Release);
        // Watched while its last reference goes.
        let weak = ObjectArc::downgrade(&object);
        WATCHED.store(WeakObjectArc::into_raw(weak), Ordering::Release);
        drop(object);
        drop(take_mail());
        let weak = WATCHED.swap(null_mut(), Ordering::Acquire);
        // SAFETY: WATCHED owned it.
        drop(unsafe { WeakObjectArc::<Node>::from_raw(weak) });
    }
    timer::stop();
    SHARED.store(null_mut(), Ordering::Relaxed);
    drop(take_mail());
    assert!(
        (
            ObjectArc::strong_count(&shared),
            ObjectArc::weak_count(&shared)
        ) == (2, 0)
    );
    // SAFETY: SHARED owned a reference to it.
    drop(unsafe { ObjectArc::from_raw(ObjectArc::as_ptr(&shared)) });
    drop(shared);
    failed.map_or(Ok(()), Err)?;
    assert!(
        dropped() as u64 == before as u64 + made + 1,
        "{} dropped of {made}",
        dropped() - before
    );
    say!(
        "race: {} timer interrupts against {made} objects; {} upgrades, {} frees in the handler",
        TICKED.load(Ordering::Relaxed),
        UPGRADED.load(Ordering::Relaxed),
        FREED_IN_HANDLER.load(Ordering::Relaxed),
    );
    Ok(())
}
