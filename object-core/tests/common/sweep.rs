//! The n-th allocation refused, for every n.

use object_core::NewError;

use super::heap::{failing, live};

/// Calls `make` with ever later failures until it succeeds; nothing is live after each failure that
/// was not before. Answers how often it failed, and what it made.
pub(crate) fn refusals<T, E>(make: impl Fn() -> Result<T, E>, failed: impl Fn(E)) -> (usize, T) {
    for nth in 1..100 {
        let before = live();
        let (made, came_to_it) = failing(nth, &make);
        match made {
            Ok(value) => {
                assert!(!came_to_it, "number {nth} was refused, and nobody noticed");
                return (nth - 1, value);
            }
            Err(error) => failed(error),
        }
        assert_eq!(live(), before, "after the refusal of number {nth}");
    }
    panic!("it never succeeds");
}

/// How often `make` failed; what it made is dropped, and leaves nothing behind either.
pub(crate) fn sweep<T, E>(make: impl Fn() -> Result<T, E>, failed: impl Fn(E)) -> usize {
    let before = live();
    let (times, made) = refusals(make, failed);
    drop(made);
    assert_eq!(live(), before, "after the success");
    times
}

pub(crate) fn no_block(error: NewError) {
    assert!(matches!(error, NewError::Alloc(_)), "{error}");
}
