//! The n-th allocation refused, for every n.

use object_core::NewError;

use super::heap::{failing, live};

/// Calls `make` with ever later failures until it succeeds; nothing is live after each failure that
/// was not before. Answers how often it failed.
pub(crate) fn sweep<T, E>(make: impl Fn() -> Result<T, E>, failed: impl Fn(E)) -> usize {
    for nth in 1..100 {
        let before = live();
        let (made, came_to_it) = failing(nth, &make);
        match made {
            Ok(value) => {
                assert!(!came_to_it, "number {nth} was refused, and nobody noticed");
                drop(value);
                assert_eq!(live(), before, "after the success");
                return nth - 1;
            }
            Err(error) => failed(error),
        }
        assert_eq!(live(), before, "after the refusal of number {nth}");
    }
    panic!("it never succeeds");
}

pub(crate) fn no_block(error: NewError) {
    assert!(matches!(error, NewError::Alloc(_)), "{error}");
}
