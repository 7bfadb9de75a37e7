//! The machine of one node: inputs, effects and the state that its parts share.
//!
//! One task owns it. Time and bytes are arguments, what is to be done comes out of [`Node::poll_effect`], bytes to write
//! out of [`Node::lane_output`]. Invariants: one event lane (I6); an action reaches a lane only as
//! `Authorized` (I2); each submission gets exactly one last [`Mail::Reply`] and nothing written is written again (I3).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ami_access::{Authorized, Cost, ListForm};
use ami_proto::{Action, Slices};
use bytes::{Bytes, BytesMut};
use smallvec::smallvec;

use super::async_ids::AsyncIds;
use super::inquiry::Inquiry;
use super::lane::{Lane, LaneLoss, LaneRole, Phase};
use super::pending::{Awaiting, Client, Owner, Pending, PendingKey, PendingTable};
use super::queue::{FairQueue, Unbound};
use super::settings::NodeSettings;
use crate::directory::{NodeState, NodeStatus};
use crate::event::NodeEvent;
use crate::ids::{ActionSeq, LaneId, SessionId};
use crate::mail::Mail;
use crate::outcome::{CancelledList, Cause, Failure, Outcome};

/// An action that a session hands to a node. `R` is how the answer finds the session.
#[derive(Debug)]
pub struct Submission<R> {
    /// Where the answer goes.
    pub reply_to: R,
    /// Whose it is.
    pub session: SessionId,
    /// Its place in the session's order.
    pub seq: ActionSeq,
    /// The action, with the proof that its client may do it.
    pub action: Authorized<Action>,
    /// How long it may hold a lane.
    pub cost: Cost,
    /// Label header of list items, on sessions of several nodes.
    pub label: Option<Arc<str>>,
    /// Headers that are amiplex's own and do not go up.
    pub strip: Arc<[String]>,
    /// `NAME=value` of the account, set on the channels of an Originate after the client's own.
    pub variables: Arc<[String]>,
    /// Until then it must have been written.
    pub deadline: Instant,
}

impl Submission<()> {
    /// The same, with an address for the answer.
    pub fn addressed_to<R>(self, reply_to: R) -> Submission<R> {
        let Self {
            reply_to: (),
            session,
            seq,
            action,
            cost,
            label,
            strip,
            variables,
            deadline,
        } = self;
        Submission {
            reply_to,
            session,
            seq,
            action,
            cost,
            label,
            strip,
            variables,
            deadline,
        }
    }
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionEnd {
    /// The node answered, and not with an error.
    Answered,
    /// The node answered with an error.
    Refused,
    /// No byte of it was written.
    NotSent,
    /// It was written, and its answer did not come.
    Unknown,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum NodeEffect<R> {
    /// Connect a lane. `attempt` counts failures in a row: the driver backs off by it, with jitter.
    Open {
        /// The lane.
        lane: LaneId,
        /// What it is for.
        role: LaneRole,
        /// 0 for a first attempt.
        attempt: u32,
    },
    /// Drop the lane's socket. What was not written must not be written any more.
    Close(LaneId),
    /// Give this to the session.
    Deliver(R, Mail),
    /// Give this to every session that sees the node.
    Broadcast(Mail),
    /// The node's status changed.
    Status(NodeStatus),
    /// Something worth a log line or a count.
    Note(NodeNote),
}

/// What an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeNote {
    /// The node is up.
    Up {
        /// Greeting version.
        version: String,
    },
    /// The event lane was lost or could not be had.
    Down {
        /// Why.
        reason: String,
    },
    /// A lane other than the event lane was lost.
    LaneLost {
        /// Why.
        reason: String,
    },
    /// The upstream account lacks something that amiplex needs.
    Shortcoming(String),
    /// An answer came after its action's deadline, and was dropped.
    LateAnswer,
    /// A message carried a wire id of another process, or none where one was due.
    ForeignId,
    /// An action's deadline passed.
    DeadlinePassed {
        /// The action's name.
        action: String,
    },
    /// An action ended.
    Done {
        /// Its name, when the action table has it.
        action: Option<&'static str>,
        /// How.
        end: ActionEnd,
        /// From its writing to its end, when it was written.
        after: Option<std::time::Duration>,
    },
    /// The node raised an event.
    EventReceived,
}

/// Figures of a node for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFigures {
    /// Event lanes that are logged in: 0 or 1.
    pub event_lanes: usize,
    /// Lanes for quick and slow actions that are logged in.
    pub action_lanes: usize,
    /// Lanes for blocking actions that are logged in.
    pub blocking_lanes: usize,
    /// Actions on lanes.
    pub pending: usize,
    /// Actions that wait for their turn.
    pub waiting: usize,
    /// Actions whose event is awaited.
    pub async_ids: usize,
}

