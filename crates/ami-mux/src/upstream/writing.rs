//! Writing: an action is registered, then its bytes are queued on its lane.
//!
//! The id is in the table before the first byte can leave. What several clients ask alike is written once and registered for all
//! of them; each hears in that moment that it was written, so that its events wait from then on.

use std::time::Instant;

use ami_access::{Cost, ListForm};
use ami_proto::encode::error;
use ami_proto::rewrite::upstream_action;
use ami_proto::{EchoedIds, EncodeError, Slices, WireActionId};
use smallvec::SmallVec;

use super::async_ids::Original;
use super::effect::{NodeEffect, NodeNote};
use super::lane::Lane;
use super::load::Load;
use super::node::Node;
use super::own_items::OwnItems;
use super::pending::{Asked, Awaiting, Client, Owner, Pending, PendingKey};
use super::queue::Ready;
use super::queue_refresh::reloads_queues;
use super::settings::NodeSettings;
use super::sharing::ShareKey;
use super::submission::Submission;
use crate::ids::LaneId;
use crate::mail::{Mail, PartKind};
use crate::outcome::{Cause, Failure, Outcome};

impl<R: Clone> Node<R> {
    /// Registers the sessions' front actions, which are one, and queues its bytes on `lane`.
    pub(super) fn write_front(&mut self, ready: Ready, lane: LaneId, now: Instant) {
        let Ready { sessions, question } = ready;
        let taken = sessions
            .iter()
            .filter_map(|session| self.queue.take(*session, lane));
        let submissions: SmallVec<[Submission<R>; 1]> = taken.collect();
        if let Some(first) = submissions.first()
            && async_event(first).is_some()
            && self.async_ids.len() >= NodeSettings::ASYNC_MAX
        {
            let failure = Failure {
                outcome: Outcome::NotSent,
                cause: Cause::TooManyPending,
            };
            for submission in submissions {
                let session = submission.session;
                self.refuse(submission, failure);
                self.queue.finished(session);
            }
        } else {
            self.write(submissions, question, lane, now);
        }
        // What could not be written holds no lane: its session may be in the rotation again.
        for session in sessions {
            if self.queue.is_bound(session, lane)
                && let Some(lane) = self.lanes.get_mut(&lane)
            {
                lane.bind(session);
            }
        }
    }

    fn write(
        &mut self,
        submissions: SmallVec<[Submission<R>; 1]>,
        question: Option<ShareKey>,
        id: LaneId,
        now: Instant,
    ) {
        let clients: SmallVec<[Client<R>; 1]> = submissions.iter().map(Client::of).collect();
        let Some(submission) = submissions.into_iter().next() else {
            return;
        };
        if clients.len() > 1 {
            self.note(NodeNote::Shared {
                clients: clients.len(),
            });
        }
        let name = submission.action.action().name();
        let (recording, may_write) = self.record_of(&submission, question.as_ref(), now);
        let asked = Asked {
            clients,
            own_items: OwnItems::of(&submission.action, now),
            table_name: submission.action.spec().map(|spec| spec.name),
            action_name: name
                .map(|name| name.as_str_lossy().into())
                .unwrap_or_default(),
            reloads_queues: reloads_queues(&submission),
            recording,
            may_write,
            question,
        };
        // An asynchronous Originate is answered at once: its own time is that of its event.
        let own_time = submission
            .action
            .own_time()
            .filter(|_| !submission.action.is_async_originate())
            .map_or(self.settings.action_deadline, |own| {
                (own + NodeSettings::OWN_TIME_MARGIN).max(self.settings.action_deadline)
            });
        let list = submission.action.list();
        let starts_at = self.lanes.get(&id).map_or(0, Lane::position);
        let key = self.pending.insert(Pending {
            lane: id,
            owner: Owner::Clients(asked),
            awaiting: Awaiting::Response,
            list,
            load: Load::of(&submission.action, submission.cost),
            starts_at,
            written: now,
            deadline: now + own_time,
            noted: false,
            expired: false,
            by_order: matches!(list, ListForm::Irregular(form) if form.is_uncorrelatable()),
        });
        match self.encode(&submission, key) {
            Ok(bytes) => self.queue_on_lane(&submission, key, id, bytes, now),
            Err(problem) => self.unencodable(key, &problem),
        }
    }

