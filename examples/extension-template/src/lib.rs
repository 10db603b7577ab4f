//! A library of native objects: one type, and a function that takes any language's function.

mod counter;

use rust_binding::prelude::*;

pub use counter::Counter;

/// Counts how often `function` says yes to the numbers below `limit`.
#[function(name = "my_library.count")]
fn count(limit: i64, function: Function) -> Result<ObjectArc<Counter>, Error> {
    let counter = Counter::new(0);
    for number in 0..limit {
        if function.call::<bool>((number,))? {
            Counter::add(&counter, 1)?;
        }
    }
    Ok(counter)
}

rust_binding::export_library!(|exports| {
    exports.object_type::<Counter>().free_function::<count>();
    Ok(())
});
