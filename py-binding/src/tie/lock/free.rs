//! A bit of the word is its lock: builds of CPython without a GIL.
//!
//! Held for a handful of instructions that neither run Python code, allocate, nor wait (I6). So
//! whoever waits here waits for a thread that is at work or was put aside by the scheduler, never
//! for one that waits in turn; in particular the interpreter cannot stop a thread that holds a word.

use alloc_header::primitive::hint::spin_loop;
use alloc_header::primitive::sync::atomic::{AtomicUsize, Ordering};

use crate::tie::lock::Lock;
use crate::tie::word::Word;

/// The lock of free-threaded builds.
#[derive(Debug)]
pub enum Free {}

impl Lock for Free {
    const SHARED: bool = true;

    #[inline]
    fn acquire(word: &AtomicUsize) -> Word {
        // Relaxed: a guess, which the exchange checks.
        let mut seen = Word::from_bits(word.load(Ordering::Relaxed));
        let mut waited = 0;
        loop {
            if seen.is_locked() {
                relax(waited);
                waited += 1;
                seen = Word::from_bits(word.load(Ordering::Relaxed));
                continue;
            }
            // Acquire: what the last holder did happens before what we do.
            match word.compare_exchange_weak(
                seen.bits(),
                seen.locked().bits(),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return seen,
                Err(now) => seen = Word::from_bits(now),
            }
        }
    }

    #[inline]
    fn release(word: &AtomicUsize, _was: Word, now: Word) {
        // Release: what we did happens before what the next holder does, or the thread that frees
        // the object. A plain store: while the bit is set, nobody else writes the word.
        word.store(now.bits(), Ordering::Release);
    }
}

/// Waits a moment: the processor's hint first, then the scheduler.
#[cold]
fn relax(waited: u32) {
    #[cfg(not(loom))]
    if waited > 64 {
        std::thread::yield_now();
        return;
    }
    let _ = waited;
    spin_loop();
}
