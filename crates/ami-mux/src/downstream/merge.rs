//! One answer out of those of several nodes.
//!
//! A list is given on as it comes: the first response that begins one, the items of all nodes, one Complete event at the end
//! with the sums. Nothing is kept but that Complete event, so that lists may be as long as they like. An action that is no list
//! becomes one: an event for each node's answer. A node that says nothing for too long is left behind, and named at the end.

mod complete;
mod each;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_proto::rewrite::join;
use ami_proto::{ClientActionId, Frame, Slices};
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::ids::{ActionSeq, NodeId};
use crate::mail::PartKind;
use complete::Sums;

/// Bytes of early items of a strict list, at most; with more it fails.
const EARLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the answers are put together to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One list, completed by the event of this name where no node gives its own.
    List {
        complete: &'static str,
        /// Without every node there is no answer.
        strict: bool,
    },
    /// An event for each node's response.
    Each,
}

/// One node's part.
#[derive(Debug)]
struct Leg {
    node: NodeId,
    name: Arc<str>,
    seq: ActionSeq,
    /// When it was last heard; `None` before it was handed to its node.
    heard: Option<Instant>,
    items: u64,
    /// It has begun to answer.
    answered: bool,
    done: bool,
}

/// An action at several nodes.
#[derive(Debug)]
pub(super) struct Merge {
    form: Form,
    action_id: Option<ClientActionId>,
    label: Arc<str>,
    legs: SmallVec<[Leg; 4]>,
    /// The response has been given.
    begun: bool,
    /// A strict list has failed: nothing more of it is given.
    broken: bool,
    /// Items of early nodes, while a strict list waits for the response of every node.
    early: Vec<Slices>,
    early_bytes: usize,
    /// The response that begins the list, while it cannot be given.
    start: Option<Slices>,
    /// A success without a list, in case no node has one.
    plain: Option<Slices>,
    first_error: Option<Slices>,
    sums: Sums,
    finished: bool,
}

/// What a part leads to.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Bytes for the client, in order.
    pub(super) write: SmallVec<[Slices; 2]>,
    /// The last word is among the bytes, now or before.
    pub(super) finished: bool,
}

impl Merge {
    /// The action of that ActionID, at no node yet.
    pub(super) fn new(form: Form, action_id: Option<ClientActionId>, label: Arc<str>) -> Self {
        Self {
            form,
            action_id,
            label,
            legs: SmallVec::new(),
            begun: false,
            broken: false,
            early: Vec::new(),
            early_bytes: 0,
            start: None,
            plain: None,
            first_error: None,
            sums: Sums::default(),
            finished: false,
        }
    }

    /// A node that is asked.
    pub(super) fn ask(&mut self, node: NodeId, name: Arc<str>, seq: ActionSeq) {
        self.legs.push(Leg {
            node,
            name,
            seq,
            heard: None,
            items: 0,
            answered: false,
            done: false,
        });
    }

    /// A node that cannot be asked.
    pub(super) fn leave_out(&mut self, name: &str, reason: &str) {
        self.sums.failed(name, reason, 0);
        self.broken |= self.is_strict();
    }

    /// The answer when the nodes that were left out leave no answer to be had.
    pub(super) fn refusal(&self, asked: usize) -> Option<Bytes> {
        (asked == 0 || self.broken).then(|| self.sums.refusal(self.action_id.as_ref()))
    }

    /// Whether the action of that place is part of this.
    pub(super) fn has(&self, seq: ActionSeq) -> bool {
        self.legs.iter().any(|leg| leg.seq == seq)
    }

    /// Whether nothing more can come.
    pub(super) fn is_over(&self) -> bool {
        self.finished && self.legs.iter().all(|leg| leg.done)
    }

