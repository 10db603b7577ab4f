//! Trimming under every interleaving (free-threaded builds): a trim follows the mark in storage to an object
//! that others revive, drop and free; and with one weakness at a time, which a model must find. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p py-binding --no-default-features --release --test trim_loom`.
//!
//! The memory of an object and of a wrapper is a cell that loom watches, as in `tie_loom.rs`.

#![cfg(loom)]
#![allow(unsafe_code)]

#[path = "../../object-core/tests/modelled/run.rs"]
#[macro_use]
mod run;

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use alloc_header::primitive::sync::atomic::{AtomicPtr, AtomicUsize};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::fence;
use loom::thread;
use py_binding::tie::lock::{Free, peek};
use py_binding::tie::mark;
use py_binding::tie::word::{State, Wrapper};
use py_binding::tie::{Host, Object, dealloc, kept_storage, trim, wrap};

/// Whether it is there.
type Memory = UnsafeCell<bool>;

fn there(memory: &Memory) {
    // SAFETY: loom checks it.
    memory.with(|alive| assert!(unsafe { *alive }, "used after its end"));
}

fn end(memory: &Memory) {
    // SAFETY: loom checks it.
    memory.with_mut(|alive| unsafe {
        assert!(*alive, "ended twice");
        *alive = false;
    });
}

#[repr(align(16))]
struct Face {
    count: AtomicUsize,
    handle: AtomicPtr<c_void>,
    memory: Memory,
}

#[repr(align(16))]
struct Body {
    word: AtomicUsize,
    strong: AtomicUsize,
    memory: Memory,
    /// The shard: its lock, and the storage it lists.
    listed: Mutex<Option<usize>>,
    made: std::sync::atomic::AtomicUsize,
    freed: std::sync::atomic::AtomicUsize,
}

fn face<'a>(wrapper: Wrapper) -> &'a Face {
    // SAFETY: leaked.
    unsafe { wrapper.cast::<Face>().as_ref() }
}

fn body<'a>(object: Object) -> &'a Body {
    // SAFETY: leaked.
    unsafe { object.cast::<Body>().as_ref() }
}

const SOUND: u8 = 0;
/// An object that dies does not wait for whoever trims.
const DIES_AT_ONCE: u8 = 1;
/// Who revives storage does not wait for whoever trims.
const REVIVES_AT_ONCE: u8 = 2;
/// Storage is freed while it is listed.
const STAYS_LISTED: u8 = 3;

#[derive(Clone, Copy)]
struct Model<const FLAW: u8>(Object);

// SAFETY: an address of something that loom watches.
unsafe impl<const FLAW: u8> Send for Model<FLAW> {}

// SAFETY: does what each method says, on the model.
unsafe impl<const FLAW: u8> Host for Model<FLAW> {
    type Error = ();
    type Lock = Free;
    const PATIENCE: u32 = 2;

    unsafe fn word<'a>(&self, object: Object) -> Option<&'a AtomicUsize> {
        there(&body(object).memory);
        Some(&body(object).word)
    }

