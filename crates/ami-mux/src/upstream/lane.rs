//! One upstream connection: its role, its phase, what was written on it and what waits for its socket.
//!
//! Owned by the node's machine. Bytes are queued here; the driver writes them and says how many went out, so that for
//! each action it is known whether a byte of it can have reached the node.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ami_proto::{FrameDecoder, Limits};
use bytes::{Buf, Bytes};

use super::pending::PendingKey;
use super::settings::NodeSettings;
use crate::ids::{LaneId, SessionId};

/// What a lane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneRole {
    /// The one lane on which the node's events come; only keepalive Pings are sent on it.
    Event,
    /// Quick actions of many sessions, or one slow action at a time.
    Action,
    /// One blocking action at a time.
    Blocking,
}

/// Why a lane ended, as the driver saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneLoss {
    /// It could not be opened.
    ConnectFailed(String),
    /// The node closed it.
    Eof,
    /// The socket failed.
    Io(String),
}

/// Where a lane is in its life.
#[derive(Debug)]
pub(super) enum Phase {
    /// The driver is connecting.
    Opening,
    /// Connected; the greeting has not come.
    Greeting,
    /// Challenge or Login is under way.
    LoggingIn,
    /// In use.
    Ready,
    /// Logged off; what still comes means nothing.
    Leaving,
}

/// One lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) role: LaneRole,
    pub(super) phase: Phase,
    pub(super) decoder: FrameDecoder,
    /// Everything unanswered, in the order written.
    pub(super) written: VecDeque<PendingKey>,
    /// Sessions that have unwritten quick work and answers outstanding here.
    pub(super) bound: VecDeque<SessionId>,
    /// The last turn was that of a bound session: the next is that of the others.
    pub(super) bound_had_turn: bool,
    /// A slow or blocking action, or one matched by order, has the lane to itself.
    pub(super) exclusive: bool,
    /// An action's deadline passed: no new work until its late answer came.
    pub(super) overdue_since: Option<Instant>,
    /// When the present head became the head.
    pub(super) head_since: Instant,
    pub(super) last_heard: Instant,
    /// When it was asked for.
    pub(super) began: Instant,
    /// When a keepalive Ping was last sent, at first when it began.
    pub(super) pinged: Instant,
    pub(super) last_used: Instant,
    /// When it was logged in.
    pub(super) ready_since: Option<Instant>,
    /// The phase must have ended by then.
    pub(super) phase_deadline: Option<Instant>,
    out: VecDeque<Bytes>,
    queued_total: u64,
    sent_total: u64,
}

impl Lane {
    pub(super) fn new(id: LaneId, role: LaneRole, now: Instant) -> Self {
        Self {
            id,
            role,
            phase: Phase::Opening,
            decoder: FrameDecoder::new(Limits::default()).with_blank_lines(),
            written: VecDeque::new(),
            bound: VecDeque::new(),
            bound_had_turn: false,
            exclusive: false,
            overdue_since: None,
            head_since: now,
            last_heard: now,
            began: now,
            pinged: now,
            last_used: now,
            ready_since: None,
            phase_deadline: None,
            out: VecDeque::new(),
            queued_total: 0,
            sent_total: 0,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// Position of the next byte in everything ever queued.
    pub(super) fn position(&self) -> u64 {
        self.queued_total
    }

    /// Whether any byte at or behind `position` has left.
    pub(super) fn has_sent_past(&self, position: u64) -> bool {
        self.sent_total > position
    }

    pub(super) fn queue_bytes(&mut self, bytes: impl IntoIterator<Item = Bytes>) {
        for slice in bytes {
            if !slice.is_empty() {
                self.queued_total += u64::try_from(slice.len()).unwrap_or(u64::MAX);
                self.out.push_back(slice);
            }
        }
    }

    pub(super) fn out(&self) -> &VecDeque<Bytes> {
        &self.out
    }

    /// The driver wrote `count` bytes.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent_total += u64::try_from(count).unwrap_or(u64::MAX);
        let mut left = count;
        while let Some(front) = self.out.front_mut() {
            if front.len() > left {
                front.advance(left);
                return;
            }
            left -= front.len();
            self.out.pop_front();
        }
    }

    /// The session's next quick action goes here.
    pub(super) fn bind(&mut self, session: SessionId) {
        if !self.bound.contains(&session) {
            self.bound.push_back(session);
        }
    }

    /// Whether it was logged in for a while: its loss says nothing against opening it again at once.
    pub(super) fn was_stable(&self, now: Instant) -> bool {
        self.ready_since
            .is_some_and(|since| now.saturating_duration_since(since) >= NodeSettings::STABLE_AFTER)
    }

    fn out_bytes(&self) -> usize {
        usize::try_from(self.queued_total - self.sent_total).unwrap_or(usize::MAX)
    }

    /// Whether the oldest unanswered action has kept the lane waiting.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        !self.written.is_empty()
            && now.saturating_duration_since(self.head_since) > NodeSettings::HEAD_STALL
    }

    /// Whether one more quick action may be written.
    pub(super) fn has_room(&self, depth: usize, now: Instant) -> bool {
        self.is_ready()
            && self.role == LaneRole::Action
            && !self.exclusive
            && self.overdue_since.is_none()
            && self.written.len() < depth
            && self.out_bytes() < NodeSettings::LANE_OUT_BYTES_MAX
            && !self.is_stalled(now)
    }

    /// Whether nothing at all is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.is_ready() && self.written.is_empty() && self.overdue_since.is_none()
    }

    /// How long it has been without work.
    pub(super) fn idle_for(&self, now: Instant) -> Option<Duration> {
        self.is_idle()
            .then(|| now.saturating_duration_since(self.last_used))
    }
}
