//! The two classes of the benchmarks, defined in Rust: Python sees them by reflection.

use rust_binding::prelude::*;

/// One number.
#[derive(Object)]
#[object(key = "bench.rust.Inner", constructor)]
#[repr(C)]
pub struct Inner {
    header: ObjectHeader,
    /// It.
    pub val: i64,
}

/// One object.
#[derive(Object)]
#[object(key = "bench.rust.Outer", constructor)]
#[repr(C)]
pub struct Outer {
    header: ObjectHeader,
    /// It.
    pub x: ObjectArc<Inner>,
}

rust_binding::export_library!(|exports| {
    exports.object_type::<Inner>().object_type::<Outer>();
    Ok(())
});
