//! References that come and go on threads that never attach, while Python does what it likes.

use rust_binding::prelude::*;

use crate::holds::hold;
use crate::threads::start;

/// Keeps its argument, which it was lent: the reference is taken while the interpreter is released.
#[function(name = "test_library.hold_released", releases_interpreter)]
fn hold_released(value: Any) -> i64 {
    hold(value)
}

/// Starts a thread that takes and drops further references to the object, down to its own and up again, and
/// its own in the end.
fn drop_slowly(object: ObjectRef, rounds: u32) {
    start(move || {
        for round in 0..rounds {
            let more: Vec<_> = (0..round % 3).map(|_| object.clone()).collect();
            drop(more);
        }
    });
}

/// Starts a thread that makes strong references of a weak one and drops them, as long as there is an object.
fn upgrade_repeatedly(object: ObjectRef, rounds: u32) {
    let weak = ObjectArc::downgrade(&object);
    drop(object);
    start(move || {
        for _ in 0..rounds {
            match weak.upgrade() {
                Some(strong) => drop(strong),
                None => break,
            }
        }
    });
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .free_function::<hold_released>()
        .function("test_library.drop_slowly", drop_slowly)
        .function("test_library.upgrade_repeatedly", upgrade_repeatedly);
}
