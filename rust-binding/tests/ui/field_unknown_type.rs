//! A type that is no kind of field, and that nobody has heard of.
use rust_binding::prelude::*;

struct Own;

#[derive(Object)]
#[object(key = "ui.Holder")]
#[repr(C)]
struct Holder {
    header: ObjectHeader,
    own: Own,
    maybe: Optional<Own>,
}

fn main() {}
