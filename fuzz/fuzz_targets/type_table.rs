//! See `tieback_fuzz::type_table`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| tieback_fuzz::run::<tieback_fuzz::type_table::World>(bytes)
);
