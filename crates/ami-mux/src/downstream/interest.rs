//! The classes of events that a session wants, at each of its nodes.
//!
//! What its client asked for, within what its account may read at the node. Mostly that is the same everywhere.

use std::sync::Arc;

use ami_access::Principal;
use ami_proto::ClassSet;

use crate::ids::NodeId;

/// The classes of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    somewhere: ClassSet,
    by_node: Option<Arc<[(NodeId, ClassSet)]>>,
}

impl Interest {
    /// What of `asked` the principal may read.
    pub(super) fn of(principal: &Principal, asked: ClassSet) -> Self {
        let at_nodes = principal.at_nodes().iter();
        let by_node = at_nodes.map(|(node, account)| (*node, account.read.intersection(asked)));
        Self {
            somewhere: principal.read_somewhere().intersection(asked),
            by_node: principal.differs_by_node().then(|| by_node.collect()),
        }
    }

    /// Those of an event of some node: what is in none of them need not be looked at further.
    pub fn somewhere(&self) -> ClassSet {
        self.somewhere
    }

    /// Those of an event of that node.
    pub fn at(&self, node: NodeId) -> ClassSet {
        match &self.by_node {
            None => self.somewhere,
            Some(by_node) => {
                let found = by_node.iter().find(|(other, _)| *other == node);
                found.map_or(ClassSet::NONE, |(_, classes)| *classes)
            }
        }
    }

    /// Whether it is another one at some nodes.
    pub fn differs_by_node(&self) -> bool {
        self.by_node.is_some()
    }
}

/// The same at every node.
impl From<ClassSet> for Interest {
    fn from(somewhere: ClassSet) -> Self {
        Self {
            somewhere,
            by_node: None,
        }
    }
}
