//! Counts that would run over end the process first. Each case is this very program, started again.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]
#![allow(unsafe_code)]

use std::mem::forget;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use object_core::{ObjectArc, ObjectHeader, ObjectRef};

const WEAK_ONE: u64 = 1 << 32;
const SHARED: u64 = 1 << 63;

/// An object whose counts say `word`.
fn counted(word: u64) -> ObjectRef {
    let object = ObjectArc::new(ObjectHeader::new());
    // SAFETY: the counts are the body's first 8 bytes, an atomic.
    unsafe { ObjectArc::as_ptr(&object).cast::<AtomicU64>().as_ref() }
        .store(word, Ordering::Relaxed);
    object
}

/// What each case does; true if the process must live through it.
fn case(name: &str) -> bool {
    let strong = |count: u64| counted(count + WEAK_ONE);
    let weak = |count: u64| counted(1 + count * WEAK_ONE);
    match name {
        "strong below" => forget((strong((1 << 31) - 1).clone(), 0)),
        "strong" => forget(strong(1 << 31).clone()),
        "flagged" => forget(counted((1 << 31) + WEAK_ONE + SHARED).clone()),
        "upgrade" => {
            let object = strong(1 << 31);
            let weak = ObjectArc::downgrade(&object);
            forget((weak.upgrade(), weak, object));
        }
        "weak below" => {
            let object = weak((1 << 30) - 1);
            forget((ObjectArc::downgrade(&object), object));
        }
        "weak" => {
            let object = weak(1 << 30);
            forget((ObjectArc::downgrade(&object), object));
        }
        "unplaced" => {
            let header = ObjectHeader::new();
            // SAFETY: it is none, which is what is tried: a value that was never placed.
            drop(unsafe { ObjectRef::from_raw(std::ptr::NonNull::from(&header)) });
        }
        other => panic!("no case is called {other}"),
    }
    name.ends_with("below")
}

#[test]
fn counts_past_their_limit_end_the_process_and_below_do_not() {
    if let Ok(name) = std::env::var("TIEBACK_LIMITS_CASE") {
        case(&name);
        println!("lived through it");
        return;
    }
    let program = std::env::current_exe().unwrap();
    for (name, words) in [
        ("strong below", ""),
        ("strong", "more than 2^31 strong references"),
        ("flagged", "more than 2^31 strong references"),
        ("upgrade", "more than 2^31 strong references"),
        ("weak below", ""),
        ("weak", "more than 2^30 weak references"),
        ("unplaced", "never placed"),
    ] {
        let test = "counts_past_their_limit_end_the_process_and_below_do_not";
        let mut again = Command::new(&program);
        again
            .args([test, "--exact", "--nocapture"])
            .env("TIEBACK_LIMITS_CASE", name);
        // What is forgotten there is no leak.
        again.env("ASAN_OPTIONS", "detect_leaks=0");
        let output = again.output().unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let lived = out.contains("lived through it");
        assert_eq!(
            (lived, output.status.success()),
            (words.is_empty(), words.is_empty()),
            "{name}: {err}"
        );
        assert!(err.contains(words), "{name}: {err}");
    }
}
