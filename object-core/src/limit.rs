//! Counts that run over: the highest bit of a half says so, and the process ends.

/// Whether the highest bit of a half is set.
#[inline]
pub(crate) fn is_flagged(half: u32) -> bool {
    half >> 31 != 0
}

/// Ends the process: a count that ran over would free an object that is in use.
#[cold]
#[inline(never)]
pub(crate) fn abort(why: &str) -> ! {
    // Aborts with or without std: there is no other portable way in core.
    struct Stop;
    impl Drop for Stop {
        fn drop(&mut self) {
            panic!("the process ends here");
        }
    }
    let _stop = Stop; // a panic while panicking aborts
    panic!("{why}");
}
