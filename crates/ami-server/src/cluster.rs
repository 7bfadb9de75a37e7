//! The nodes as the sessions' tasks reach them: a bounded queue of commands, the hub, and the shared directory.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ami_mux::{Directory, NodeFigures, NodeId, NodeStatus, Service, SessionId, Submission};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::hub::EventHub;
use crate::inbox::Inbox;
use crate::likeness::Likenesses;

/// What others tell a node's task.
#[derive(Debug)]
pub(crate) enum NodeCommand {
    /// An action.
    Submit(Box<Submission<Arc<Inbox>>>),
    /// The session came while the node was away: it is told everything the node has.
    Replay(Arc<Inbox>),
    /// The session left.
    SessionGone(SessionId),
    /// The session wants other classes of events, as its inbox says. The sender is dropped when the node has been told.
    Interest(oneshot::Sender<()>),
    /// The operator wants this of the node. The sender is dropped when the directory says so.
    Service(Service, oneshot::Sender<()>),
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
    /// Whether classes that nobody wants are left out of its event lane.
    pub(crate) narrows: bool,
    /// Configured tags.
    pub(crate) tags: Arc<[String]>,
    /// Its task's latest figures, for the operator.
    pub(crate) figures: Mutex<NodeFigures>,
    /// When the event lane is connected next after a failure, as the wall clock since 1970; in the past while that is tried.
    pub(crate) next_attempt: Mutex<Duration>,
}

impl NodeHandle {
    /// A node whose task takes `commands`.
    pub(crate) fn new(commands: mpsc::Sender<NodeCommand>, tags: Arc<[String]>) -> Self {
        Self {
            commands,
            hub: Arc::new(EventHub::default()),
            narrows: false,
            tags,
            figures: Mutex::default(),
            next_attempt: Mutex::default(),
        }
    }
}

/// All nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<NodeHandle>,
    directory: ArcSwap<Directory>,
    likenesses: Likenesses,
}

impl Cluster {
    pub(crate) fn new(nodes: Vec<NodeHandle>, directory: Directory) -> Self {
        Self {
            nodes,
            directory: ArcSwap::from_pointee(directory),
            likenesses: Likenesses::default(),
        }
    }

    pub(crate) fn node(&self, node: NodeId) -> Option<&NodeHandle> {
        self.nodes.get(node.index())
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// Tells the node's task what the operator wants; false when that task has ended.
    pub(crate) async fn set_service(&self, node: NodeId, service: Service) -> bool {
        let Some(handle) = self.node(node) else {
            return false;
        };
        let (done, shown) = oneshot::channel();
        let command = NodeCommand::Service(service, done);
        if handle.commands.send(command).await.is_err() {
            return false;
        }
        // Whether it was sent or dropped: the task has looked at it.
        drop(shown.await);
        true
    }

    /// Pairs of nodes that are one or can be confused; new ones are said in the log.
    pub(crate) fn alike(&self) -> usize {
        self.likenesses.look(&self.directory())
    }

    /// The node's task says how it is. True when that is to be remembered over a restart.
    pub(crate) fn set_status(&self, node: NodeId, status: &NodeStatus) -> bool {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let before = self.directory.rcu(|directory| {
            let mut next = Directory::clone(directory);
            if let Some(entry) = next.entry_mut(node) {
                if entry.status.condition() != status.condition() {
                    entry.since = now;
                }
                entry.status = status.clone();
            }
            next
        });
        let kept = |status: &NodeStatus| (status.service, status.version);
        let before = before.entry(node).map(|entry| kept(&entry.status));
        before != Some(kept(status))
    }
}
