//! Any filter on any event: compiled or refused, never a panic, and one exclude never lets more through.
//!
//! The input: criteria (none when empty), pattern and event, with bytes 0xff between.

#![no_main]

use ami_access::{EventFilter, EventFilters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |byte| *byte == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let (criteria, pattern, event) = (part(), part(), part());
    let (Ok(criteria), Ok(pattern)) = (str::from_utf8(criteria), str::from_utf8(pattern)) else {
        return;
    };
    let criteria = Some(criteria).filter(|criteria| !criteria.is_empty());
    let Ok(filter) = EventFilter::parse(criteria, pattern) else {
        return;
    };
    let mut filters = EventFilters::default();
    assert!(filters.admit(event));
    filters.push(filter);
    let admitted = filters.admit(event);
    assert_eq!(admitted, filters.clone().admit(event));
    filters.push(EventFilter::parse(None, "!(.|)").expect("a fixed pattern"));
    assert!(!filters.admit(event));
});
