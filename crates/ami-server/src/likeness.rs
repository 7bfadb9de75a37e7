//! Nodes that are one, or can be confused: said once in the log when it is found out, and counted.
//!
//! Owner: the cluster. Every node's task looks when the status of its node has changed; nothing waits for it.

use std::collections::HashSet;

use ami_mux::{Directory, Likeness, NodeId};
use parking_lot::Mutex;

/// The pairs that were there at the last look.
#[derive(Debug, Default)]
pub(crate) struct Likenesses {
    known: Mutex<HashSet<(NodeId, NodeId, Likeness)>>,
}

impl Likenesses {
    /// Looks at all nodes, says what is new, and gives the number of pairs.
    pub(crate) fn look(&self, directory: &Directory) -> usize {
        let found: HashSet<_> = directory.likenesses().into_iter().collect();
        let mut known = self.known.lock();
        for (one, other, likeness) in found.difference(&known) {
            let name = |node: &NodeId| directory.entry(*node).map(|entry| entry.name.to_string());
            tracing::warn!(
                node = name(one).unwrap_or_default(),
                other = name(other).unwrap_or_default(),
                "node {} the other node",
                likeness.as_text()
            );
        }
        *known = found;
        known.len()
    }
}
