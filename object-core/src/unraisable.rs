//! Errors that nobody can catch: a destructor's panic. The frontend is told, if one asked.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::{ByteSlice};

/// Who is told.
pub(crate) type Hook = unsafe extern "C" fn(message: ByteSlice);

static HOOK: AtomicPtr<()> = AtomicPtr::new(null_mut());

fn as_hook(address: *mut ()) -> Option<Hook> {
    // SAFETY: null (None) or what `set_hook` stored: an Option<fn> has the layout of a pointer.
    unsafe { core::mem::transmute::<*mut (), Option<Hook>>(address) }
}

/// The table's `report_unraisable`.
pub(crate) unsafe extern "C" fn report(message: ByteSlice) {
    if let Some(hook) = as_hook(HOOK.load(Ordering::Acquire)) {
        // SAFETY: the hook's contract: any thread, a readable message.
        unsafe { hook(message) };
    }
}

/// The table's `set_unraisable_hook`.
pub(crate) unsafe extern "C" fn set_hook(hook: Option<Hook>) -> Option<Hook> {
    let address = hook.map_or(null_mut(), |hook| hook as *mut ());
    as_hook(HOOK.swap(address, Ordering::AcqRel))
}
