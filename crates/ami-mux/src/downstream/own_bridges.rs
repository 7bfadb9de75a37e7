//! Which events an account with `channels` sees, and the bridges of its own.
//!
//! The end of a bridge names no channel. So a session remembers the bridges that it saw a channel of its own enter, each until
//! the bridge ends. When an event may have been missed and is not made up later, it forgets them, and their ends are hidden.

use std::collections::HashSet;

use super::logged_in::Login;
use crate::event::NodeEvent;
use crate::ids::NodeId;

/// Bridges that a session remembers of one node. Further ones end unseen.
const BRIDGES_MAX: usize = 4_096;

/// Bridges that channels of one's own have entered.
#[derive(Debug, Default)]
pub(super) struct OwnBridges {
    nodes: Vec<(NodeId, HashSet<Box<[u8]>>)>,
}

impl OwnBridges {
    fn enter(&mut self, node: NodeId, id: &[u8]) {
        match self.nodes.iter_mut().find(|(known, _)| *known == node) {
            Some((_, bridges)) if bridges.len() < BRIDGES_MAX => {
                bridges.insert(id.into());
            }
            Some(_) => {}
            None => self.nodes.push((node, HashSet::from([id.into()]))),
        }
    }

    fn holds(&self, node: NodeId, id: &[u8]) -> bool {
        self.nodes
            .iter()
            .any(|(known, bridges)| *known == node && bridges.contains(id))
    }

    fn end(&mut self, node: NodeId, id: &[u8]) {
        if let Some((_, bridges)) = self.nodes.iter_mut().find(|(known, _)| *known == node) {
            bridges.remove(id);
        }
    }

    /// The node was lost: what it said meanwhile is not known.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.nodes.retain(|(known, _)| *known != node);
    }

    /// Events of any node may have been missed.
    pub(super) fn forget_all(&mut self) {
        self.nodes.clear();
    }
}

impl Login {
    /// Whether the event may be for this session at its time: the others need not wait for it, nor count as waiting.
    pub(super) fn may_come_to_see(&self, event: &NodeEvent) -> bool {
        match &self.principal.account().channels {
            None => true,
            Some(scope) => event.is_inside(scope) || event.objects().bridges().next().is_some(),
        }
    }

    /// Whether the account's `channels` let it see the event.
    pub(super) fn may_see(&mut self, event: &NodeEvent) -> bool {
        let Some(scope) = &self.principal.account().channels else {
            return true;
        };
        let (node, objects) = (event.node(), event.objects());
        if event.is_inside(scope) {
            if let Some(id) = objects.entered_bridge() {
                self.own_bridges.enter(node, id);
            }
            return true;
        }
        let is_own = objects.bridges().any(|id| self.own_bridges.holds(node, id));
        if let Some(id) = objects.ended_bridge() {
            self.own_bridges.end(node, id);
        }
        is_own
    }
}
