//! CPython as the tie's host.

use core::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use alloc_header::{delete_space_of, is_mine, word_of};
use object_core::ObjectHeader;
use object_core::refs::dec_ref;
use pyo3::ffi;

use crate::py::allocator::{far, near};
use crate::py::begin;
use crate::py::classes;
use crate::py::counts::{self, Count};
use crate::py::kept;
use crate::py::raise::Raised;
use crate::py::refs;
use crate::py::share;
use crate::py::wrapper::{self, state};
use crate::tie::lock::{ThisBuild, assert_none_held};
use crate::tie::mark;
use crate::tie::{Host, Object, Wrapper};

/// This interpreter.
pub(crate) struct Cpython;

/// The back word, if the object is tied: its flags prove a header, and the header is ours.
///
/// # Safety
///
/// The object is alive for `'a`.
#[inline]
pub(crate) unsafe fn tied_word<'a>(object: NonNull<ObjectHeader>) -> Option<&'a AtomicUsize> {
    // SAFETY: alive by the caller's contract.
    if !unsafe { object.as_ref() }.is_headed() {
        return None;
    }
    // SAFETY: the flag proves that an allocation header stands in front of the body.
    let delete_space = unsafe { delete_space_of(object.cast()) };
    // SAFETY: if the header is ours, its word is a back word.
    is_mine(delete_space, near, far).then(|| unsafe { word_of(object.cast()) })
}

fn python(wrapper: Wrapper) -> *mut ffi::PyObject {
    wrapper.as_ptr().cast()
}

/// # Safety
///
/// As [`begin::revive`].
#[inline(never)]
unsafe fn revive_tracked(object: *mut ffi::PyObject) {
    // SAFETY: the caller's contract; kept storage is untracked.
    unsafe {
        begin::revive(object);
        ffi::PyObject_GC_Track(object.cast());
    }
}

// SAFETY: each method does what the trait says, see there.
unsafe impl Host for Cpython {
    type Error = Raised;
    type Lock = ThisBuild;

    /// A thread that has only to settle does so as soon as it runs; each round lets it.
    const PATIENCE: u32 = 1000;

    #[inline]
    unsafe fn word<'a>(&self, object: Object) -> Option<&'a AtomicUsize> {
        // SAFETY: the trait's contract.
        unsafe { tied_word(object.cast()) }
    }

