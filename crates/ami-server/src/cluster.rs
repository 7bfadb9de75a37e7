//! The nodes as the sessions' tasks reach them: a bounded queue of commands, the hub, and the shared directory.

use std::sync::Arc;

use ami_mux::{Directory, NodeId, NodeStatus, SessionId, Submission};
use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::hub::EventHub;
use crate::inbox::Inbox;

/// What a session's task tells a node's task.
#[derive(Debug)]
pub(crate) enum NodeCommand {
    /// An action.
    Submit(Box<Submission<Arc<Inbox>>>),
    /// The session came while the node was away: it is told everything the node has.
    Replay(Arc<Inbox>),
    /// The session left.
    SessionGone(SessionId),
    /// A bug, for tests.
    #[cfg(test)]
    Panic,
}

/// One node.
#[derive(Debug)]
pub(crate) struct NodeHandle {
    /// Bounded; a session that finds it full keeps its action and stops reading its client.
    pub(crate) commands: mpsc::Sender<NodeCommand>,
    /// Who sees it.
    pub(crate) hub: Arc<EventHub>,
}

/// All nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<NodeHandle>,
    directory: ArcSwap<Directory>,
}

impl Cluster {
    pub(crate) fn new(nodes: Vec<NodeHandle>, directory: Directory) -> Self {
        Self {
            nodes,
            directory: ArcSwap::from_pointee(directory),
        }
    }

    pub(crate) fn node(&self, node: NodeId) -> Option<&NodeHandle> {
        self.nodes.get(node.index())
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// The node's task says how it is.
    pub(crate) fn set_status(&self, node: NodeId, status: &NodeStatus) {
        self.directory.rcu(|directory| {
            let mut next = Directory::clone(directory);
            if let Some(entry) = next.entry_mut(node) {
                entry.status = status.clone();
            }
            next
        });
    }
}
