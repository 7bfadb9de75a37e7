//! The machine of one node: inputs, effects and the state that its parts share.
//!
//! One task owns it. Time and bytes are arguments, what is to be done comes out of [`Node::poll_effect`], bytes to write
//! out of [`Node::lane_output`]. Invariants: one event lane (I6); an action reaches a lane only as
//! `Authorized` (I2); each submission gets exactly one last [`Mail::Reply`] and nothing written is written again (I3).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use smallvec::smallvec;

use super::async_ids::AsyncIds;
use super::effect::{ActionEnd, NodeEffect, NodeFigures, NodeNote};
use super::inquiry::Inquiry;
use super::kept::KeptAnswers;
use super::lane::{Lane, LaneLoss, LaneRole, Phase};
use super::narrowing::Narrowing;
use super::pending::{Owner, Pending, PendingTable, Turns};
use super::queue::{FairQueue, Share, Unbound};
use super::queue_refresh::QueueRefresh;
use super::settings::NodeSettings;
use super::sharing::ShareKey;
use super::submission::Submission;
use super::survey::Survey;
use crate::directory::{NodeStatus, Service};
use crate::event::NodeEvent;
use crate::ids::{LaneId, SessionId};
use crate::mail::{Mail, PartKind};
use crate::outcome::{Cause, Failure, Outcome};

/// The machine.
#[derive(Debug)]
pub struct Node<R> {
    pub(super) settings: NodeSettings,
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    pub(super) next_lane: u32,
    pub(super) pending: PendingTable<R>,
    pub(super) async_ids: AsyncIds,
    pub(super) queue: FairQueue<R>,
    pub(super) kept: KeptAnswers,
    pub(super) status: NodeStatus,
    pub(super) inquiry: Inquiry,
    pub(super) survey: Survey,
    pub(super) queue_refresh: QueueRefresh,
    pub(super) narrowing: Narrowing,
    pub(super) event_attempt: u32,
    pub(super) action_attempt: u32,
    /// Since when it is not sure that the node answers; set while its breaker is open.
    pub(super) suspected_since: Option<Instant>,
    /// The lane that takes no quick actions until a slow one has had it.
    pub(super) reserved: Option<LaneId>,
    pub(super) wake_at: Option<Instant>,
    pub(super) draining: bool,
    /// The wall clock while broadcast events get a `Timestamp`.
    pub(super) stamp: Option<Duration>,
    pub(super) effects: VecDeque<NodeEffect<R>>,
}

impl<R: Clone> Node<R> {
    /// A node that begins to connect. `nonce` tells this process's wire ids from any other's.
    pub fn new(settings: NodeSettings, nonce: u32, now: Instant) -> Self {
        Self::with_status(NodeStatus::initial(), settings, nonce, 0, now)
    }

    /// The same, of which `status` is known from before.
    pub fn begin(status: NodeStatus, settings: NodeSettings, nonce: u32, now: Instant) -> Self {
        Self::with_status(status, settings, nonce, 0, now)
    }

    pub(super) fn with_status(
        status: NodeStatus,
        settings: NodeSettings,
        nonce: u32,
        attempt: u32,
        now: Instant,
    ) -> Self {
        let mut node = Self {
            settings,
            lanes: BTreeMap::new(),
            next_lane: 0,
            pending: PendingTable::new(nonce),
            async_ids: AsyncIds::default(),
            queue: FairQueue::new(),
            kept: KeptAnswers::default(),
            status,
            inquiry: Inquiry::default(),
            survey: Survey::default(),
            queue_refresh: QueueRefresh::default(),
            narrowing: Narrowing::default(),
            event_attempt: attempt,
            action_attempt: 0,
            suspected_since: None,
            reserved: None,
            wake_at: None,
            draining: false,
            stamp: None,
            effects: VecDeque::new(),
        };
        node.open_lane(LaneRole::Event, attempt, now);
        node
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<NodeEffect<R>> {
        self.effects.pop_front()
    }

    /// When [`Node::handle_timeout`] must be called at the latest. May change with every call of another method.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wake_at
    }

