//! The whole program, as its users meet it: the `amiplex` binary in front of real and simulated Asterisks.
//!
//! Tests that need real Asterisk find it through the environment that `tests/run` sets (`eval "$(tests/asterisk/env)"` by hand); they
//! fail without it.

mod support;

mod actions;
mod events;
mod login;
mod node_loss;
mod order;
mod pipelining;
mod scratch;
mod transcripts;
