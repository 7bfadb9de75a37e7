//! The session's order: its accepted actions, from the first that is not finished.
//!
//! Answers leave in this order. Actions to one node run in order on one lane: quick ones may be under way together, any
//! other starts when those before it are finished, and holds those behind it. What is answered here waits for everything before it.
//! Actions to different nodes do not wait for each other, unless a local one stands between them.

use std::collections::VecDeque;

use ami_access::{Authorized, Cost};
use ami_proto::{Action, Slices};
use bytes::Bytes;
use smallvec::SmallVec;

use super::local::LocalAction;
use crate::ids::{ActionSeq, NodeId};
use crate::mail::PartKind;
use crate::security::SecurityReport;

/// One accepted action.
#[derive(Debug)]
pub(super) enum Work {
    /// Its answer is known (a refusal) and waits for its turn.
    Ready(Bytes),
    /// The same with a security event, which comes behind the answer.
    Refused(Bytes, Box<SecurityReport>),
    /// It runs here, when its turn comes.
    Local(LocalAction),
    /// It goes to a node.
    Node {
        seq: ActionSeq,
        node: NodeId,
        cost: Cost,
        state: NodeWork,
        parts: VecDeque<Part>,
    },
}

/// A part of a node's answer.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) bytes: Slices,
    pub(super) last: bool,
    pub(super) kind: PartKind,
}

/// Where an action for a node is.
#[derive(Debug)]
pub(super) enum NodeWork {
    /// Here.
    Waiting(Box<Authorized<Action>>),
    /// At the node's machine.
    Submitted,
}

/// An action whose turn has come.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) seq: ActionSeq,
    pub(super) node: NodeId,
    pub(super) cost: Cost,
    /// What is answered here stands before it and may change what its session reads.
    pub(super) behind_local: bool,
    pub(super) action: Box<Authorized<Action>>,
}

/// The unfinished actions.
#[derive(Debug, Default)]
pub(super) struct WorkLine {
    work: VecDeque<Work>,
    next_seq: u64,
}

/// What stands before an action, of one node.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    node: NodeId,
    /// Nothing more may start on this node.
    blocked: bool,
}

impl WorkLine {
    pub(super) fn len(&self) -> usize {
        self.work.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.work.is_empty()
    }

    pub(super) fn push(&mut self, work: Work) {
        self.work.push_back(work);
    }

    /// Adds an action for a node, and gives its place in the order.
    pub(super) fn push_for_node(
        &mut self,
        node: NodeId,
        cost: Cost,
        action: Authorized<Action>,
    ) -> ActionSeq {
        let seq = ActionSeq(self.next_seq);
        self.next_seq += 1;
        let state = NodeWork::Waiting(Box::new(action));
        self.work.push_back(Work::Node {
            seq,
            node,
            cost,
            state,
            parts: VecDeque::new(),
        });
        seq
    }

    /// Whether an action is at `node` whose last part has not come.
    pub(super) fn awaits(&self, node: NodeId) -> bool {
        self.work.iter().any(|work| {
            matches!(work, Work::Node { node: other, state: NodeWork::Submitted, parts, .. }
                if *other == node && !parts.back().is_some_and(|part| part.last))
        })
    }

    /// Takes an action out whose answer nobody waits for any more.
    pub(super) fn abandon(&mut self, seq: ActionSeq) {
        let is_it = |work: &Work| matches!(work, Work::Node { seq: other, .. } if *other == seq);
        self.work.retain(|work| !is_it(work));
    }

    /// Takes the front when it is answered here.
    pub(super) fn take_local(&mut self) -> Option<Work> {
        match self.work.front()? {
            Work::Ready(_) | Work::Refused(..) | Work::Local(_) => self.work.pop_front(),
            Work::Node { .. } => None,
        }
    }

    /// Takes a part of a node's answer in. It comes back from [`WorkLine::release`] when its turn has come: a
    /// refusal can be known before the answers of the actions ahead of it.
    pub(super) fn answer(&mut self, seq: ActionSeq, part: Part) {
        let awaited = self.work.iter_mut().find_map(|work| match work {
            Work::Node {
                seq: other, parts, ..
            } if *other == seq => Some(parts),
            Work::Node { .. } | Work::Ready(_) | Work::Refused(..) | Work::Local(_) => None,
        });
        if let Some(parts) = awaited {
            parts.push_back(part);
        }
    }

    /// The next part of an answer that nothing ahead holds back. A last part ends its action.
    pub(super) fn release(&mut self) -> Option<(NodeId, ActionSeq, Part)> {
        let mut ahead: SmallVec<[NodeId; 4]> = SmallVec::new();
        for index in 0..self.work.len() {
            let Some(Work::Node {
                seq, node, parts, ..
            }) = self.work.get_mut(index)
            else {
                return None;
            };
            let (seq, node) = (*seq, *node);
            if !ahead.contains(&node)
                && let Some(part) = parts.pop_front()
            {
                if part.last {
                    self.work.remove(index);
                }
                return Some((node, seq, part));
            }
            ahead.push(node);
        }
        None
    }

    /// Takes every action whose turn has come.
    pub(super) fn start(&mut self) -> SmallVec<[Start; 4]> {
        let mut started = SmallVec::new();
        let mut local_ahead = false;
        let mut ahead: SmallVec<[Ahead; 4]> = SmallVec::new();
        for work in &mut self.work {
            let Work::Node {
                seq,
                node,
                cost,
                state,
                ..
            } = work
            else {
                local_ahead = true;
                continue;
            };
            let quick = *cost == Cost::Quick;
            let others_ahead = ahead.iter().any(|other| other.node != *node);
            let same = ahead.iter_mut().find(|other| other.node == *node);
            let free = match &same {
                Some(same) => !same.blocked && quick,
                None => true,
            };
            let starts = free && !(local_ahead && others_ahead);
            let submitted = match std::mem::replace(state, NodeWork::Submitted) {
                NodeWork::Submitted => true,
                NodeWork::Waiting(action) if starts => {
                    started.push(Start {
                        seq: *seq,
                        node: *node,
                        cost: *cost,
                        behind_local: local_ahead,
                        action,
                    });
                    true
                }
                waiting @ NodeWork::Waiting(_) => {
                    *state = waiting;
                    false
                }
            };
            let blocked = !submitted || !quick;
            match same {
                Some(same) => same.blocked |= blocked,
                None => ahead.push(Ahead {
                    node: *node,
                    blocked,
                }),
            }
        }
        started
    }
}
