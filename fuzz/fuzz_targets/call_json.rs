//! Feeds `toolgate_fuzz::call_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| toolgate_fuzz::call_json(data));
