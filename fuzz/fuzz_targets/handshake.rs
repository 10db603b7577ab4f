//! See `tieback_fuzz::handshake`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| tieback_fuzz::run::<tieback_fuzz::handshake::World>(bytes)
);
