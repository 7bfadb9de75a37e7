//! A session's actions at several nodes: one leg for each node in the session's order, one answer out of all.

use std::sync::Arc;
use std::time::Instant;

use ami_access::{Authorized, Cost, ListForm};
use ami_proto::Action;
use smallvec::SmallVec;

use super::effect::{RefusalKind, SessionNote};
use super::line::{Part, Work};
use super::merge::{Form, Merge, Merged};
use super::session::{Phase, Session};
use crate::directory::{Directory, DirectoryEntry, Service};
use crate::ids::{ActionSeq, NodeId};
use crate::subject::ActionSubject;

impl Session {
    /// Takes an authorised action for `nodes` into the session's order.
    pub(super) fn push_for_several(
        &mut self,
        nodes: &[NodeId],
        cost: Cost,
        action: &Authorized<Action>,
        directory: &Directory,
    ) {
        let Phase::Open(login) = &self.phase else {
            return;
        };
        let label = login
            .label
            .clone()
            .unwrap_or_else(|| self.settings.label.clone());
        let form = match action.list() {
            ListForm::List { complete } => Form::List {
                complete: complete.first().copied().unwrap_or("ListComplete"),
                strict: login.principal.account().strict,
            },
            ListForm::No
            | ListForm::ConditionalHangup
            | ListForm::Irregular(_)
            | ListForm::Unknown => Form::Each,
        };
        let mut merge = Merge::new(form, action.action().action_id(), label);
        let mut asked: SmallVec<[(NodeId, Arc<str>); 4]> = SmallVec::new();
        for node in nodes {
            let Some(entry) = directory.entry(*node) else {
                continue;
            };
            // Never true of what the router chose; but nothing may go anywhere on its word alone.
            if !action.permits(*node) {
                continue;
            }
            match why_not(entry) {
                Some(reason) => merge.leave_out(&entry.name, reason),
                None => asked.push((*node, Arc::clone(&entry.name))),
            }
        }
        if let Some(refusal) = merge.refusal(asked.len()) {
            self.line.push(Work::Ready(refusal));
            self.note(SessionNote::Refused {
                action: ActionSubject::of(action.action()),
                message: "No node of it takes actions".to_owned(),
                kind: RefusalKind::Route,
            });
            return;
        }
        for (node, name) in asked {
            let Ok(action) = action.clone().at(node) else {
                continue;
            };
            let seq = self.line.push_for_node(node, cost, action);
            merge.ask(node, name, seq);
        }
        self.merges.push(merge);
    }

    /// Gives a part to the merge that it belongs to, or back.
    pub(super) fn merge_part(&mut self, seq: ActionSeq, part: Part, now: Instant) -> Option<Part> {
        let Some(merge) = self.merges.iter_mut().find(|merge| merge.has(seq)) else {
            return Some(part);
        };
        let merged = merge.part(seq, part.bytes, part.kind, part.last, now);
        self.give_merged(merged);
        None
    }

    /// When a node has been silent for too long at the earliest.
    pub(super) fn merges_expire(&self) -> Option<Instant> {
        let patience = self.settings.list_deadline;
        let expiries = self
            .merges
            .iter()
            .filter_map(|merge| merge.next_expiry(patience));
        expiries.min()
    }

    /// Goes on without the nodes that were silent for too long. What they still say finds nobody.
    pub(super) fn leave_silent_nodes(&mut self, now: Instant) {
        let patience = self.settings.list_deadline;
        let mut all = std::mem::take(&mut self.merges);
        for merge in &mut all {
            let (merged, left) = merge.expire(patience, now);
            for (node, seq) in left {
                self.line.abandon(seq);
                self.gate.open(node, seq);
            }
            self.give_merged(merged);
        }
        all.retain(|merge| !merge.is_over());
        self.merges = all;
    }

    fn give_merged(&mut self, merged: Merged) {
        for bytes in merged.write {
            self.write_slices(bytes);
        }
        if merged.finished {
            self.merges.retain(|merge| !merge.is_over());
        }
    }
}

/// Why a node is not asked.
fn why_not(entry: &DirectoryEntry) -> Option<&'static str> {
    if entry.status.service == Service::Maintenance {
        Some("maintenance")
    } else if !entry.status.is_up() {
        Some("down")
    } else if entry.status.is_silent() {
        Some("silent")
    } else {
        None
    }
}
