//! Methods of a type that the derive has not seen.
use rust_binding::prelude::*;

#[repr(C)]
struct ByHand {
    header: ObjectHeader,
}

// SAFETY: repr(C), the header first; nothing runs here.
unsafe impl Object for ByHand {
    fn type_index() -> Result<i32, RegisterError> {
        TypeBuilder::<Self>::new("ui.ByHand").register()
    }
}

#[methods]
impl ByHand {
    fn one() {}
}

fn main() {}
