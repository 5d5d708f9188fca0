//! Feeds `toolgate_fuzz::policy_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| toolgate_fuzz::policy_text(data));
