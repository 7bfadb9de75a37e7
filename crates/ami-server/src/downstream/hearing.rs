//! A session waits until its nodes have been told what it wants to hear.
//!
//! Only where a node leaves out what nobody wants. Until then what the session says to its client stays unsaid, so that the client misses
//! no event after its Login or Events was answered; nothing is read and no mail is taken meanwhile, so nothing piles up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ami_mux::NodeId;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::cluster::NodeCommand;
use crate::world::World;

/// A node that takes longer keeps nobody waiting.
const DEADLINE: Duration = Duration::from_secs(1);

/// Ends when every node has heard, or after the deadline.
pub(super) type Hearing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells those nodes; `None` where none of them has to hear it.
pub(super) fn tell(world: &Arc<World>, nodes: &[NodeId]) -> Option<Hearing> {
    let narrows = |node: &NodeId| world.cluster.node(*node).is_some_and(|node| node.narrows);
    let nodes: Vec<NodeId> = nodes.iter().copied().filter(narrows).collect();
    if nodes.is_empty() {
        return None;
    }
    let world = Arc::clone(world);
    Some(Box::pin(async move {
        let all = async {
            let mut heard = Vec::new();
            for node in nodes {
                let Some(handle) = world.cluster.node(node) else {
                    continue;
                };
                let (done, hears) = oneshot::channel();
                if handle
                    .commands
                    .send(NodeCommand::Interest(done))
                    .await
                    .is_ok()
                {
                    heard.push(hears);
                }
            }
            for hears in heard {
                // Dropped, when the node has heard.
                drop(hears.await);
            }
        };
        if timeout(DEADLINE, all).await.is_err() {
            tracing::debug!("a node has not heard in time what a session wants");
        }
    }))
}
