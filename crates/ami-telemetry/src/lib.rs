//! What amiplex tells about itself: the names and handles of its metrics, close reasons, faults and the log.
//!
//! - [`names`] is the one table of metrics; [`meters`] the typed handles that the rest of the program uses.
//! - [`CloseReason`] says why a session ended, [`Fault`] whose fault something was and so how loudly it is logged.
//! - [`logging`] and [`prometheus`] are called once, by the binary.

pub mod close_reason;
pub mod fault;
pub mod logging;
pub mod meters;
pub mod names;
pub mod prometheus;

pub use close_reason::CloseReason;
pub use fault::Fault;
pub use logging::LogFormat;
pub use meters::{
    ActionOutcome, ConnectStep, DropReason, Held, LaneKind, ListenerMeters, LoginFailure, Meters,
    NodeMeters, OTHER_ACTION, RefusalReason,
};
