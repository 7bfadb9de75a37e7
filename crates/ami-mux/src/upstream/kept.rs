//! Answers that are kept, where the configuration says so, for sessions that read no events: nothing contradicts what they get.
//!
//! Owner: the node's machine. An answer is as old as its question is written: what it says was true then or later. Only whole answers
//! are kept, and none that is an error or has no response that could tell the age. Nobody gets one that is older than the end of his own
//! last action that may have changed something, and nothing outlives the loss of its node. Bounded by number and bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_proto::{CommandOutput, Frame, FrameKind, ListMarker};

use super::node::Node;
use super::pending::{Owner, Pending, PendingKey};
use super::settings::NodeSettings;
use super::sharing::ShareKey;
use super::submission::Submission;
use crate::ids::SessionId;
use crate::mail::PartKind;

/// Header of a response that was kept: its age in milliseconds. It is the last one.
pub(crate) const AGE_HEADER: &str = "CacheAge";

/// Bytes of an answer that is kept, unless the configuration says less: a thousand channels have room.
pub(super) const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of all kept answers of a node, what they take in memory beside their text included.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Kept answers of a node.
const ANSWERS_MAX: usize = 256;
/// Answers of a node that are on their way to be kept, each within the bytes of one.
const RECORDINGS_MAX: usize = 16;

/// What a node's machine keeps.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers {
    answers: HashMap<ShareKey, Arc<KeptAnswer>>,
    bytes: usize,
    /// How often the node was lost: what was asked before is worth nothing after.
    losses: u64,
    /// When the last action of a session ended that may have changed something.
    wrote: HashMap<SessionId, Instant>,
    /// One more holder than there are recordings.
    recordings: Arc<()>,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct KeptAnswer {
    /// Messages with the node's ids, shared with all who get them.
    pub(super) parts: Vec<(Frame, PartKind)>,
    /// When the question was written.
    pub(super) asked: Instant,
    /// How old it may get.
    age: Duration,
    bytes: usize,
}

impl KeptAnswer {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.asked) <= self.age
    }
}

/// An answer that is to be kept, as far as it has come.
#[derive(Debug)]
pub(super) struct Recording {
    key: ShareKey,
    parts: Vec<(Frame, PartKind)>,
    asked: Instant,
    age: Duration,
    bytes: usize,
    losses: u64,
    /// Counted as long as this lives.
    _place: Arc<()>,
}

impl Recording {
    /// Takes a part; false when the answer cannot be kept.
    fn take(&mut self, frame: &Frame, kind: PartKind, most: usize) -> bool {
        let fits = match kind {
            PartKind::Response { success: true } | PartKind::ListStart => {
                self.parts.is_empty()
                    && frame.kind() == FrameKind::Response
                    && frame.header(AGE_HEADER).is_none()
            }
            PartKind::Item | PartKind::Complete => {
                !self.parts.is_empty() && frame.list_marker() != Some(ListMarker::Cancelled)
            }
            PartKind::Response { success: false }
            | PartKind::Hidden
            | PartKind::Rest
            | PartKind::Ended(_) => false,
        };
        self.bytes += frame.bytes().len() + size_of::<(Frame, PartKind)>();
        if fits && self.bytes <= most {
            self.parts.push((frame.clone().detached(), kind));
            return true;
        }
        false
    }

    fn is_whole(&self) -> bool {
        matches!(
            self.parts.as_slice(),
            [(_, PartKind::Response { success: true })]
                | [(_, PartKind::ListStart), .., (_, PartKind::Complete)]
        )
    }
}

impl KeptAnswers {
    /// A place for an answer that begins to come, while there is one.
    fn recording(&self, key: ShareKey, age: Duration, now: Instant) -> Option<Box<Recording>> {
        (Arc::strong_count(&self.recordings) <= RECORDINGS_MAX).then(|| {
            Box::new(Recording {
                bytes: key.len(),
                key,
                parts: Vec::new(),
                asked: now,
                age,
                losses: self.losses,
                _place: Arc::clone(&self.recordings),
            })
        })
    }

