//! Whatever happens to a node, each submission gets exactly one final answer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ami_mux_fuzz::operations(input));