    #[inline]
    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { refs::try_incref(python(wrapper)) }
    }

    #[inline]
    unsafe fn is_stateless(&self, wrapper: Wrapper) -> bool {
        // One that shares its object's life had state until its class lost that (`del Class.__del__`): it is
        // not kept.
        // SAFETY: storage keeps its class.
        unsafe {
            !wrapper::storage(python(wrapper)).is(wrapper::state::SHARES)
                && wrapper::is_stateless(ffi::Py_TYPE(python(wrapper)))
        }
    }

    #[inline]
    unsafe fn settles_at_once(&self, wrapper: Wrapper) -> bool {
        // The interpreter's own teardown, of its subclasses, may be parked.
        // SAFETY: storage keeps its class.
        unsafe { classes::has_teardown(python(wrapper)) }
    }

    #[inline]
    unsafe fn may_be_kept(&self, wrapper: Wrapper) -> bool {
        // SAFETY: the trait's contract.
        unsafe { share::may_be_kept(python(wrapper)) }
    }

    unsafe fn overtaken(&self, object: Object) {
        // SAFETY: the trait's contract.
        unsafe { share::overtaken(object.cast()) };
    }

    unsafe fn fresh(&self, object: Object) -> Result<Wrapper, Raised> {
        assert_none_held();
        // SAFETY: alive by the trait's contract.
        let header = unsafe { object.cast::<ObjectHeader>().as_ref() };
        // SAFETY: attached by the trait's contract; the class is alive: its record keeps it.
        unsafe {
            let record = classes::for_type(header.type_index())?;
            let fresh = record.instantiate();
            if fresh.is_null() {
                return Err(Raised);
            }
            refs::note_thread(fresh);
            Ok(wrapper::as_wrapper(fresh))
        }
    }

    #[inline]
    unsafe fn handle(&self, wrapper: Wrapper) -> Option<Object> {
        // SAFETY: the trait's contract.
        NonNull::new(unsafe { wrapper::storage(python(wrapper)) }.address()).map(NonNull::cast)
    }

    #[inline]
    unsafe fn set_handle(&self, wrapper: Wrapper, object: Option<Object>) {
        let handle = object.map_or(null_mut(), |object| object.as_ptr().cast());
        // SAFETY: the trait's contract.
        let handle_of = unsafe { &wrapper::storage(python(wrapper)).handle };
        // Release: what was done to the object happens before anybody reaches it through the handle.
        handle_of.store(handle, Ordering::Release);
    }

    #[inline]
    unsafe fn expect_kept(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract.
        unsafe {
            let there = wrapper::storage(python(wrapper));
            if there.state.load(Ordering::Relaxed) & state::LISTED == 0 {
                kept::list(python(wrapper));
            }
        }
    }

    #[inline]
    unsafe fn keep_for(&self, wrapper: Wrapper, object: Object) {
        // SAFETY: the trait's contract.
        mark::keep(
            unsafe { &wrapper::storage(python(wrapper)).handle },
            object.cast(),
        );
    }

    #[inline]
    unsafe fn keep_no_more(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract.
        mark::keep_no_more(unsafe { &wrapper::storage(python(wrapper)).handle });
    }

    #[inline]
    unsafe fn revive(&self, wrapper: Wrapper) {
        let object = python(wrapper);
        // SAFETY: the trait's contract. Classes that are collected track their instances while they
        // live; kept storage is untracked.
        unsafe {
            let state = &wrapper::storage(object).state;
            state.store(
                state.load(Ordering::Relaxed) & state::LISTED,
                Ordering::Relaxed,
            );
            counts::add_attached(Count::Kept, -1);
            if refs::is_collected(ffi::Py_TYPE(object)) {
                revive_tracked(object);
            } else {
                begin::revive(object);
            }
        }
    }

    #[inline(always)]
    unsafe fn is_plain(&self, kept: Wrapper) -> bool {
        let object = python(kept);
        // SAFETY: the trait's contract.
        unsafe {
            begin::REVIVES_PLAINLY
                && !refs::is_collected(ffi::Py_TYPE(object))
                && wrapper::storage(object).state.load(Ordering::Relaxed) & !state::LISTED == 0
        }
    }

    #[inline(always)]
    unsafe fn revive_plain(&self, kept: Wrapper) {
        counts::add_attached(Count::Kept, -1);
        // SAFETY: the trait's contract.
        unsafe { begin::revive_plain(python(kept)) };
    }

    #[inline(always)]
    unsafe fn goes_back(&self, wrapper: Wrapper, object: Object) -> bool {
        // SAFETY: the trait's contract; storage keeps its class.
        unsafe {
            let said = wrapper::storage(python(wrapper))
                .state
                .load(Ordering::Acquire);
            object.cast::<ObjectHeader>().as_ref().is_busy()
                && said & (state::LISTED | state::SHARES) == state::LISTED
                && wrapper::is_stateless(ffi::Py_TYPE(python(wrapper)))
        }
    }

    #[inline]
    unsafe fn arm(&self, wrapper: Wrapper) {
        // SAFETY: the trait's contract.
        unsafe { refs::arm(python(wrapper)) };
    }

    unsafe fn pause(&self) {
        assert_none_held();
        // SAFETY: the trait's contract.
        unsafe { refs::pause() };
    }

    #[inline]
    unsafe fn free_storage(&self, wrapper: Wrapper) {
        assert_none_held();
        // SAFETY: the trait's contract.
        unsafe { wrapper::free(python(wrapper)) };
    }

    #[inline]
    unsafe fn others_hold(&self, object: Object) -> bool {
        // SAFETY: alive by the caller's reference.
        !unsafe { object.cast::<ObjectHeader>().as_ref() }
            .counts()
            .is_unique()
    }

    #[inline]
    unsafe fn shown(&self, wrapper: Wrapper, object: Object) {
        assert_none_held();
        // SAFETY: the trait's contract.
        unsafe { share::begin(python(wrapper), object.cast()) };
    }

    #[inline]
    unsafe fn emptied(&self, wrapper: Wrapper, object: Object) {
        assert_none_held();
        // SAFETY: the trait's contract.
        unsafe { share::end(python(wrapper), object.cast()) };
    }

    #[inline]
    unsafe fn ended(&self, object: Object) {
        // SAFETY: the trait's contract.
        unsafe { share::died(object.cast()) };
    }

    unsafe fn take(&self, wrapper: Wrapper, object: Object) -> bool {
        // SAFETY: the trait's contract.
        unsafe { share::take(python(wrapper), object.cast()) }
    }

    #[inline]
    unsafe fn dec_object(&self, object: Object) {
        assert_none_held();
        // SAFETY: the trait's contract.
        unsafe { dec_ref(object.cast()) };
    }
}
