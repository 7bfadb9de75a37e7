//! What a node tells a session, in one ordered stream per node.
//!
//! The order is what the event gate rests on: `Written` is posted before the action's first byte can leave, so an
//! event that the action causes always comes behind it.

use std::sync::Arc;

use ami_proto::Slices;

use crate::event::NodeEvent;
use crate::ids::{ActionSeq, NodeId};

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
        /// A list has begun or goes on.
        list: bool,
    },
    /// A broadcast event of the node.
    Event(Arc<NodeEvent>),
    /// The node's event lane is logged in.
    NodeUp(NodeId),
    /// The node is back and had booted before: sessions that waited for it get its FullyBooted.
    NodeBooted(NodeId),
    /// The node's event lane is lost.
    NodeDown(NodeId),
}
