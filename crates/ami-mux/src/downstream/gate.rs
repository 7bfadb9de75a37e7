//! The event gate: no event overtakes the answer of the action that caused it (I14).
//!
//! Two upstream connections lose Asterisk's order between an action and its events. So an event that arrives while
//! actions of this session are written and unanswered at its node waits for the answers of exactly those; what is
//! written later does not hold it. An action holds for a bounded time only.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use crate::event::NodeEvent;
use crate::ids::{ActionSeq, NodeId};
use crate::security::SecurityEvent;

/// What keeps its order behind the answers.
#[derive(Debug)]
pub(super) enum Held {
    /// A broadcast event.
    Event(Arc<NodeEvent>),
    /// A security event of amiplex, on a session of this one node.
    Security(NodeId, Arc<SecurityEvent>),
    /// The node went or came.
    News(NodeId, News),
    /// What was missed of the node has been told, and this is all it has.
    Resynced(NodeId, Option<Arc<[Arc<NodeEvent>]>>),
}

/// What became of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    /// Its event lane is logged in.
    Up,
    /// It has booted.
    Booted,
    /// Its event lane is lost.
    Down,
}

impl Held {
    fn node(&self) -> NodeId {
        match self {
            Self::Event(event) => event.node(),
            Self::Security(node, _) | Self::News(node, _) | Self::Resynced(node, _) => *node,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.plain().len(),
            Self::Security(_, event) => event.bytes().len(),
            Self::News(..) | Self::Resynced(..) => 0,
        }
    }
}

#[derive(Debug, Default)]
struct NodeGate {
    /// Written and unanswered, in order, each with the moment when it stops holding events.
    written: VecDeque<(ActionSeq, Instant)>,
    /// Events with the newest action written before them.
    held: VecDeque<(Held, ActionSeq)>,
}

/// The gates of a session, one per node with something written.
#[derive(Debug, Default)]
pub(super) struct EventGate {
    nodes: SmallVec<[(NodeId, NodeGate); 2]>,
    held_bytes: usize,
}

impl EventGate {
    /// An action went up; its events wait until `opens` at the latest.
    pub(super) fn close(&mut self, node: NodeId, seq: ActionSeq, opens: Instant) {
        self.gate(node).written.push_back((seq, opens));
    }

    /// The action turned out to be a list: it holds longer.
    pub(super) fn extend(&mut self, node: NodeId, seq: ActionSeq, opens: Instant) {
        if let Some((_, at)) = self
            .gate(node)
            .written
            .iter_mut()
            .find(|(written, _)| *written == seq)
        {
            *at = (*at).max(opens);
        }
    }

    /// The action was answered. What waited for it alone can be taken by [`EventGate::pass`].
    pub(super) fn open(&mut self, node: NodeId, seq: ActionSeq) {
        self.gate(node)
            .written
            .retain(|(written, _)| *written != seq);
    }

    /// Actions that held for their whole time hold no longer; true when events waited for one.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut waited = false;
        for (_, gate) in &mut self.nodes {
            let before = gate.written.len();
            gate.written.retain(|(_, opens)| *opens > now);
            waited |= gate.written.len() < before && !gate.held.is_empty();
        }
        waited
    }

    /// When the next action stops holding, while an event waits for it.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let waiting = self.nodes.iter().filter(|(_, gate)| !gate.held.is_empty());
        waiting
            .filter_map(|(_, gate)| gate.written.iter().map(|(_, opens)| *opens).min())
            .min()
    }

    /// Takes an event or news in; gives it back when nothing holds it.
    pub(super) fn admit(&mut self, event: Held) -> Option<Held> {
        let Some((_, gate)) = self
            .nodes
            .iter_mut()
            .find(|(node, _)| *node == event.node())
        else {
            return Some(event);
        };
        let after = gate
            .written
            .back()
            .map(|(seq, _)| *seq)
            .or_else(|| gate.held.back().map(|(_, seq)| *seq));
        match after {
            Some(after) if !gate.written.is_empty() || !gate.held.is_empty() => {
                self.held_bytes += event.bytes();
                gate.held.push_back((event, after));
                None
            }
            _ => Some(event),
        }
    }

    /// Whether an event of the node would have to wait.
    pub(super) fn holds(&self, node: NodeId) -> bool {
        self.nodes.iter().any(|(known, gate)| {
            *known == node && !(gate.written.is_empty() && gate.held.is_empty())
        })
    }

    /// Whether it holds anything, or would.
    pub(super) fn is_busy(&self) -> bool {
        let mut gates = self.nodes.iter();
        gates.any(|(_, gate)| !(gate.written.is_empty() && gate.held.is_empty()))
    }

    /// The next event that nothing holds any more.
    pub(super) fn pass(&mut self) -> Option<Held> {
        for (_, gate) in &mut self.nodes {
            let Some((_, after)) = gate.held.front() else {
                continue;
            };
            if gate
                .written
                .front()
                .is_none_or(|(oldest, _)| oldest > after)
            {
                let (event, _) = gate.held.pop_front()?;
                self.held_bytes -= event.bytes();
                return Some(event);
            }
        }
        None
    }

    /// Bytes of events that wait.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn gate(&mut self, node: NodeId) -> &mut NodeGate {
        let index = match self.nodes.iter().position(|(known, _)| *known == node) {
            Some(index) => index,
            None => {
                self.nodes.push((node, NodeGate::default()));
                self.nodes.len() - 1
            }
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the index was found or pushed just above"
        )]
        &mut self.nodes[index].1
    }
}