/// The machine.
#[derive(Debug)]
pub struct Node<R> {
    pub(super) settings: NodeSettings,
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    pub(super) next_lane: u32,
    pub(super) pending: PendingTable<R>,
    pub(super) async_ids: AsyncIds,
    pub(super) queue: FairQueue<R>,
    pub(super) status: NodeStatus,
    pub(super) inquiry: Inquiry,
    pub(super) event_attempt: u32,
    pub(super) action_attempt: u32,
    pub(super) wake_at: Option<Instant>,
    pub(super) draining: bool,
    pub(super) effects: VecDeque<NodeEffect<R>>,
}

impl<R: Clone> Node<R> {
    /// A node that begins to connect. `nonce` tells this process's wire ids from any other's.
    pub fn new(settings: NodeSettings, nonce: u32, now: Instant) -> Self {
        let mut node = Self {
            settings,
            lanes: BTreeMap::new(),
            next_lane: 0,
            pending: PendingTable::new(nonce),
            async_ids: AsyncIds::default(),
            queue: FairQueue::new(),
            status: NodeStatus::initial(),
            inquiry: Inquiry::default(),
            event_attempt: 0,
            action_attempt: 0,
            wake_at: None,
            draining: false,
            effects: VecDeque::new(),
        };
        node.open_lane(LaneRole::Event, 0, now);
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
        let refusal = if self.draining {
            Some(Cause::Draining)
        } else if !self.status.is_up() {
            Some(Cause::NodeDown)
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
        self.arm(submission.deadline);
        let session = submission.session;
        if let Some(lane) = self.queue.push(submission)
            && let Some(lane) = self.lanes.get_mut(&lane)
        {
            lane.bound.push_back(session);
        }
        self.dispatch(now);
    }

    /// The session left. What no lane has taken is dropped; the rest runs on and its answers find nobody.
    pub fn session_gone(&mut self, session: SessionId) {
        self.queue.forget(session);
        for lane in self.lanes.values_mut() {
            lane.bound.retain(|bound| *bound != session);
        }
    }

    /// Refuses new actions from now on; what is under way goes on.
    pub fn drain(&mut self) {
        self.draining = true;
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
        self.note(NodeNote::EventReceived);
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
                list: false,
            },
        ));
    }

    /// Gives a part of an answer to its client.
    pub(super) fn answer(&mut self, client: &Client<R>, bytes: Slices, last: bool, list: bool) {
        self.effects.push_back(NodeEffect::Deliver(
            client.reply_to.clone(),
            Mail::Reply {
                node: self.settings.id,
                seq: client.seq,
                bytes,
                last,
                list,
            },
        ));
    }

    /// Closes a lane that misbehaved.
    pub(super) fn lose_lane(&mut self, lane: LaneId, reason: &str, now: Instant) {
        self.effects.push_back(NodeEffect::Close(lane));
        self.remove_lane(lane, reason, now);
    }

    fn remove_lane(&mut self, id: LaneId, reason: &str, now: Instant) {
        let Some(lane) = self.lanes.remove(&id) else {
            return;
        };
        for key in &lane.written {
            let sent = self
                .pending
                .entry(*key)
                .is_some_and(|pending| lane.has_sent_past(pending.starts_at));
            let outcome = if sent {
                Outcome::Unknown
            } else {
                Outcome::NotSent
            };
            self.fail_pending(
                *key,
                Failure {
                    outcome,
                    cause: Cause::NodeDown,
                },
            );
        }
        self.after_lane_loss(&lane, reason, now);
    }

    fn after_lane_loss(&mut self, lane: &Lane, reason: &str, now: Instant) {
        match lane.role {
            LaneRole::Event => self.node_down(reason, now),
            LaneRole::Action | LaneRole::Blocking => {
                self.note(NodeNote::LaneLost {
                    reason: reason.to_owned(),
                });
                if self.inquiry.lane == Some(lane.id) {
                    self.inquiry.lane_lost();
                }
                if !lane.is_ready() {
                    self.action_attempt = self.action_attempt.saturating_add(1);
                }
                if self.status.is_up() {
                    self.keep_minimum(now);
                    self.dispatch(now);
                }
            }
        }
    }

    /// The event lane is lost: the node is away for its viewers, and nothing new goes to it.
    fn node_down(&mut self, reason: &str, now: Instant) {
        let was_up = self.status.is_up();
        self.status.state = NodeState::Down;
        self.status.reason = reason.into();
        self.status.booted = None;
        self.publish_status();
        self.note(NodeNote::Down {
            reason: reason.to_owned(),
        });
        for submission in self.queue.drain() {
            self.refuse(
                submission,
                Failure {
                    outcome: Outcome::NotSent,
                    cause: Cause::NodeDown,
                },
            );
        }
        if was_up {
            self.effects
                .push_back(NodeEffect::Broadcast(Mail::NodeDown(self.settings.id)));
        }
        let attempt = self.event_attempt;
        self.event_attempt = attempt.saturating_add(1);
        self.open_lane(LaneRole::Event, attempt, now);
    }

    /// Ends a pending action in its node's stead and frees its slot.
    pub(super) fn fail_pending(&mut self, key: PendingKey, failure: Failure) {
        if failure.outcome == Outcome::NotSent {
            self.async_ids.forget(key);
        }
        self.end_for_client(key, failure);
        if let Some(pending) = self.pending.remove(key) {
            self.release_turn(&pending.owner);
        }
    }

    /// Tells the client that its action ended without its node, unless it was told before.
    pub(super) fn end_for_client(&mut self, key: PendingKey, failure: Failure) {
        let Some(pending) = self.pending.entry(key).filter(|pending| !pending.expired) else {
            return;
        };
        let Owner::Client(client) = &pending.owner else {
            return;
        };
        let bytes = end_bytes(pending, client, failure, &self.settings.name);
        let mail = Mail::Reply {
            node: self.settings.id,
            seq: client.seq,
            bytes: smallvec![bytes],
            last: true,
            list: false,
        };
        let action = client.action_name.to_string();
        let table_name = client.table_name;
        let end = match failure.outcome {
            Outcome::NotSent => ActionEnd::NotSent,
            Outcome::Unknown => ActionEnd::Unknown,
        };
        self.effects
            .push_back(NodeEffect::Deliver(client.reply_to.clone(), mail));
        self.note(NodeNote::Done {
            action: table_name,
            end,
            after: None,
        });
        if failure.cause == Cause::Deadline {
            self.note(NodeNote::DeadlinePassed { action });
        }
    }

    /// One answer less is outstanding for the owner's session: its turn may move to another lane.
    pub(super) fn release_turn(&mut self, owner: &Owner<R>) {
        let Owner::Client(client) = owner else { return };
        if self.queue.finished(client.session) == Unbound::Yes {
            let session = client.session;
            for lane in self.lanes.values_mut() {
                lane.bound.retain(|bound| *bound != session);
            }
        }
    }
}

fn complete_name(list: ListForm) -> Option<&'static str> {
    match list {
        ListForm::List { complete } => complete.first().copied(),
        ListForm::No | ListForm::ConditionalHangup | ListForm::Irregular(_) | ListForm::Unknown => {
            None
        }
    }
}

/// What the client gets instead of its node's answer.
fn end_bytes<R>(pending: &Pending<R>, client: &Client<R>, failure: Failure, node: &str) -> Bytes {
    match pending.awaiting {
        Awaiting::Response => failure.response(node, client.action_id.as_ref()),
        Awaiting::ListItems { delivered } => {
            let own_name = format!("{}Complete", client.action_name);
            let list = CancelledList {
                complete: complete_name(pending.list).unwrap_or(&own_name),
                action_id: client.action_id.as_ref(),
                items: delivered,
                label: client.label.as_deref(),
            };
            failure.cancelled_list(node, &list)
        }
        Awaiting::Trailing => Bytes::new(),
    }
}
