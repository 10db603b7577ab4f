//! Errors: what they say, whom they keep, and that there is always one.

#![cfg(all(not(loom), feature = "infallible", feature = "default-backing"))]

mod common;

use common::heap::{Heap, failing, live};
use common::{Drops, Noisy, baseline};
use object_core::{AllocError, Error, NewError, ObjectArc, RegisterError};

#[global_allocator]
static HEAP: Heap = Heap;

#[test]
fn kind_and_message_come_back_short_and_long() {
    let before = baseline();
    let long = "a message that is longer than any short string";
    for (kind, message) in [
        ("", ""),
        ("E", "m"),
        ("KeyErr!", "7 bytes"),
        ("ValueError", "short"),
        ("E", long),
        (long, long),
    ] {
        let error = Error::new(kind, message);
        let clone = error.clone();
        drop(error);
        assert_eq!((clone.kind(), clone.message()), (kind, message));
        assert_eq!(clone.to_string(), format!("{kind}: {message}"));
        assert_eq!(format!("{clone:?}"), clone.to_string());
        assert!(clone.traceback().is_empty());
    }
    assert_eq!(live(), before);
}

#[test]
fn they_keep_their_cause_and_context_and_drop_them() {
    let (drops, before) = (Drops::new(), baseline());
    let context = ObjectArc::upcast(Noisy::place(&drops));
    let cause = Error::new("OSError", "below");
    let error = Error::try_with("E", "above", Some(cause), Some(context)).unwrap();
    let context = error.context().unwrap();
    assert_eq!(ObjectArc::strong_count(&context), 2);
    assert_eq!(error.cause().unwrap().kind(), "OSError");
    drop(error);
    assert_eq!((ObjectArc::strong_count(&context), drops.count()), (1, 0));
    drop(context);
    assert_eq!((drops.count(), live()), (1, before));
}

#[test]
fn a_formatted_error_without_memory_says_so_and_does_not_end_the_process() {
    let before = baseline();
    let text = "some text that does not fit into a value";
    let mut failures = 0;
    for nth in 1.. {
        let made = || Error::format("ValueError", format_args!("{text}: {}", nth));
        let (error, failed) = failing(nth, made);
        if !failed {
            assert_eq!(error.message(), format!("{text}: {nth}"));
            break;
        }
        assert_eq!(error.kind(), "MemoryError");
        assert!(ObjectArc::ptr_eq(
            error.as_object(),
            Error::out_of_memory().as_object()
        ));
        failures += 1;
    }
    assert!(failures > 2, "a growing text, two strings, an object");
    assert_eq!(live(), before);
}

#[test]
fn the_error_that_needs_no_memory_is_one_and_never_dies() {
    let ((), _) = failing(1, || {
        let error = Error::out_of_memory();
        error.push_traceback("  File \"x.rs\", line 1, in f");
        assert_eq!(error.kind(), "MemoryError");
        assert!(error.traceback().is_empty(), "it takes no frames");
        assert!(ObjectArc::ptr_eq(
            error.as_object(),
            Error::out_of_memory().as_object()
        ));
        assert!(!ObjectArc::header(error.as_object()).is_headed());
    });
    assert!(ObjectArc::try_unique(Error::out_of_memory().into_object()).is_err());
}

#[test]
fn errors_from_below_become_errors() {
    let alloc = NewError::from(AllocError::new(9, 8));
    assert_eq!(Error::from(alloc).kind(), "MemoryError");
    assert_eq!(
        Error::from(RegisterError::OutOfMemory).kind(),
        "MemoryError"
    );
    let conflict = Error::from(NewError::from(RegisterError::Conflict));
    assert_eq!(conflict.kind(), "ValueError");
    assert!(
        conflict.message().contains("already registered"),
        "{conflict}"
    );
}

/// Each thread's frames are all there, in its order.
#[cfg(feature = "std")]
#[test]
fn no_frame_is_lost_when_threads_push_at_once() {
    const THREADS: usize = 4;
    const FRAMES: usize = 200;
    let error = Error::new("E", "m");
    let start = std::sync::Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (error, start) = (&error, &start);
            scope.spawn(move || {
                start.wait();
                (0..FRAMES).for_each(|nth| error.push_traceback(&format!("{thread} {nth}")));
            });
        }
    });
    let text = error.traceback();
    for thread in 0..THREADS {
        let own = text
            .lines()
            .filter(|line| line.starts_with(&format!("{thread} ")));
        let wanted = (0..FRAMES).map(|nth| format!("{thread} {nth}"));
        assert!(own.eq(wanted), "thread {thread}");
    }
}

#[cfg(feature = "std")]
#[test]
fn frames_pushed_while_others_read_are_seen_whole() {
    let error = Error::new("E", "m");
    let frame = "  File \"a/long/path/to/a/source.rs\", line 1, in f\n";
    std::thread::scope(|scope| {
        scope.spawn(|| (0..100).for_each(|_| error.push_traceback(frame)));
        for _ in 0..100 {
            let seen = error.traceback();
            assert_eq!(seen.len() % frame.len(), 0);
            assert!(
                seen.as_bytes()
                    .chunks(frame.len())
                    .all(|one| one == frame.as_bytes())
            );
            assert!(format!("{:?}", error.as_object()).contains("ErrorObj"));
        }
    });
    assert_eq!(error.traceback().len(), 100 * frame.len());
}

#[cfg(feature = "std")]
#[test]
fn an_io_error_is_of_the_kind_that_python_raises() {
    use std::io::{Error as IoError, ErrorKind};

    let missing = std::fs::read("there/is/no/such/file").unwrap_err();
    let text = missing.to_string();
    let error = Error::from(missing);
    assert_eq!(
        (error.kind(), error.message()),
        ("FileNotFoundError", &*text)
    );
    let denied = || -> Result<(), Error> { Err(IoError::from(ErrorKind::PermissionDenied))? };
    assert_eq!(denied().unwrap_err().kind(), "PermissionError");
    for (kind, name) in [
        (ErrorKind::TimedOut, "TimeoutError"),
        (ErrorKind::OutOfMemory, "MemoryError"),
        (ErrorKind::Other, "OSError"),
    ] {
        assert_eq!(Error::from(IoError::from(kind)).kind(), name);
    }
}
