//! Sockets, tasks and time around the machines of `ami-mux`.
//!
//! ```text
//!  listener ─▶ downstream::driver (a task per connection) ──NodeCommand──▶ upstream::driver (a task per node)
//!                     ▲                                                          │
//!                     └───────────── Inbox ◀── replies, EventHub ◀───────────────┘
//! ```
//!
//! [`App`] puts it together. Owners: the connection's task owns socket and session, the node's task its lanes and their
//! pending actions. Shared are only the inboxes, the hubs, the directory and the registry.

pub mod admin;
mod app;
mod cluster;
mod downstream;
mod drain_turns;
mod fan_out;
mod hub;
mod inbox;
mod likeness;
mod line_log;
mod listener;
mod node_memory;
mod rates;
mod registry;
mod reload;
mod routes;
mod secret_checks;
mod security;
mod session_facts;
mod supervisor;
mod throttle;
mod tls;
mod transport;
mod upstream;
mod world;

pub use app::{App, ClusterWatch, StartError};
pub use node_memory::probe as probe_state_dir;
pub use reload::{Reloaded, Reloader};
pub use routes::route_rules;
