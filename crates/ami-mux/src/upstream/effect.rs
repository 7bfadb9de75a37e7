//! What a node's machine asks of its driver, and what it has to tell people.

use std::time::Duration;

use super::lane::LaneRole;
use crate::directory::{NodeStatus, Service};
use crate::ids::LaneId;
use crate::mail::Mail;

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionEnd {
    /// The node answered, and not with an error.
    Answered,
    /// The node answered with an error.
    Refused,
    /// No byte of it was written.
    NotSent,
    /// It was written, and its answer did not come.
    Unknown,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum NodeEffect<R> {
    /// Connect a lane. `attempt` counts failures in a row: the driver backs off by it, with jitter.
    Open {
        /// The lane.
        lane: LaneId,
        /// What it is for.
        role: LaneRole,
        /// 0 for a first attempt.
        attempt: u32,
    },
    /// Drop the lane's socket. What was not written must not be written any more.
    Close(LaneId),
    /// Give this to the session.
    Deliver(R, Mail),
    /// Give this to every session that sees the node.
    Broadcast(Mail),
    /// The node has been told what the holder of this ticket waited for.
    Heard(u64),
    /// The node's status changed.
    Status(NodeStatus),
    /// Something worth a log line or a count.
    Note(NodeNote),
}

/// What an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeNote {
    /// The node is up.
    Up {
        /// Greeting version.
        version: String,
    },
    /// The event lane was lost or could not be had.
    Down {
        /// Why.
        reason: String,
    },
    /// The operator wants something else of it.
    Service(Service),
    /// Its events come late.
    Lagging {
        /// What a Ping took, or has taken without an answer.
        took: Duration,
    },
    /// They come in time again.
    Punctual,
    /// It takes actions and answers none: its breaker is open.
    Silent {
        /// What was not answered.
        reason: String,
    },
    /// It answers again: its breaker is closed.
    Answers,
    /// A lane other than the event lane was lost.
    LaneLost {
        /// Why.
        reason: String,
    },
    /// The upstream account lacks something that amiplex needs.
    Shortcoming(String),
    /// An answer came after its action's deadline, and was dropped.
    LateAnswer,
    /// A message carried a wire id of another process, or none where one was due.
    ForeignId,
    /// An action's deadline passed.
    DeadlinePassed {
        /// The action's name.
        action: String,
    },
    /// One action of the node answers so many clients.
    Shared {
        /// Two or more.
        clients: usize,
    },
    /// A client got an answer that was kept.
    AnsweredFromCache,
    /// An action ended.
    Done {
        /// Its name, when the action table has it.
        action: Option<&'static str>,
        /// How.
        end: ActionEnd,
        /// From its writing to its end, when it was written.
        after: Option<Duration>,
    },
    /// What the node has is known; so many events told its viewers what they had missed.
    Surveyed {
        /// How many.
        missed: usize,
    },
    /// What the node has is not known.
    SurveyFailed {
        /// Why.
        reason: String,
    },
}

/// Figures of a node for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFigures {
    /// Event lanes that are logged in: 0 or 1.
    pub event_lanes: usize,
    /// Lanes for quick and slow actions that are logged in.
    pub action_lanes: usize,
    /// Lanes for blocking actions that are logged in.
    pub blocking_lanes: usize,
    /// Actions on lanes.
    pub pending: usize,
    /// Actions that wait for their turn.
    pub waiting: usize,
    /// Actions whose event is awaited.
    pub async_ids: usize,
}
