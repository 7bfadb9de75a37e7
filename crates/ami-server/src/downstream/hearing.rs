//! A session waits until its nodes have been told what it wants to hear.
//!
//! Only where a node leaves out what nobody wants. Until then what the session says to its client stays unsaid, so that the client misses
//! no event after its Login or Events was answered; nothing is read and no mail is taken meanwhile, so nothing piles up.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ami_mux::NodeId;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::cluster::{Cluster, NodeCommand};

/// A node that takes longer keeps nobody waiting.
const DEADLINE: Duration = Duration::from_secs(1);

/// Ends when every node has heard, or after the deadline: then with what is left to be done.
pub(super) type Hearing = Pin<Box<dyn Future<Output = Option<Telling>> + Send>>;

/// The nodes that have not heard it yet. None of them waits for another; one whose queue is full is told when there is room.
pub(super) struct Telling(Vec<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Telling {
    /// Ready when every node has heard.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0
            .retain_mut(|node| node.as_mut().poll(cx).is_pending());
        if self.0.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Tells those nodes; `None` where none of them has to hear it.
pub(super) fn tell(cluster: &Cluster, nodes: &[NodeId]) -> Option<Hearing> {
    let mut telling = Telling(Vec::new());
    for node in nodes.iter().filter_map(|node| cluster.node(*node)) {
        if node.narrows {
            let commands = node.commands.clone();
            telling.0.push(Box::pin(async move {
                let (done, hears) = oneshot::channel();
                if commands.send(NodeCommand::Interest(done)).await.is_ok() {
                    // Dropped, when the node has heard.
                    drop(hears.await);
                }
            }));
        }
    }
    if telling.0.is_empty() {
        return None;
    }
    Some(Box::pin(async move {
        if timeout(DEADLINE, poll_fn(|cx| telling.poll(cx)))
            .await
            .is_ok()
        {
            return None;
        }
        tracing::debug!("a node has not heard in time what a session wants");
        Some(telling)
    }))
}

#[cfg(test)]
mod tests;
