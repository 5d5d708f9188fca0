//! Feeds `toolgate_fuzz::tools_list`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| toolgate_fuzz::tools_list(data));
