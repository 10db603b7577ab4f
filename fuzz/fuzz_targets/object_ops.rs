//! See `tieback_fuzz::object_ops`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| tieback_fuzz::run::<tieback_fuzz::object_ops::World>(bytes)
);
