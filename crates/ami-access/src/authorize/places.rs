//! The nodes where an action may be run.
//!
//! Invariant: an action that was authorised with the rights of one node is permitted at no other.

use super::{Authorized, Refusal};
use crate::node::NodeId;
use crate::scope::Answer;

/// Where an action may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Places {
    /// The account has the same rights everywhere.
    All,
    /// At the nodes that permit it; at the others for this reason not.
    Some(Vec<(NodeId, Result<Answer, Refusal>)>),
}

impl Places {
    /// No node yet.
    pub(super) fn none() -> Self {
        Self::Some(Vec::new())
    }

    pub(super) fn permit(&mut self, node: NodeId, answer: Answer) {
        self.decided(node, Ok(answer));
    }

    pub(super) fn refuse(&mut self, node: NodeId, refusal: Refusal) {
        self.decided(node, Err(refusal));
    }

    fn decided(&mut self, node: NodeId, outcome: Result<Answer, Refusal>) {
        if let Self::Some(places) = self {
            places.push((node, outcome));
        }
    }
}

impl<T> Authorized<T> {
    /// Whether it may be run at that node.
    pub fn permits(&self, node: NodeId) -> bool {
        self.answer_at(node).is_ok()
    }

    /// The same for that node alone.
    ///
    /// # Errors
    /// Why it may not be run there, and the action back.
    pub fn at(mut self, node: NodeId) -> Result<Self, (Refusal, Self)> {
        match self.answer_at(node) {
            Ok(answer) => self.answer = answer,
            Err(refusal) => return Err((refusal, self)),
        }
        if let Places::Some(places) = &mut self.places {
            places.retain(|(other, _)| *other == node);
        }
        Ok(self)
    }

    /// Why it may not be run at that node.
    pub fn refusal_at(&self, node: NodeId) -> Option<Refusal> {
        self.answer_at(node).err()
    }

    fn answer_at(&self, node: NodeId) -> Result<Answer, Refusal> {
        match &self.places {
            Places::All => Ok(self.answer),
            Places::Some(places) => {
                let found = places.iter().find(|(other, _)| *other == node);
                found.map_or(Err(Refusal::Denied), |(_, outcome)| *outcome)
            }
        }
    }
}
