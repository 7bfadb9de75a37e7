//! Nothing that a node says reaches a client whom it does not answer and who may not see it.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ami_mux_fuzz::downward(input));
