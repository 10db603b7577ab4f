//! See `tieback_fuzz::block_layout`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| tieback_fuzz::run::<tieback_fuzz::block_layout::World>(bytes)
);