    fn keep(&mut self, recording: Recording, now: Instant) {
        let Recording {
            key,
            parts,
            asked,
            age,
            bytes,
            losses,
            ..
        } = recording;
        let answer = KeptAnswer {
            parts,
            asked,
            age,
            bytes,
        };
        if losses != self.losses || !answer.is_fresh(now) {
            return;
        }
        // Two may have asked at the same time; the later question has the fresher answer.
        match self.answers.get(&key) {
            Some(other) if other.asked > answer.asked => return,
            Some(_) | None => self.remove(&key),
        }
        while self.answers.len() >= ANSWERS_MAX || self.bytes + answer.bytes > BYTES_MAX {
            let oldest = self.answers.iter().min_by_key(|(_, other)| other.asked);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        self.bytes += answer.bytes;
        self.answers.insert(key, Arc::new(answer));
    }

    fn remove(&mut self, key: &ShareKey) {
        if let Some(answer) = self.answers.remove(key) {
            self.bytes -= answer.bytes;
        }
    }

    /// Notes for its sessions that an action ended which may have changed something.
    fn mark<R>(&mut self, pending: &Pending<R>, now: Instant) {
        if matches!(&pending.owner, Owner::Clients(asked) if asked.may_write) {
            let sessions = pending.clients().iter().map(|client| client.session);
            self.wrote.extend(sessions.map(|session| (session, now)));
        }
    }

    /// Forgets what is too old to be given to anybody. `longest` is the longest time that any answer is kept.
    pub(super) fn expire(&mut self, longest: Duration, now: Instant) {
        self.answers.retain(|_, answer| answer.is_fresh(now));
        self.bytes = self.answers.values().map(|answer| answer.bytes).sum();
        // Nothing is left that was asked before these ended.
        self.wrote
            .retain(|_, ended| now.saturating_duration_since(*ended) <= longest);
    }

    /// Nothing of what was asked until now is given any more.
    pub(super) fn node_lost(&mut self) {
        self.losses += 1;
        self.answers.clear();
        self.bytes = 0;
    }

    pub(super) fn session_gone(&mut self, session: SessionId) {
        self.wrote.remove(&session);
    }
}

impl<R: Clone> Node<R> {
    /// The answer that was kept to this question, if its client may have it.
    pub(super) fn kept_for(
        &self,
        submission: &Submission<R>,
        key: &ShareKey,
        now: Instant,
    ) -> Option<Arc<KeptAnswer>> {
        let session = submission.session;
        let busy = self.queue.has(session) || self.effects.len() >= NodeSettings::EFFECTS_MAX;
        if !submission.reads_no_events || busy {
            return None;
        }
        let answer = self.kept.answers.get(key)?;
        let written = self.kept.wrote.get(&session);
        let is_new_enough =
            answer.is_fresh(now) && written.is_none_or(|written| answer.asked > *written);
        // The old form of Command has no place for the age.
        let (first, _) = answer.parts.first()?;
        let tells_age = match submission.command_output {
            CommandOutput::Native => !first.is_follows(),
            CommandOutput::Output => true,
            CommandOutput::Follows => false,
        };
        (is_new_enough && tells_age).then(|| Arc::clone(answer))
    }

    /// Of an action that is written now: where its answer is kept, and whether it may change something that its session must see.
    pub(super) fn record_of(
        &self,
        submission: &Submission<R>,
        question: Option<&ShareKey>,
        now: Instant,
    ) -> (Option<Box<Recording>>, bool) {
        let coalesce = &self.settings.coalesce;
        if coalesce.cache.is_empty() {
            return (None, false);
        }
        // One that was written alone has none, though others may ask the same.
        let key = question
            .cloned()
            .or_else(|| ShareKey::of(submission, coalesce));
        let Some(key) = key else {
            return (None, true);
        };
        let age = coalesce.kept_for(submission.action.action());
        let recording = age.and_then(|age| self.kept.recording(key, age, now));
        (recording, false)
    }

    /// Takes a part of an answer that is to be kept.
    pub(super) fn record(&mut self, key: PendingKey, frame: &Frame, kind: PartKind) {
        let most = self.settings.coalesce.cache_answer_bytes;
        let Some(pending) = self.pending.entry_mut(key) else {
            return;
        };
        let Owner::Clients(asked) = &mut pending.owner else {
            return;
        };
        let late = pending.expired;
        asked
            .recording
            .take_if(|recording| late || !recording.take(frame, kind, most));
    }

    /// Keeps the answer that has come to its end.
    pub(super) fn keep(&mut self, pending: &mut Pending<R>, now: Instant) {
        self.kept.mark(pending, now);
        let Owner::Clients(asked) = &mut pending.owner else {
            return;
        };
        let recording = asked.recording.take();
        if let Some(recording) = recording.filter(|recording| recording.is_whole()) {
            self.kept.keep(*recording, now);
        }
    }

    /// The action has ended for its clients without a last message of its node.
    pub(super) fn own_write_ended(&mut self, key: PendingKey, now: Instant) {
        if let Some(pending) = self.pending.entry(key) {
            self.kept.mark(pending, now);
        }
    }
}