    /// What waits for the lane's socket.
    pub fn lane_output(&self, lane: LaneId) -> Option<&VecDeque<Bytes>> {
        self.lanes.get(&lane).map(Lane::out)
    }

    /// The socket took `count` bytes of [`Node::lane_output`].
    pub fn lane_wrote(&mut self, lane: LaneId, count: usize, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.sent(count);
        }
        if self.queue.len() > 0 {
            self.dispatch(now);
        }
    }

    /// The driver connected the lane.
    pub fn lane_opened(&mut self, lane: LaneId, now: Instant) {
        let deadline = now + NodeSettings::LOGIN_DEADLINE;
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.phase = Phase::Greeting;
            lane.last_heard = now;
            lane.phase_deadline = Some(deadline);
            self.arm(deadline);
        }
    }

    /// Bytes came. Takes whole messages from `buffer`, at most `turns` of them; true when more may be left.
    pub fn lane_input(
        &mut self,
        lane: LaneId,
        buffer: &mut BytesMut,
        turns: usize,
        now: Instant,
    ) -> bool {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.last_heard = now;
        }
        for _ in 0..turns {
            match self.next_message(lane, buffer, now) {
                super::login::Step::Nothing => return false,
                super::login::Step::Handled => {}
                super::login::Step::Frame(frame) => self.on_frame(lane, &frame, now),
                super::login::Step::Broken(reason) => {
                    self.lose_lane(lane, &reason, now);
                    return false;
                }
            }
            // An item for a thousand clients is a thousand effects: they are carried out before more come.
            if self.effects.len() >= NodeSettings::EFFECTS_MAX {
                return true;
            }
        }
        true
    }

    /// The lane is gone. The driver has dropped its socket, or does so now.
    pub fn lane_lost(&mut self, lane: LaneId, loss: &LaneLoss, now: Instant) {
        let reason = match loss {
            LaneLoss::ConnectFailed(error) => error.clone(),
            LaneLoss::Eof => "connection closed by the node".to_owned(),
            LaneLoss::Io(error) => format!("connection failed: {error}"),
        };
        self.remove_lane(lane, &reason, now);
    }

    /// An action for this node.
    pub fn submit(&mut self, submission: Submission<R>, now: Instant) {
        let refusal = if !submission.action.permits(self.settings.id) {
            Some(Cause::NotPermitted)
        } else if self.draining {
            Some(Cause::Draining)
        } else if self.status.service == Service::Maintenance {
            Some(Cause::Maintenance)
        } else if !self.status.is_up() {
            Some(Cause::NodeDown)
        } else if self.status.is_silent() {
            Some(Cause::Silent)
        } else {
            None
        };
        if let Some(cause) = refusal {
            self.refuse(
                submission,
                Failure {
                    outcome: Outcome::NotSent,
                    cause,
                },
            );
            return;
        }
        let session = submission.session;
        let share = self.share_of(&submission, now);
        if let Some(share) = &share
            && let Some(kept) = self.kept_for(&submission, &share.key, now)
        {
            self.give_kept(&submission, &kept, now);
            return;
        }
        self.arm(submission.deadline);
        if let Some(lane) = self.queue.push(submission, share)
            && let Some(lane) = self.lanes.get_mut(&lane)
        {
            lane.bind(session);
        }
        self.dispatch(now);
    }

    /// What the operator wants of the node from now on. What was submitted before goes on as ever.
    pub fn set_service(&mut self, service: Service) {
        if self.status.service != service {
            self.status.service = service;
            self.publish_status();
            self.note(NodeNote::Service(service));
        }
    }

    /// The session left. What no lane has taken is dropped; the rest runs on and its answers find nobody.
    pub fn session_gone(&mut self, session: SessionId) {
        self.queue.forget(session);
        self.kept.session_gone(session);
        for lane in self.lanes.values_mut() {
            lane.bound.retain(|bound| *bound != session);
        }
    }

    /// From now on broadcast events that have no `Timestamp` get this one, the wall clock since 1970; `None`: none.
    pub fn stamp_events(&mut self, wall_clock: Option<Duration>) {
        self.stamp = wall_clock;
    }

    /// Whether nothing of any client is under way.
    pub fn is_quiet(&self) -> bool {
        self.queue.len() == 0
            && self.lanes.values().all(|lane| {
                lane.written.iter().all(|key| {
                    self.pending.entry(*key).is_none_or(|pending| {
                        pending.expired || matches!(pending.owner, Owner::Internal(_))
                    })
                })
            })
    }

    /// The status last given out.
    pub fn status(&self) -> &NodeStatus {
        &self.status
    }

    /// Figures for metrics.
    pub fn figures(&self) -> NodeFigures {
        let ready = |role| {
            self.lanes
                .values()
                .filter(|lane| lane.role == role && lane.is_ready())
                .count()
        };
        NodeFigures {
            event_lanes: ready(LaneRole::Event),
            action_lanes: ready(LaneRole::Action),
            blocking_lanes: ready(LaneRole::Blocking),
            pending: self.pending.len(),
            waiting: self.queue.len(),
            async_ids: self.async_ids.len(),
        }
    }

    pub(super) fn arm(&mut self, at: Instant) {
        if self.wake_at.is_none_or(|wake| at < wake) {
            self.wake_at = Some(at);
        }
    }

    pub(super) fn note(&mut self, note: NodeNote) {
        self.effects.push_back(NodeEffect::Note(note));
    }

    pub(super) fn publish_status(&mut self) {
        self.effects
            .push_back(NodeEffect::Status(self.status.clone()));
    }

    pub(super) fn publish_event(&mut self, event: NodeEvent) {
        self.effects
            .push_back(NodeEffect::Broadcast(Mail::Event(Arc::new(event))));
    }

    pub(super) fn open_lane(&mut self, role: LaneRole, attempt: u32, now: Instant) {
        let id = LaneId(self.next_lane);
        self.next_lane += 1;
        self.lanes.insert(id, Lane::new(id, role, now));
        self.effects.push_back(NodeEffect::Open {
            lane: id,
            role,
            attempt,
        });
    }

    /// Answers a submission that no lane took.
    pub(super) fn refuse(&mut self, submission: Submission<R>, failure: Failure) {
        let action = submission.action.action();
        let action_id = action.action_id();
        let table_name = submission.action.spec().map(|spec| spec.name);
        self.note(NodeNote::Done {
            action: table_name,
            end: ActionEnd::NotSent,
            after: None,
        });
        let bytes = failure.response(&self.settings.name, action_id.as_ref());
        self.effects.push_back(NodeEffect::Deliver(
            submission.reply_to,
            Mail::Reply {
                node: self.settings.id,
                seq: submission.seq,
                bytes: smallvec![bytes],
                last: true,
                kind: PartKind::Ended(failure),
            },
        ));
    }

    /// The question that the action asks, if others may ask it too.
    fn share_of(&self, submission: &Submission<R>, now: Instant) -> Option<Share> {
        let coalesce = &self.settings.coalesce;
        let key = ShareKey::of(submission, coalesce)?;
        let opens = (!coalesce.window.is_zero()).then(|| now + coalesce.window);
        Some(Share { key, opens })
    }

    /// Closes a lane that misbehaved.
    pub(super) fn lose_lane(&mut self, lane: LaneId, reason: &str, now: Instant) {
        self.effects.push_back(NodeEffect::Close(lane));
        self.remove_lane(lane, reason, now);
    }

    /// One answer less is outstanding for the owners' sessions: their turn may move to another lane. An overdue action has
    /// given it back at its deadline.
    pub(super) fn release_turn(&mut self, pending: &Pending<R>) {
        if !pending.expired {
            self.release(pending.turns());
        }
    }

    pub(super) fn release(&mut self, turns: Turns) {
        for session in turns.sessions {
            if self.queue.finished(session) == Unbound::Yes {
                for lane in self.lanes.values_mut() {
                    lane.bound.retain(|bound| *bound != session);
                }
            }
        }
        if let Some(question) = turns.question {
            self.queue.round_ended(&question);
        }
    }
}