    fn encode(
        &mut self,
        submission: &Submission<R>,
        key: PendingKey,
    ) -> Result<Slices, EncodeError> {
        let strip = stripped(submission);
        let action = submission.action.action();
        let setvars: Vec<(&str, &[u8])> = submission
            .variables
            .iter()
            .map(|value| ("Variable", value.as_bytes()))
            .collect();
        let wire: WireActionId = self.pending.wire_id(key);
        match upstream_action(action, Some(&wire), &strip, &setvars) {
            // 128 headers of the client leave no room for ours: the lane is its own, and order tells. Not so where the
            // client's own id has no room beside the account's variables: the answer could not carry it.
            Err(EncodeError::TooManyLines) if action.action_id().is_none() => {
                let bytes = upstream_action(action, None, &strip, &setvars)?;
                if let Some(pending) = self.pending.entry_mut(key) {
                    pending.by_order = true;
                }
                Ok(bytes)
            }
            other => other,
        }
    }

    fn queue_on_lane(
        &mut self,
        submission: &Submission<R>,
        key: PendingKey,
        id: LaneId,
        bytes: Slices,
        now: Instant,
    ) {
        let list = matches!(submission.action.list(), ListForm::List { .. });
        if let Some((original, expires)) = self.async_original(submission, now) {
            let asked_by = submission.action.scope().cloned();
            self.async_ids.insert(key, original, asked_by, expires);
            self.arm(expires);
        }
        if let Some(pending) = self.pending.entry(key) {
            for client in pending.clients() {
                self.effects.push_back(NodeEffect::Deliver(
                    client.reply_to.clone(),
                    Mail::Written {
                        node: self.settings.id,
                        seq: client.seq,
                        list,
                    },
                ));
            }
            let deadline = pending.deadline;
            self.arm(deadline);
        }
        if let Some(lane) = self.lanes.get_mut(&id) {
            if lane.written.is_empty() {
                lane.head_since = now;
            }
            lane.exclusive = submission.cost != Cost::Quick;
            lane.last_used = now;
            lane.written.push_back(key);
            lane.queue_bytes(bytes);
        }
    }

    /// A lone CR is data to Asterisk's reader, but a line end to others who may see it: it never goes up. Nor does what
    /// is too long for Asterisk with the account's variables.
    fn unencodable(&mut self, key: PendingKey, problem: &EncodeError) {
        let Some(pending) = self.pending.remove(key) else {
            return;
        };
        self.release_turn(&pending);
        let message = if *problem == EncodeError::TooManyLines {
            "Too many lines in message or allocation failure".to_owned()
        } else {
            format!("Failed to parse message: {problem}")
        };
        for client in pending.clients() {
            let bytes = error(client.action_id.as_ref(), message.as_str());
            self.effects.push_back(NodeEffect::Deliver(
                client.reply_to.clone(),
                Mail::Reply {
                    node: self.settings.id,
                    seq: client.seq,
                    bytes: smallvec::smallvec![bytes],
                    last: true,
                    kind: PartKind::Response { success: false },
                },
            ));
        }
    }

    fn async_original(
        &self,
        submission: &Submission<R>,
        now: Instant,
    ) -> Option<(Original, Instant)> {
        let event = async_event(submission)?;
        let action = submission.action.action();
        let original = if event == "UserEvent" {
            Original::Echo(EchoedIds::with_stripped(action, &stripped(submission)))
        } else {
            Original::ActionId {
                event,
                id: action.action_id(),
            }
        };
        let own = submission
            .action
            .own_time()
            .unwrap_or(NodeSettings::ORIGINATE_TIMEOUT);
        Some((original, now + own + NodeSettings::ASYNC_MARGIN))
    }
}

/// Headers that are not the node's business.
pub(super) fn stripped<R>(submission: &Submission<R>) -> Vec<&str> {
    let mut strip: Vec<&str> = submission.strip.iter().map(String::as_str).collect();
    strip.push("SuppressEvents");
    strip
}

/// The broadcast event in which the node will repeat the action's ActionID, if any.
fn async_event<R>(submission: &Submission<R>) -> Option<&'static str> {
    if submission.action.is_async_originate() {
        return Some("OriginateResponse");
    }
    let name = submission.action.action().name()?;
    if name.is("UserEvent") {
        Some("UserEvent")
    } else if name.is("SIPqualifypeer") {
        Some("SIPQualifyPeerDone")
    } else {
        None
    }
}
