//! See `tieback_fuzz::packed_calls`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| tieback_fuzz::run::<tieback_fuzz::packed_calls::World>(bytes)
);
