//! A simulated Asterisk node for the demo, tests and benches.
