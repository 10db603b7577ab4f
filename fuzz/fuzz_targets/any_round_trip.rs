//! See `tieback_fuzz::any_round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| tieback_fuzz::run::<tieback_fuzz::any_round_trip::World>(bytes)
);
