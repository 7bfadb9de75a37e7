//! The breaker of a node that takes actions and answers none.
//!
//! Owner: the node's machine. An action that is overdue may be slow by itself, and a silent lane may have been cut off by a firewall: either
//! only makes the machine suspect the node and ask it something that any node answers at once, the Ping of a lane with nothing else on it or the login
//! of a new one. When that is not answered either, the breaker opens: the node is *silent*, and what clients want of it is refused unsent.
//! From then on one lane at a time is opened, with backoff, and pinged once it is logged in; any answer on a lane for actions but that of a login
//! closes the breaker. Nothing of clients is ever sent to try it.
//!
//! The event lane has a thread of its own in Asterisk and is judged by itself: `keepalive.rs`, `lag.rs`.

use std::time::Instant;

use super::effect::NodeNote;
use super::lane::{Lane, LaneRole};
use super::node::Node;
use super::pending::{Internal, Owner, PendingKey};
use crate::directory::Breaker;
use crate::ids::LaneId;
use crate::outcome::Cause;

impl<R: Clone> Node<R> {
    /// Something on a lane for actions was not answered in time.
    pub(super) fn suspect(&mut self, now: Instant) {
        if self.suspected_since.is_none() && self.status.is_up() {
            self.suspected_since = Some(now);
            self.probe(now);
        }
    }

    /// A Ping of a lane for actions, written at `asked`, was not answered by its deadline.
    pub(super) fn ping_unanswered(&mut self, asked: Instant, now: Instant) {
        match self.suspected_since {
            None => self.suspect(now),
            Some(since) if asked >= since => {
                let waited = now.saturating_duration_since(asked);
                self.open_breaker(&format!("no answer to a Ping for {waited:.1?}"));
            }
            Some(_) => {}
        }
    }

    /// A lane for actions was lost, for that reason.
    pub(super) fn suspect_lost_lane(&mut self, lane: &Lane, reason: &str) {
        let opened_to_try_it = |since| lane.ready_since.is_none() && lane.began >= since;
        if self.suspected_since.is_some_and(opened_to_try_it) {
            self.open_breaker(&format!("no answer to actions, and no new lane: {reason}"));
        }
    }

    /// The node answered on a lane for actions. An answer to a login tells only that it takes logins.
    pub(super) fn heard_answer(&mut self, key: PendingKey, now: Instant) {
        if self.suspected_since.is_none() {
            return;
        }
        let owner = self.pending.entry(key).map(|pending| &pending.owner);
        if let Some(Owner::Internal(Internal::Challenge | Internal::Login)) | None = owner {
            return;
        }
        self.suspected_since = None;
        if self.status.is_silent() {
            self.status.breaker = Breaker::Closed;
            self.say_why_up();
            self.publish_status();
            self.note(NodeNote::Answers);
        }
        self.action_attempt = 0;
        self.keep_minimum(now);
    }

    /// Sees to it that the node is asked, unless it is being asked already: on a lane with nothing to do, else on a new one,
    /// which may be one more than the most.
    pub(super) fn probe(&mut self, now: Instant) {
        let mut lanes = 0;
        let mut idle = None;
        for lane in self.lanes.values() {
            if lane.role != LaneRole::Action {
                continue;
            }
            if !lane.is_ready() || self.is_asked(lane) {
                return;
            }
            if lane.is_idle() {
                idle.get_or_insert(lane.id);
            }
            lanes += 1;
        }
        if let Some(id) = idle {
            self.ping(id, now);
        } else if lanes <= self.settings.lanes_max {
            self.open_lane(LaneRole::Action, self.action_attempt, now);
        }
    }

    /// A new lane for actions is logged in: it is what the node is tried with.
    pub(super) fn probe_new_lane(&mut self, id: LaneId, now: Instant) {
        if !self.status.is_silent() {
            self.action_attempt = 0;
        }
        if self.suspected_since.is_some() {
            self.ping(id, now);
        }
    }

    fn is_asked(&self, lane: &Lane) -> bool {
        let is_own = |key: &PendingKey| {
            let pending = self.pending.entry(*key);
            pending.is_some_and(|pending| {
                matches!(pending.owner, Owner::Internal(_)) && !pending.expired
            })
        };
        lane.written.iter().any(is_own)
    }

    fn open_breaker(&mut self, reason: &str) {
        if self.status.is_silent() {
            return;
        }
        self.status.breaker = Breaker::Open;
        self.status.reason = reason.into();
        self.publish_status();
        self.note(NodeNote::Silent {
            reason: reason.to_owned(),
        });
        self.refuse_waiting(Cause::Silent);
    }
}
