//! The downstream side: one client connection, which sees an Asterisk.
//!
//! [`Session`] is the machine; the connection's task owns it. Its parts, in the order in which an action meets them:
//! [`login`] (until it is open; [`verifying`] while a secret is checked), [`accept`] (authorised and routed), [`line`] (its place in the session's order), [`local`]
//! (what is answered here), [`gate`] (which events wait behind its answer), [`delivery`] (their last tests), [`own_bridges`]
//! (what accounts with `channels` see). [`node_loss`] is what a node's coming and going means for it.

mod accept;
mod command_output;
mod delivery;
mod dropped;
mod effect;
mod gate;
mod interest;
mod joint_view;
mod line;
mod local;
mod logged_in;
mod login;
mod merge;
mod node_loss;
mod outlook;
mod own_bridges;
mod own_event;
mod rate;
mod resync;
mod security;
mod session;
mod settings;
mod several;
mod shutdown;
mod surroundings;
mod verifying;

pub use effect::{EndReason, LoginFault, RefusalKind, SessionEffect, SessionNote};
pub use interest::Interest;
pub use joint_view::JointView;
pub use outlook::Outlook;
pub use rate::Rates;
pub use session::Session;
pub use settings::{SessionSettings, SessionStart};
pub use surroundings::Surroundings;
