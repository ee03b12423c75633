#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nopoll_fuzz::inflate::check(data));