    unsafe fn try_incref(&self, wrapper: Wrapper) -> bool {
        there(&face(wrapper).memory);
        let count = &face(wrapper).count;
        let mut seen = count.load(Relaxed);
        while seen != 0 {
            match count.compare_exchange(seen, seen + 1, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    unsafe fn is_stateless(&self, _: Wrapper) -> bool {
        true
    }

    unsafe fn fresh(&self, _: Object) -> Result<Wrapper, ()> {
        let add = |count: &std::sync::atomic::AtomicUsize| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
        };
        add(&body(self.0).made);
        let face = Box::leak(Box::new(Face {
            count: AtomicUsize::new(1),
            handle: AtomicPtr::new(null_mut()),
            memory: Memory::new(true),
        }));
        Ok(NonNull::from(face).cast())
    }

    unsafe fn handle(&self, wrapper: Wrapper) -> Option<Object> {
        let object = NonNull::new(face(wrapper).handle.load(Acquire))?;
        assert_eq!(object.as_ptr().align_offset(16), 0, "a mark was left");
        Some(object)
    }

    unsafe fn set_handle(&self, wrapper: Wrapper, object: Option<Object>) {
        let handle = object.map_or(null_mut(), |object| object.as_ptr());
        face(wrapper).handle.store(handle, Release);
    }

    unsafe fn expect_kept(&self, wrapper: Wrapper) {
        *body(self.0).listed.lock().unwrap() = Some(wrapper.as_ptr().expose_provenance());
    }

    unsafe fn keep_for(&self, wrapper: Wrapper, object: Object) {
        mark::keep(&face(wrapper).handle, object);
    }

    unsafe fn keep_no_more(&self, wrapper: Wrapper) {
        if FLAW == REVIVES_AT_ONCE {
            face(wrapper).handle.store(null_mut(), Release);
        } else {
            mark::keep_no_more(&face(wrapper).handle);
        }
    }

    unsafe fn revive(&self, wrapper: Wrapper) {
        // Rebuilding writes all of it but the handle: nobody may look at the rest meanwhile.
        // SAFETY: loom checks it.
        face(wrapper)
            .memory
            .with_mut(|alive| assert!(unsafe { *alive }, "freed storage was revived"));
        assert_eq!(face(wrapper).count.swap(1, Relaxed), 0);
    }

    unsafe fn arm(&self, _: Wrapper) {}

    unsafe fn pause(&self) {
        thread::yield_now();
    }

    unsafe fn free_storage(&self, wrapper: Wrapper) {
        if FLAW != STAYS_LISTED {
            let mut listed = body(self.0).listed.lock().unwrap();
            if *listed == Some(wrapper.as_ptr().addr()) {
                *listed = None;
            }
        }
        end(&face(wrapper).memory);
        let freed = &body(self.0).freed;
        freed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    unsafe fn others_hold(&self, object: Object) -> bool {
        body(object).strong.load(Relaxed) > 1
    }

    unsafe fn dec_object(&self, object: Object) {
        let body = body(object);
        there(&body.memory);
        if body.strong.fetch_sub(1, Release) > 1 {
            return;
        }
        fence(Acquire);
        // delete_space
        if let Some(kept) = kept_storage(peek(&body.word)) {
            let is_left = FLAW == DIES_AT_ONCE || {
                let _shard = body.listed.lock().unwrap();
                let is_left = peek(&body.word).state() == State::Inactive(kept);
                if is_left {
                    face(kept).handle.store(null_mut(), Relaxed);
                }
                is_left
            };
            if is_left {
                // SAFETY: the word was the only one to name it.
                unsafe { self.free_storage(kept) };
            }
        }
        end(&body.memory);
    }
}

impl<const FLAW: u8> Model<FLAW> {
    /// An object with so many strong references, and storage that is kept.
    fn inactive(strong: usize) -> Self {
        let model = Self(
            NonNull::from(Box::leak(Box::new(Body {
                word: AtomicUsize::new(0),
                strong: AtomicUsize::new(strong + 1),
                memory: Memory::new(true),
                listed: Mutex::new(None),
                made: 0.into(),
                freed: 0.into(),
            })))
            .cast(),
        );
        model.fetch();
        let state = peek(&body(model.0).word).state();
        assert!(matches!(state, State::Inactive(_)));
        model
    }

    /// Shows the object and drops the wrapper; takes a strong reference.
    fn fetch(self) {
        // SAFETY: a reference of the model's.
        let wrapper = unsafe { wrap(&self, self.0) }.expect("never fails");
        there(&face(wrapper).memory);
        self.drop_python(wrapper);
    }

    fn drop_python(self, wrapper: Wrapper) {
        if face(wrapper).count.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: its count is 0.
            let _ = unsafe { dealloc(&self, wrapper) };
        }
    }

    fn drop_native(self) {
        // SAFETY: a reference of the model's.
        unsafe { self.dec_object(self.0) };
    }

    /// As `py/kept.rs` looks through a region, then frees what it has taken.
    fn trim(self) {
        let mut taken = None;
        let mut listed = body(self.0).listed.lock().unwrap();
        if let Some(at) = *listed {
            let storage = NonNull::new(core::ptr::with_exposed_provenance_mut(at)).unwrap();
            if FLAW == STAYS_LISTED {
                there(&face(storage).memory);
            }
            if let Some(object) = mark::look(&face(storage).handle) {
                // SAFETY: the block is there, which is what this file is about.
                let trimmed = unsafe { trim(&self, storage, object) };
                mark::look_away(&face(storage).handle, object, trimmed);
                if trimmed {
                    *listed = None;
                    taken = Some(storage);
                }
            }
        }
        drop(listed);
        if let Some(storage) = taken {
            // SAFETY: the word that named it does no more.
            unsafe { self.free_storage(storage) };
        }
    }

    /// Everything was let go of: object and storage are gone, each once.
    fn over(self) {
        let body = body(self.0);
        body.memory
            // SAFETY: loom checks it.
            .with(|alive| assert!(!unsafe { *alive }, "a reference was lost"));
        let load = |count: &std::sync::atomic::AtomicUsize| {
            count.load(std::sync::atomic::Ordering::SeqCst)
        };
        assert_eq!(load(&body.made), load(&body.freed), "storage was lost");
    }
}

/// The object dies while its storage is trimmed.
fn trim_against_the_last_drop<const FLAW: u8>() {
    let model = Model::<FLAW>::inactive(1);
    let other = thread::spawn(move || model.drop_native());
    model.trim();
    other.join().unwrap();
    model.over();
}

/// The storage is revived, the wrapper dropped, and the object dies.
fn trim_against_a_revival<const FLAW: u8>() {
    let model = Model::<FLAW>::inactive(1);
    let other = thread::spawn(move || model.fetch());
    model.trim();
    other.join().unwrap();
    model.over();
}

/// It is revived and kept again; the object lives on.
fn trim_against_a_revival_that_is_kept<const FLAW: u8>() {
    let model = Model::<FLAW>::inactive(2);
    let other = thread::spawn(move || model.fetch());
    model.trim();
    other.join().unwrap();
    model.trim();
    assert_eq!(peek(&body(model.0).word).state(), State::Detached);
    model.drop_native();
    model.over();
}

/// One revives, one lets go, one trims.
fn trim_against_both<const FLAW: u8>() {
    let model = Model::<FLAW>::inactive(2);
    let fetches = thread::spawn(move || model.fetch());
    let drops = thread::spawn(move || model.drop_native());
    model.trim();
    fetches.join().unwrap();
    drops.join().unwrap();
    model.over();
}

#[test]
fn trimming_passes_every_model_and_each_weakness_fails_its_own() {
    models! {
        within run::waiting();

        holds trim_against_the_last_drop::<SOUND>;
        holds trim_against_a_revival::<SOUND>;
        holds trim_against_a_revival_that_is_kept::<SOUND>;
        holds trim_against_both::<SOUND>;

        is_caught trim_against_the_last_drop::<DIES_AT_ONCE>;
        is_caught trim_against_a_revival::<REVIVES_AT_ONCE>;
        is_caught trim_against_a_revival_that_is_kept::<REVIVES_AT_ONCE>;
        is_caught trim_against_both::<DIES_AT_ONCE>;
        is_caught trim_against_both::<REVIVES_AT_ONCE>;
        is_caught trim_against_the_last_drop::<STAYS_LISTED>;
    }
}
