//! Feeds `toolgate_fuzz::suite`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| toolgate_fuzz::suite(data));