    /// The action was handed to the node.
    pub(super) fn started(&mut self, seq: ActionSeq, now: Instant) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.seq == seq) {
            leg.heard.get_or_insert(now);
        }
    }

    /// A part of a node's answer.
    pub(super) fn part(
        &mut self,
        seq: ActionSeq,
        bytes: Slices,
        kind: PartKind,
        last: bool,
        now: Instant,
    ) -> Merged {
        let mut merged = Merged {
            finished: self.finished,
            ..Merged::default()
        };
        let found = self.legs.iter_mut().find(|leg| leg.seq == seq);
        let Some(leg) = found.filter(|leg| !leg.done) else {
            return merged;
        };
        leg.heard = Some(now);
        leg.answered = true;
        leg.done = last;
        leg.items += u64::from(kind == PartKind::Item);
        let (name, items) = (Arc::clone(&leg.name), leg.items);
        match self.form {
            Form::List { .. } => self.list_part(&name, items, bytes, kind, &mut merged),
            Form::Each => self.each_part(&name, bytes, kind, &mut merged),
        }
        self.end_if_done(&mut merged);
        merged
    }

    /// Leaves behind the nodes that were silent for `patience`, and gives their places in the session's order.
    pub(super) fn expire(
        &mut self,
        patience: Duration,
        now: Instant,
    ) -> (Merged, SmallVec<[(NodeId, ActionSeq); 2]>) {
        let mut left = SmallVec::new();
        if matches!(self.form, Form::List { .. }) {
            for leg in self.legs.iter_mut().filter(|leg| !leg.done) {
                if leg.heard.is_some_and(|heard| heard + patience <= now) {
                    leg.done = true;
                    left.push((leg.node, leg.seq));
                    self.sums.failed(&leg.name, "timeout", leg.items);
                }
            }
        }
        let mut merged = Merged::default();
        if !left.is_empty() {
            self.broken |= self.is_strict();
            self.pass_early(&mut merged);
            self.end_if_done(&mut merged);
        }
        (merged, left)
    }

    /// When [`Merge::expire`] has something to do at the earliest. Other actions have deadlines at their nodes.
    pub(super) fn next_expiry(&self, patience: Duration) -> Option<Instant> {
        if self.form == Form::Each {
            return None;
        }
        let waiting = self.legs.iter().filter(|leg| !leg.done);
        let silent = waiting.filter_map(|leg| leg.heard).min()?;
        Some(silent + patience)
    }

    fn is_strict(&self) -> bool {
        matches!(self.form, Form::List { strict: true, .. })
    }

    fn each_part(&mut self, node: &str, bytes: Slices, kind: PartKind, merged: &mut Merged) {
        match kind {
            PartKind::Response { .. } => self.sums.ended(),
            PartKind::Ended(failure) => self.sums.failed(node, &failure.message(node), 0),
            PartKind::ListStart
            | PartKind::Item
            | PartKind::Hidden
            | PartKind::Complete
            | PartKind::Rest => return,
        }
        if !self.begun {
            self.begun = true;
            let begin = each::begin(self.action_id.as_ref());
            merged.write.push(smallvec![begin]);
        }
        let answer = join(bytes);
        let event = each::response(&answer, self.action_id.as_ref(), &self.label, node);
        merged.write.push(smallvec![event]);
    }

    fn list_part(
        &mut self,
        node: &str,
        items: u64,
        bytes: Slices,
        kind: PartKind,
        merged: &mut Merged,
    ) {
        match kind {
            PartKind::ListStart => {
                let (start, age) = complete::start(&join(bytes));
                self.sums.kept(age);
                self.start.get_or_insert_with(|| smallvec![start]);
            }
            PartKind::Item => self.item(bytes, merged),
            PartKind::Complete => self.sums.complete(&join(bytes), items),
            PartKind::Response { success: true } => {
                self.sums.ended();
                self.plain.get_or_insert(bytes);
            }
            PartKind::Response { success: false } => self.refused(node, items, bytes),
            PartKind::Ended(failure) => self.cut_off(node, items, &failure.message(node), bytes),
            PartKind::Hidden | PartKind::Rest => {}
        }
        self.pass_early(merged);
    }

    fn item(&mut self, bytes: Slices, merged: &mut Merged) {
        if self.broken {
            return;
        }
        if self.begun {
            merged.write.push(bytes);
            return;
        }
        self.early_bytes += bytes.iter().map(Bytes::len).sum::<usize>();
        self.early.push(bytes);
        if self.early_bytes > EARLY_BYTES_MAX {
            self.broken = true;
            self.early = Vec::new();
        }
    }

    /// A node that has nothing of the kind says so with an error; that is no failure.
    fn refused(&mut self, node: &str, items: u64, bytes: Slices) {
        let joined = join(bytes);
        let reason = message(&joined);
        if complete::is_nothing(&reason) {
            self.sums.ended();
        } else {
            self.sums.failed(node, &reason, items);
            self.broken |= self.is_strict();
        }
        self.first_error.get_or_insert_with(|| smallvec![joined]);
    }

    /// amiplex ended the node's part: with a response when there was none, else with the end of its list.
    fn cut_off(&mut self, node: &str, items: u64, reason: &str, bytes: Slices) {
        let joined = join(bytes);
        self.broken |= self.is_strict();
        if joined.starts_with(b"Event:") {
            self.sums.cancelled(node, reason, &joined, items);
        } else {
            self.sums.failed(node, reason, items);
            if !joined.is_empty() {
                self.first_error.get_or_insert_with(|| smallvec![joined]);
            }
        }
    }

    /// A list begins with the first node that has one; a strict list when every node has answered.
    fn pass_early(&mut self, merged: &mut Merged) {
        let all_answered = self.legs.iter().all(|leg| leg.answered || leg.done);
        if self.begun || self.broken || (self.is_strict() && !all_answered) {
            return;
        }
        if let Some(start) = self.start.take() {
            self.begun = true;
            merged.write.push(start);
            merged.write.extend(self.early.drain(..));
        }
    }

    fn end_if_done(&mut self, merged: &mut Merged) {
        let given_up = self.broken && !self.begun;
        let waiting = self.legs.iter().any(|leg| !leg.done);
        if self.finished || (waiting && !given_up) {
            merged.finished = self.finished;
            return;
        }
        self.finished = true;
        merged.finished = true;
        let last = match self.form {
            Form::Each if self.begun => {
                let items = u64::try_from(self.legs.len()).unwrap_or(u64::MAX);
                smallvec![each::complete(
                    self.action_id.as_ref(),
                    items,
                    self.sums.nodes()
                )]
            }
            Form::List { complete, .. } if self.begun => smallvec![self.sums.finish(
                complete,
                self.action_id.as_ref(),
                &self.label,
                self.broken
            )],
            Form::Each | Form::List { .. } => self.answer_without_list(),
        };
        merged.write.push(last);
    }

    fn answer_without_list(&mut self) -> Slices {
        let answer = if self.broken {
            None
        } else {
            self.plain.take().or_else(|| self.first_error.take())
        };
        answer.unwrap_or_else(|| smallvec![self.sums.refusal(self.action_id.as_ref())])
    }
}

/// The `Message` of a response.
fn message(bytes: &Bytes) -> String {
    let frame = Frame::parse(bytes.clone());
    let text = frame
        .as_ref()
        .and_then(|frame| frame.header("Message"))
        .unwrap_or(b"no answer");
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests;
