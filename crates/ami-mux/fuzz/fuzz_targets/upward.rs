//! Nothing that a client sends makes an Asterisk read anything but the actions that it may run.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ami_mux_fuzz::upward(input));
