//! What the targets run: the tests of `tests/hostile.rs`, on inputs that a fuzzer makes.

#[path = "../../../ami-proto/tests/wire/asterisk.rs"]
mod asterisk;
#[path = "../../tests/hostile/cluster.rs"]
mod cluster;
#[path = "../../tests/hostile/downward.rs"]
mod downward_run;
#[path = "../../../ami-proto/tests/wire/meaning.rs"]
mod meaning;
#[path = "../../tests/hostile/messages.rs"]
mod messages;
#[path = "../../tests/hostile/operations.rs"]
mod operations_run;
#[path = "../../../ami-access/tests/rights/naive.rs"]
mod rights;
#[path = "../../tests/hostile/upward.rs"]
mod upward_run;
#[path = "../../tests/support/world.rs"]
mod world;

/// From a client's bytes to what an Asterisk reads.
pub fn upward(input: &[u8]) {
    upward_run::run(input);
}

/// From a node's bytes to what clients are sent.
pub fn downward(input: &[u8]) {
    downward_run::run(input);
}

/// A node's machine under any sequence of operations.
pub fn operations(input: &[u8]) {
    operations_run::run(input);
}
