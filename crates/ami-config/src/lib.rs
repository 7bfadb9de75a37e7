//! `amiplex.toml` and the environment to one validated [`Config`].
//!
//! ```text
//! file + AMIPLEX__SECTION__KEY ──load──▶ raw (typed as written) ──validate──▶ Config
//! ```
//!
//! A configuration applies whole or not at all: [`load()`] returns a `Config` in which every value is within its range, or one
//! report of everything that is wrong, each with the line or the variable it came from.

mod check;
pub mod config;
mod environment;
pub mod error;
mod key;
mod load;
mod origin;
mod raw;
mod validate;

pub use config::{
    Admin, AdminSocket, AtOnce, Auth, Backoff, CacheRule, Coalesce, Config, Fingerprint, Keepalive,
    Labels, Lanes, Limits, Listener, ListenerTls, Log, LogFormat, Node, NodeTls, Outbound, Policy,
    Rate, Route, Server,
};
pub use error::{ConfigErrors, Place, Problem};
pub use load::{load, load_from};

#[cfg(test)]
mod tests;
