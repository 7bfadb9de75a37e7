//! Which nodes a session sees: the intersection of account, listener and login name.
//!
//! The account's `nodes` is a ceiling: neither the listener nor `user@node` can add to it.

use ami_access::{NodeScope, SeenNode};
use smallvec::SmallVec;

use crate::directory::Directory;
use crate::ids::NodeId;

/// The nodes of a session, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    nodes: SmallVec<[NodeId; 4]>,
}

impl View {
    /// The view of a login, or `None` when nothing is left or the suffix names no node.
    ///
    /// `suffix` is what follows the `@` of the login name; `all` narrows nothing.
    pub fn resolve(
        directory: &Directory,
        account: &NodeScope,
        listener: Option<NodeId>,
        suffix: Option<&str>,
    ) -> Option<Self> {
        let named = match suffix {
            None | Some("all") => None,
            Some(name) => Some(directory.find(name.as_bytes())?),
        };
        let nodes: SmallVec<[NodeId; 4]> = directory
            .ids()
            .filter(|node| listener.is_none_or(|only| only == *node))
            .filter(|node| named.is_none_or(|only| only == *node))
            .filter(|node| {
                directory
                    .entry(*node)
                    .is_some_and(|entry| account.holds(&entry.name, &entry.tags))
            })
            .collect();
        (!nodes.is_empty()).then_some(Self { nodes })
    }

    /// The nodes, in the order of the configuration.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The node of a single-node session.
    pub fn single(&self) -> Option<NodeId> {
        match *self.nodes {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The same with what accounts can call them by.
    pub fn seen<'a>(&'a self, directory: &'a Directory) -> impl Iterator<Item = SeenNode<'a>> {
        self.nodes.iter().filter_map(|node| directory.seen(*node))
    }

    /// Whether the session may see `node`.
    pub fn contains(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }
}
