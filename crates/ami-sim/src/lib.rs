//! A simulated Asterisk node: real sockets, real AMI, an invented PBX behind it.
//!
//! Used by `amiplex demo`, by the integration tests and by the benches. A [`SimNode`] keeps Asterisk's
//! session rules (one action at a time, events behind a running action, contiguous lists, masks, classes,
//! the one-second penalty of a failed login), lives with calls, queues, variables and a database, and can
//! be frozen, killed, restarted, flooded or told to misbehave ([`Faults`]). [`SimClient`] is the other
//! end: a small AMI client for tests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ami_sim::{Faults, SimClient, SimNode, SimOptions};
//!
//! let node = SimNode::start(SimOptions::new("pbx1").call_rate(2.0)).await?;
//! let mut client = SimClient::connect(node.address()).await?;
//! client.login("admin", "secret").await?;
//! let channels = client.list(&["Action: CoreShowChannels"]).await?;
//! assert_eq!(channels[0].header("EventList"), Some(&b"start"[..]));
//!
//! node.set_faults(Faults::none().hold("Ping"));
//! client.send(&["Action: Ping", "ActionID: 1"]).await?;
//! node.until_received("Ping", 1).await;
//! node.kill().await;
//! assert!(client.response("1").await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! All time is tokio's, so tests with paused time work; they should connect through [`SimNode::serve`]
//! and an in-memory stream, because an idle runtime with real sockets jumps to its next timer.

mod actions;
mod calls;
mod classes;
mod client;
mod clock;
mod events;
mod faults;
mod flood;
mod gate;
mod message;
mod node;
mod options;
mod session;
mod state;
mod tasks;
mod transcript;
mod version;
mod world;

pub use client::{ClientError, SimClient};
pub use faults::{DropPoint, Faults};
pub use flood::FloodCount;
pub use node::SimNode;
pub use options::{SimAccount, SimOptions};
pub use state::{ConnectionId, ConnectionInfo, Received};
pub use transcript::Transcript;
pub use version::SimVersion;
pub use world::PlacedCall;

#[cfg(test)]
mod tests;
