//! What the tie asks of the outside.

use core::ffi::c_void;
use core::ptr::NonNull;

use alloc_header::primitive::sync::atomic::AtomicUsize;

use crate::tie::lock::Lock;
use crate::tie::word::Wrapper;

/// A native object, by its body's address.
pub type Object = NonNull<c_void>;

/// The interpreter's side of the tie, and the native count.
///
/// Methods marked *quiet* run no Python code, allocate no Python memory and take no lock: they are
/// called while the word is held (I6).
///
/// # Safety
///
/// Implementations do what each method says and nothing else to the words, handles and counts.
pub unsafe trait Host {
    /// Why a wrapper could not be made.
    type Error;

    /// How words are held here.
    type Lock: Lock;

    /// How often a shared word is looked at before a dying wrapper that does not settle is taken
    /// over: its teardown may be put off further up this very stack. (A thousand times as often if it
    /// [cannot](Self::settles_at_once).)
    const PATIENCE: u32;

    /// The back word of an object; `None` for objects that are not tied. Quiet.
    ///
    /// # Safety
    ///
    /// The object is alive for `'a`.
    unsafe fn word<'a>(&self, object: Object) -> Option<&'a AtomicUsize>;

    /// Takes a Python reference to the wrapper unless its count is 0. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there: the word that names it is held.
    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool;

    /// Whether the wrapper's class keeps no state in its instances, as of now. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn is_stateless(&self, wrapper: Wrapper) -> bool;

    /// Whether a wrapper without state whose count has just reached 0 settles without anything in between: its
    /// teardown cannot be put off. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn settles_at_once(&self, _wrapper: Wrapper) -> bool {
        false
    }

    /// Whether a wrapper whose count has just reached 0 may yet be kept by its object, on the thread that
    /// takes it apart. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn may_be_kept(&self, _wrapper: Wrapper) -> bool {
        false
    }

    /// The word, which is held, names another wrapper than this object's dying one from here on. Quiet.
    ///
    /// # Safety
    ///
    /// The object is alive.
    unsafe fn overtaken(&self, _object: Object) {}

    /// A new wrapper for `object`, of its registered class: Python count 1, no handle. May run the
    /// collector, and through it Python code.
    ///
    /// # Errors
    ///
    /// The interpreter's; nothing was made.
    ///
    /// # Safety
    ///
    /// The object is alive; the thread is attached.
    unsafe fn fresh(&self, object: Object) -> Result<Wrapper, Self::Error>;

    /// The wrapper's handle. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there.
    unsafe fn handle(&self, wrapper: Wrapper) -> Option<Object>;

    /// Sets the wrapper's handle. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is there; a reference goes with a handle set, and comes with one
    /// taken away.
    unsafe fn set_handle(&self, wrapper: Wrapper, object: Option<Object>);

    /// The wrapper's storage may be kept in a moment: notes where it is, for whoever trims. May allocate
    /// native memory.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is the caller's alone; no word is held.
    unsafe fn expect_kept(&self, _wrapper: Wrapper) {}

    /// The storage is kept for this object from here on: see [`mark`](crate::tie::mark). Quiet.
    ///
    /// # Safety
    ///
    /// The word that is about to say so is held, and the caller owns a strong reference.
    unsafe fn keep_for(&self, _wrapper: Wrapper, _object: Object) {}

    /// Where words are shared: the storage is kept no more, and nobody who trims looks at its object any
    /// more.
    ///
    /// # Safety
    ///
    /// The word says that this thread revives it, and is not held; the caller owns a strong reference.
    unsafe fn keep_no_more(&self, _wrapper: Wrapper) {}

    /// Makes a kept wrapper a live Python object again, with Python count 1, of the class it has;
    /// where words are shared, also what [`arm`](Self::arm) does. Quiet where they are not.
    ///
    /// # Safety
    ///
    /// The storage is kept and this caller's alone.
    unsafe fn revive(&self, wrapper: Wrapper);

    /// Whether [`revive_plain`](Self::revive_plain) makes this kept wrapper live: nothing has to be done for it but
    /// a store or two.
    ///
    /// # Safety
    ///
    /// The storage is kept and this caller's alone; words are not shared.
    unsafe fn is_plain(&self, _kept: Wrapper) -> bool {
        false
    }

    /// [`revive`](Self::revive) without a call.
    ///
    /// # Safety
    ///
    /// As there; [`is_plain`](Self::is_plain) said so.
    unsafe fn revive_plain(&self, kept: Wrapper) {
        // SAFETY: the caller's contract.
        unsafe { self.revive(kept) };
    }

    /// Whether [`expect_kept`](Self::expect_kept) and [`is_stateless`](Self::is_stateless) are settled for this
    /// wrapper, which dies, and others are likely to hold its object: it is kept as it was before. Never where words
    /// are shared.
    ///
    /// # Safety
    ///
    /// The storage is the caller's alone, the object alive by its reference.
    unsafe fn goes_back(&self, _wrapper: Wrapper, _object: Object) -> bool {
        false
    }

    /// Where words are shared: makes [`try_incref`](Self::try_incref) work on any thread from here
    /// on, until the wrapper dies. Called before a word names it.
    ///
    /// # Safety
    ///
    /// The caller owns a Python reference to the wrapper.
    unsafe fn arm(&self, wrapper: Wrapper);

    /// Where words are shared: lets other threads go on, detached meanwhile.
    ///
    /// # Safety
    ///
    /// The thread is attached, and holds no word.
    unsafe fn pause(&self);

    /// Frees a wrapper's storage and the reference to its class. May run Python code.
    ///
    /// # Safety
    ///
    /// Nobody names the wrapper any more; the thread is attached.
    unsafe fn free_storage(&self, wrapper: Wrapper);

    /// Whether anybody but this one strong reference may hold the object. Quiet.
    ///
    /// # Safety
    ///
    /// The caller owns a strong reference.
    unsafe fn others_hold(&self, object: Object) -> bool;

    /// The word names the wrapper, which shows the object from here on: if its class keeps state, the
    /// object owns it while others hold the object. May run anything.
    ///
    /// Nothing, like the two below, where wrappers with state are freed on each drop.
    ///
    /// # Safety
    ///
    /// The caller owns a Python reference to the wrapper, whose handle is the object; attached.
    unsafe fn shown(&self, _wrapper: Wrapper, _object: Object) {}

    /// The wrapper does not show the object any more, which lives: the object does not own it any more.
    /// May run anything.
    ///
    /// # Safety
    ///
    /// The caller owns a Python reference to the wrapper, and a strong one to the object; attached.
    unsafe fn emptied(&self, _wrapper: Wrapper, _object: Object) {}

    /// The wrapper that showed the object is dead, and its reference is given back in a moment. Quiet.
    ///
    /// # Safety
    ///
    /// The caller owns that reference; attached.
    unsafe fn ended(&self, _object: Object) {}

    /// The wrapper's count is 0: if others hold the object, makes it live on, with one Python reference,
    /// which is the object's. Quiet.
    ///
    /// # Safety
    ///
    /// The wrapper's storage is the caller's, its word is held and names it, its class is stateless; attached.
    unsafe fn take(&self, _wrapper: Wrapper, _object: Object) -> bool {
        false
    }

    /// Gives a strong reference back. May run anything.
    ///
    /// # Safety
    ///
    /// The caller owns it.
    unsafe fn dec_object(&self, object: Object);
}
