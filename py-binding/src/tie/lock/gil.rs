//! The GIL is the lock: whoever is attached holds every word. Compiles to a load and a store.

use alloc_header::primitive::sync::atomic::{AtomicUsize, Ordering};

use crate::tie::lock::Lock;
use crate::tie::word::Word;

/// The lock of builds with a GIL.
#[derive(Debug)]
pub enum Gil {}

impl Lock for Gil {
    const SHARED: bool = false;

    #[inline]
    fn acquire(word: &AtomicUsize) -> Word {
        // Acquire: pairs with the Release below, through whichever thread had the GIL before.
        Word::from_bits(word.load(Ordering::Acquire))
    }

    #[inline]
    fn release(word: &AtomicUsize, was: Word, now: Word) {
        if was != now {
            // Release: what was done to the wrapper happens before anybody finds it through the
            // word, also the unattached thread that frees the object last.
            word.store(now.bits(), Ordering::Release);
        }
    }
}
