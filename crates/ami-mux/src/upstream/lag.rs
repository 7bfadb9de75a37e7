//! Whether the node's events come late.
//!
//! The answer to a Ping of the event lane is written by the same thread and on the same connection as the events, so what holds them
//! up holds it up. Late is more than `keepalive_lag`, also before the answer has come; in time again is half of that, so that a node at the
//! edge does not flicker.

use std::time::{Duration, Instant};

use super::effect::NodeNote;
use super::lane::LaneRole;
use super::node::Node;
use super::pending::{Internal, Owner, PendingKey};
use crate::directory::NodeState;
use crate::ids::LaneId;

impl<R: Clone> Node<R> {
    /// A Ping was answered that was written at `written`.
    pub(super) fn ping_answered(&mut self, lane: LaneId, written: Instant, now: Instant) {
        let lane = self.lanes.get(&lane);
        if lane.is_none_or(|lane| lane.role != LaneRole::Event) {
            return;
        }
        let took = now.saturating_duration_since(written);
        if took > self.settings.keepalive_lag {
            self.say_lagging(took);
        } else if took <= self.settings.keepalive_lag / 2 {
            self.say_punctual();
        }
    }

    /// Looks whether the answer to the event lane's Ping is late by now.
    pub(super) fn notice_lag(&mut self, now: Instant) {
        let Some(written) = self.unanswered_ping() else {
            return;
        };
        let waited = now.saturating_duration_since(written);
        if waited > self.settings.keepalive_lag {
            self.say_lagging(waited);
        } else {
            self.arm(written + self.settings.keepalive_lag + Duration::from_millis(1));
        }
    }

    /// Until when an overdue Ping of the event lane is still awaited, because the lane is heard: the node is slow, and not dead.
    pub(super) fn still_heard_until(&self, id: LaneId, now: Instant) -> Option<Instant> {
        let lane = self
            .lanes
            .get(&id)
            .filter(|lane| lane.role == LaneRole::Event)?;
        let until = lane.last_heard + self.settings.keepalive_deadline;
        (until > now).then_some(until)
    }

    /// When the Ping was written that the event lane has not answered.
    fn unanswered_ping(&self) -> Option<Instant> {
        let lane = self
            .lanes
            .values()
            .find(|lane| lane.role == LaneRole::Event)?;
        let written = |key: &PendingKey| {
            let pending = self.pending.entry(*key)?;
            matches!(pending.owner, Owner::Internal(Internal::Ping)).then_some(pending.written)
        };
        lane.written.iter().find_map(written)
    }

    fn say_lagging(&mut self, took: Duration) {
        if self.status.lagging || !self.status.is_up() {
            return;
        }
        self.status.lagging = true;
        if !self.status.is_silent() {
            self.status.reason = format!("its events come late, by {took:.1?} or more").into();
        }
        self.publish_status();
        self.note(NodeNote::Lagging { took });
    }

    fn say_punctual(&mut self) {
        if !self.status.lagging {
            return;
        }
        self.status.lagging = false;
        if !self.status.is_silent() {
            self.say_why_up();
        }
        self.publish_status();
        self.note(NodeNote::Punctual);
    }

    /// The reason of a node that answers.
    pub(super) fn say_why_up(&mut self) {
        let reason = match self.status.state {
            _ if self.status.lagging => "its events come late",
            NodeState::Up => "fully booted",
            NodeState::Booting | NodeState::Connecting | NodeState::Down => "logged in",
        };
        self.status.reason = reason.into();
    }
}
