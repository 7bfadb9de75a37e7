//! Who may connect, log in, do and see: manager.conf accounts, ACLs, authority of actions.
//!
//! The walk of a client through this crate:
//!
//! 1. [`manager_conf::load`] reads manager.conf and acl.conf into [`Accounts`]; all errors in one report.
//! 2. [`login::verify`] turns a name, a proof and a peer address into a [`Principal`].
//! 3. [`authorize`](authorize::authorize) turns a principal and an action into [`Authorized<Action>`](Authorized),
//!    which is the only thing that the router accepts. It repeats every check that Asterisk makes inside an
//!    action, since the node sees the powerful account of amiplex and would let everything pass.
//! 4. [`EventFilters`] and the read classes decide which events the session gets.
//!
//! No sockets, clocks or tasks: the caller brings the bytes and the peer's address.

pub mod account;
pub mod acl;
pub mod authority;
pub mod authorize;
mod cli;
pub mod event_filter;
#[cfg(test)]
mod fixture;
pub mod glob;
mod in_action;
pub mod login;
pub mod manager_conf;
pub mod node;
pub mod scope;
pub mod secret;
pub mod secret_hash;

pub use account::{
    Account, AccountName, Accounts, ChannelScope, General, NodeRule, NodeRules, NodeScope,
    OnNodeLoss, SlowPolicy,
};
pub use authority::{
    ActionSpec, Cost, Irregular, LearnedActions, ListForm, RouteKind, builtin, builtin_all,
};
pub use authorize::{AuthorizeContext, Authorized, Refusal, authorize, trial};
pub use event_filter::{EventFilter, EventFilters, FilterError};
pub use glob::Glob;
pub use login::{Denied, Principal, Proof, Unproven, Verified, account_of, verify};
pub use manager_conf::{LoadErrors, Loaded, Notice, load, load_from};
pub use node::{NodeId, NodeSelector, SeenNode};
pub use scope::EventObjects;
pub use secret::Secret;
pub use secret_hash::{HashCost, SecretCheck, SecretHash, SecretHashError};
