//! What a node tells a session, in one ordered stream per node.
//!
//! The order is what the event gate rests on: `Written` is posted before the action's first byte can leave, so an
//! event that the action causes always comes behind it.

use std::sync::Arc;

use ami_proto::Slices;

use crate::event::NodeEvent;
use crate::event_batch::EventBatch;
use crate::ids::{ActionSeq, NodeId};
use crate::outcome::Failure;
use crate::security::SecurityEvent;

/// What a part of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A response that begins no list.
    Response {
        /// It is no error.
        success: bool,
    },
    /// The response that begins a list.
    ListStart,
    /// An item of a list.
    Item,
    /// A list goes on without an item for this client; no bytes.
    Hidden,
    /// The event that completes a list.
    Complete,
    /// What may follow a response or an error within a list, and quiet ends.
    Rest,
    /// The end that amiplex gives in the node's stead.
    Ended(Failure),
}

impl PartKind {
    /// A list has begun or goes on.
    pub(crate) fn is_within_list(self) -> bool {
        matches!(self, Self::ListStart | Self::Item | Self::Hidden)
    }
}

/// One note from a node's machine to a session.
#[derive(Clone, Debug)]
pub enum Mail {
    /// The action has been handed to a lane. From here on the node's events wait behind its answer.
    Written {
        /// The node.
        node: NodeId,
        /// The action.
        seq: ActionSeq,
        /// The action table knows it as a list.
        list: bool,
    },
    /// A part of the action's answer, ready for the client (its own ActionID, its label).
    Reply {
        /// The node.
        node: NodeId,
        /// The action.
        seq: ActionSeq,
        /// Bytes for the client; may be empty when `last` only closes the action.
        bytes: Slices,
        /// This ends the action.
        last: bool,
        /// What it is, for answers that several nodes give together.
        kind: PartKind,
    },
    /// A broadcast event of the node.
    Event(Arc<NodeEvent>),
    /// Several of them that came together.
    Events {
        /// The events.
        batch: Arc<EventBatch>,
        /// Bytes of those that the session wanted when it was posted.
        bytes: usize,
    },
    /// A security event of amiplex itself. It comes from no node.
    Security(Arc<SecurityEvent>),
    /// The node's event lane is logged in.
    NodeUp(NodeId),
    /// The node is back and had booted before: sessions that waited for it get its FullyBooted.
    NodeBooted(NodeId),
    /// What was missed of the node has been told.
    Resynced {
        /// The node.
        node: NodeId,
        /// All that it has at this place among its events, for sessions that knew nothing of it; without, they ask for it.
        has: Option<Arc<[Arc<NodeEvent>]>>,
    },
    /// The node's event lane is lost.
    NodeDown(NodeId),
    /// The node's machine failed by a bug. What it knew it has answered: whoever still waits for it waits in vain.
    NodeFailed(NodeId),
}

impl Mail {
    /// The one event that it is.
    pub(crate) fn event(&self) -> Option<&Arc<NodeEvent>> {
        if let Self::Event(event) = self {
            Some(event)
        } else {
            None
        }
    }

    /// The event, if it is one that needs no look at the single session beyond its rights; else itself.
    pub(crate) fn into_ordinary_event(self) -> Result<Arc<NodeEvent>, Self> {
        let is_ordinary = self.event().is_some_and(|event| event.is_ordinary());
        if is_ordinary && let Self::Event(event) = self {
            Ok(event)
        } else {
            Err(self)
        }
    }

    /// An event, or several, that need no look at the single session beyond its rights.
    pub fn is_ordinary(&self) -> bool {
        match self {
            Self::Event(event) => event.is_ordinary(),
            Self::Events { .. } => true,
            Self::Written { .. }
            | Self::Reply { .. }
            | Self::Security(_)
            | Self::NodeUp(_)
            | Self::NodeBooted(_)
            | Self::Resynced { .. }
            | Self::NodeDown(_)
            | Self::NodeFailed(_) => false,
        }
    }

    /// How many notes it stands for.
    pub fn count(&self) -> usize {
        if let Self::Events { batch, .. } = self {
            batch.events().len()
        } else {
            1
        }
    }

    /// Bytes in the event budget; `None` for what is no event.
    pub fn event_bytes(&self) -> Option<usize> {
        match self {
            Self::Event(event) => Some(event.plain().len()),
            Self::Events { bytes, .. } => Some(*bytes),
            Self::Security(event) => Some(event.bytes().len()),
            Self::Written { .. }
            | Self::Reply { .. }
            | Self::NodeUp(_)
            | Self::NodeBooted(_)
            | Self::Resynced { .. }
            | Self::NodeDown(_)
            | Self::NodeFailed(_) => None,
        }
    }
}
