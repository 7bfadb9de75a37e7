//! The state machines of amiplex, without sockets, tasks or clock.
//!
//! Bytes and time are arguments; what is to be done are return values ("effects"). An action's way through them:
//!
//! ```text
//!  client bytes ─▶ downstream::Session ──Submit──▶ upstream::Node ─▶ lane bytes ─▶ Asterisk
//!                  decode, log in,                 fair turn, lane,                   │
//!                  authorise, route, order         register, rewrite                  │
//!  client bytes ◀─ gate, mask, order   ◀──Mail──── match, restore   ◀── lane bytes ◀──┘
//! ```
//!
//! Owners: each client connection's task owns its [`Session`], each node's task its [`Node`]; they share nothing but the
//! ordered [`Mail`] of each node and the [`Directory`], which is replaced as a whole.

mod directory;
pub mod downstream;
mod event;
mod event_batch;
mod identity;
mod ids;
mod mail;
pub mod objects;
mod outcome;
mod rate_limit;
mod route;
mod security;
mod subject;
pub mod upstream;
mod view;

pub use directory::{
    Booted, Breaker, Condition, Directory, DirectoryEntry, NodeState, NodeStatus, Service,
};
pub use downstream::{
    EndReason, Interest, JointView, LoginFault, Outlook, Rates, RefusalKind, Session,
    SessionEffect, SessionNote, SessionSettings, SessionStart, Surroundings,
};
pub use event::NodeEvent;
pub use event_batch::{BatchView, EventBatch};
pub use identity::{Likeness, NodeIdentity};
pub use ids::{ActionSeq, LaneId, NodeId, SessionId};
pub use mail::{Mail, PartKind};
pub use objects::{Objects, SharedObjects};
pub use outcome::{Cause, Failure, Outcome};
pub use rate_limit::RateLimit;
pub use route::{Choice, Reason, Route, RoutePolicy, RouteRule, RuleTarget, Turns, route};
pub use security::{Audience, SecurityEvent, SecurityMatter, SecurityReport};
pub use subject::ActionSubject;
pub use upstream::{
    ActionEnd, AtOnce, CacheRule, Coalesce, LaneLoss, LaneRole, Node, NodeEffect, NodeFigures,
    NodeNote, NodeSettings, Submission,
};
pub use view::View;
