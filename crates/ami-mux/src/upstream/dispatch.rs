//! Which lane takes which waiting action.
//!
//! Quick actions share lanes up to a depth; a slow one has a lane to itself while it runs, and at least one lane is kept
//! from the slow ones; blocking ones have lanes of their own. A session with answers outstanding stays on their lane.
//! Whatever cannot be placed waits in its turn, and a lane is opened for it while the bounds allow.

use std::time::Instant;

use ami_access::{Cost, ListForm};
use ami_proto::encode::error;
use ami_proto::rewrite::upstream_action;
use ami_proto::{EchoedIds, EncodeError, Slices, WireActionId};

use super::async_ids::Original;
use super::effect::NodeEffect;
use super::lane::{Lane, LaneRole};
use super::node::Node;
use super::own_items::OwnItems;
use super::pending::{Awaiting, Client, Owner, Pending, PendingKey};
use super::settings::NodeSettings;
use super::submission::Submission;
use crate::ids::{LaneId, SessionId};
use crate::mail::{Mail, PartKind};
use crate::outcome::{Cause, Failure, Outcome};

impl<R: Clone> Node<R> {
    /// Writes whatever has its turn and a lane.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.queue.len() == 0 || !self.status.is_up() {
            return;
        }
        if self.queue.rotation_len(Cost::Slow) == 0 {
            self.reserved = None;
        }
        self.dispatch_quick(now);
        self.dispatch_alone(Cost::Slow, now);
        self.reserve_for_slow();
        self.dispatch_alone(Cost::Blocking, now);
    }

    /// Bound and unbound sessions take turns on each lane, so that neither starves the other.
    fn dispatch_quick(&mut self, now: Instant) {
        let ids: Vec<LaneId> = self.lanes.keys().copied().collect();
        loop {
            let mut written = false;
            for id in &ids {
                if let Some(session) = self.next_bound(*id, now) {
                    self.write_front(session, *id, now);
                    written = true;
                }
            }
            if let Some(lane) = self.roomiest_lane(now)
                && let Some(session) = self.queue.next_in_rotation(Cost::Quick)
            {
                self.write_front(session, lane, now);
                written = true;
            }
            if !written {
                break;
            }
        }
        let waiting = self.queue.rotation_len(Cost::Quick);
        if waiting > 0 {
            self.open_for(LaneRole::Action, 1, now);
        }
    }

    fn next_bound(&mut self, id: LaneId, now: Instant) -> Option<SessionId> {
        let depth = self.settings.depth;
        let reserved = self.reserved == Some(id);
        let others_wait = self.queue.rotation_len(Cost::Quick) > 0;
        let lane = self.lanes.get_mut(&id)?;
        if reserved || lane.bound.is_empty() || !lane.has_room(depth, now) {
            return None;
        }
        if std::mem::take(&mut lane.bound_had_turn) && others_wait {
            // There is room on this lane at least, so one of the others is written now.
            return None;
        }
        while let Some(session) = lane.bound.pop_front() {
            if self.queue.front_cost(session) == Some(Cost::Quick) {
                lane.bound_had_turn = true;
                return Some(session);
            }
        }
        None
    }

    fn roomiest_lane(&self, now: Instant) -> Option<LaneId> {
        if self.queue.rotation_len(Cost::Quick) == 0 {
            return None;
        }
        self.lanes
            .values()
            .filter(|lane| self.reserved != Some(lane.id))
            .filter(|lane| lane.has_room(self.settings.depth, now))
            .min_by_key(|lane| lane.written.len())
            .map(|lane| lane.id)
    }

    fn dispatch_alone(&mut self, cost: Cost, now: Instant) {
        let role = if cost == Cost::Blocking {
            LaneRole::Blocking
        } else {
            LaneRole::Action
        };
        while self.queue.rotation_len(cost) > 0 {
            let Some(lane) = self.lane_for_itself(role) else {
                break;
            };
            let Some(session) = self.queue.next_in_rotation(cost) else {
                break;
            };
            self.write_front(session, lane, now);
        }
        let waiting = self.queue.rotation_len(cost);
        if waiting > 0 {
            self.open_for(role, waiting, now);
        }
    }

    fn lane_for_itself(&self, role: LaneRole) -> Option<LaneId> {
        if role == LaneRole::Action && !self.may_take_another_alone() {
            return None;
        }
        let idle = self
            .lanes
            .values()
            .filter(|lane| lane.role == role && lane.is_idle());
        // The reserved one first: as long as it is idle and reserved, nobody else may use it.
        idle.min_by_key(|lane| self.reserved != Some(lane.id))
            .map(|lane| lane.id)
    }

    /// Whether one more slow action leaves a lane for the quick ones.
    fn may_take_another_alone(&self) -> bool {
        let alone = self
            .lanes
            .values()
            .filter(|lane| lane.role == LaneRole::Action && lane.exclusive)
            .count();
        alone < self.settings.lanes_max.saturating_sub(1).max(1)
    }

    /// Keeps quick actions from one lane until it is idle, when a slow one waits: else endless quick traffic would never
    /// leave it a lane. Reserved after the quick ones had their turn, so that on an only lane both come to theirs.
    fn reserve_for_slow(&mut self) {
        let usable = |lane: &&Lane| {
            lane.role == LaneRole::Action
                && lane.is_ready()
                && !lane.exclusive
                && lane.overdue_since.is_none()
        };
        let kept = self
            .reserved
            .and_then(|id| self.lanes.get(&id))
            .is_some_and(|lane| usable(&lane));
        if self.queue.rotation_len(Cost::Slow) == 0 || !self.may_take_another_alone() {
            self.reserved = None;
        } else if !kept {
            let all: Vec<&Lane> = self.lanes.values().filter(usable).collect();
            // A lane that is being opened may serve as well, unless none can be had.
            let enough = all.len() > 1 || self.settings.lanes_max == 1 || self.action_attempt > 0;
            self.reserved = all
                .into_iter()
                .filter(|_| enough)
                .min_by_key(|lane| lane.written.len())
                .map(|lane| lane.id);
        }
    }

    /// Opens lanes for `waiting` actions that found none, within the bounds.
    fn open_for(&mut self, role: LaneRole, waiting: usize, now: Instant) {
        let max = match role {
            LaneRole::Event => return,
            LaneRole::Action => self.settings.lanes_max,
            LaneRole::Blocking => self.settings.blocking_max,
        };
        let of_role = self.lanes.values().filter(|lane| lane.role == role);
        let (all, opening) = of_role.fold((0, 0), |(all, opening), lane| {
            (
                all + 1,
                if lane.is_ready() {
                    opening
                } else {
                    opening + 1
                },
            )
        });
        let wanted = waiting.saturating_sub(opening).min(max.saturating_sub(all));
        // While lanes fail to open, one at a time is tried, with the driver's backoff.
        let wanted = if self.action_attempt > 0 {
            wanted.min(usize::from(opening == 0))
        } else {
            wanted
        };
        for _ in 0..wanted {
            self.open_lane(role, self.action_attempt, now);
        }
    }

    /// Keeps the least number of action lanes open.
    pub(super) fn keep_minimum(&mut self, now: Instant) {
        let have = self
            .lanes
            .values()
            .filter(|lane| lane.role == LaneRole::Action)
            .count();
        for _ in have..self.settings.lanes_min {
            self.open_lane(LaneRole::Action, self.action_attempt, now);
        }
    }

    /// Registers the session's front action and queues its bytes on `lane`.
    fn write_front(&mut self, session: SessionId, lane: LaneId, now: Instant) {
        let Some(submission) = self.queue.take(session, lane) else {
            return;
        };
        if async_event(&submission).is_some() && self.async_ids.len() >= NodeSettings::ASYNC_MAX {
            let failure = Failure {
                outcome: Outcome::NotSent,
                cause: Cause::TooManyPending,
            };
            self.refuse(submission, failure);
            self.queue.finished(session);
        } else {
            self.write(submission, lane, now);
        }
        // What could not be written holds no lane: its session may be in the rotation again.
        if self.queue.is_bound(session, lane)
            && let Some(lane) = self.lanes.get_mut(&lane)
        {
            lane.bind(session);
        }
    }

    fn write(&mut self, submission: Submission<R>, id: LaneId, now: Instant) {
        // An asynchronous Originate is answered at once: its own time is that of its event.
        let own_time = submission
            .action
            .own_time()
            .filter(|_| !submission.action.is_async_originate())
            .map_or(self.settings.action_deadline, |own| {
                (own + NodeSettings::OWN_TIME_MARGIN).max(self.settings.action_deadline)
            });
        let list = submission.action.list();
        let client = Client {
            reply_to: submission.reply_to.clone(),
            session: submission.session,
            seq: submission.seq,
            action_id: submission.action.action().action_id(),
            label: submission.label.clone(),
            own_items: OwnItems::of(&submission.action, now),
            command_output: submission.command_output,
            table_name: submission.action.spec().map(|spec| spec.name),
            action_name: submission
                .action
                .action()
                .name()
                .map(ToString::to_string)
                .unwrap_or_default()
                .into(),
        };
        let starts_at = self.lanes.get(&id).map_or(0, Lane::position);
        let key = self.pending.insert(Pending {
            lane: id,
            owner: Owner::Client(client),
            awaiting: Awaiting::Response,
            list,
            starts_at,
            written: now,
            deadline: now + own_time,
            noted: false,
            expired: false,
            by_order: matches!(list, ListForm::Irregular(form) if form.is_uncorrelatable()),
        });
        match self.encode(&submission, key) {
            Ok(bytes) => self.queue_on_lane(submission, key, id, bytes, now),
            Err(problem) => self.unencodable(submission, key, &problem),
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
        submission: Submission<R>,
        key: PendingKey,
        id: LaneId,
        bytes: Slices,
        now: Instant,
    ) {
        let list = matches!(submission.action.list(), ListForm::List { .. });
        if let Some((original, expires)) = self.async_original(&submission, now) {
            let asked_by = submission.action.scope().cloned();
            self.async_ids.insert(key, original, asked_by, expires);
            self.arm(expires);
        }
        self.effects.push_back(NodeEffect::Deliver(
            submission.reply_to,
            Mail::Written {
                node: self.settings.id,
                seq: submission.seq,
                list,
            },
        ));
        if let Some(pending) = self.pending.entry(key) {
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
    fn unencodable(&mut self, submission: Submission<R>, key: PendingKey, problem: &EncodeError) {
        if let Some(pending) = self.pending.remove(key) {
            self.release_turn(&pending);
        }
        let action_id = submission.action.action().action_id();
        let message = if *problem == EncodeError::TooManyLines {
            "Too many lines in message or allocation failure".to_owned()
        } else {
            format!("Failed to parse message: {problem}")
        };
        let bytes = error(action_id.as_ref(), message);
        self.effects.push_back(NodeEffect::Deliver(
            submission.reply_to,
            Mail::Reply {
                node: self.settings.id,
                seq: submission.seq,
                bytes: smallvec::smallvec![bytes],
                last: true,
                kind: PartKind::Response { success: false },
            },
        ));
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
fn stripped<R>(submission: &Submission<R>) -> Vec<&str> {
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
