//! The whole program, as its users meet it: the `amiplex` binary in front of real and simulated Asterisks.
//!
//! Tests that need real Asterisk find it through the environment that `tests/run` sets (`eval "$(tests/asterisk/env)"` by hand); they
//! fail without it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails there"
)]
#![allow(
    clippy::excessive_nesting,
    reason = "`#[tokio::test]` adds levels that are not in the text"
)]
#![allow(
    clippy::format_push_string,
    clippy::large_futures,
    reason = "a test has few"
)]
#![allow(unreachable_pub, reason = "nothing of a test is reachable")]

mod support;

mod actions;
mod admin;
mod audit;
mod bad_input;
mod by_node;
mod check;
mod cluster;
mod coalesce_commands;
mod conformance;
mod drain;
mod events;
mod hashed_secret;
mod isolation;
mod kept_answers;
mod likeness;
mod login;
mod narrow_events;
mod no_node;
mod node_loss;
mod order;
mod pipelining;
mod refused;
mod reload;
mod scope;
mod scratch;
mod security;
mod session_actions;
mod sharing;
mod slow_consumer;
mod tidy;
mod tls;
mod versions;
