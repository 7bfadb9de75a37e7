//! Any filter on any event: compiled or refused, never a panic, and one exclude never lets more through.

#![no_main]

use ami_access::{EventFilter, EventFilters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Option<&str>, &str, &[u8])| {
    let (criteria, pattern, event) = input;
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
