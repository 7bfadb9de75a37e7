//! Everything that happens because time passed.

use std::time::Instant;

use super::effect::{NodeEffect, NodeNote};
use super::lane::{Lane, LaneRole};
use super::node::Node;
use super::pending::{Awaiting, Internal, Owner, PendingKey};
use super::settings::NodeSettings;
use crate::ids::LaneId;
use crate::mail::PartKind;
use crate::outcome::{Cause, Failure, Outcome};

const UNANSWERED: &str = "the node did not answer amiplex in time";

impl<R: Clone> Node<R> {
    /// Time has reached [`Node::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.wake_at.is_none_or(|wake| wake > now) {
            return;
        }
        self.wake_at = None;
        self.notice_lag(now);
        self.expire_phases(now);
        self.expire_waiting(now);
        self.expire_pending(now);
        self.async_ids.expire(now);
        self.kept.expire(self.settings.coalesce.kept_longest(), now);
        if let Some(objects) = &self.settings.objects {
            objects.doubt_calls();
        }
        self.close_idle_lanes(now);
        self.survey_timeout(now);
        self.survey(now);
        self.ask_what_is_due(now);
        self.ping_idle_lanes(now);
        self.narrow(now);
        self.arm(now + self.settings.keepalive_interval);
        if let Some(at) = self.async_ids.next_expiry() {
            self.arm(at);
        }
        self.dispatch(now);
    }

    fn expire_phases(&mut self, now: Instant) {
        let late: Vec<LaneId> = self
            .lanes
            .values()
            .filter(|lane| lane.phase_deadline.is_some_and(|at| at <= now))
            .map(|lane| lane.id)
            .collect();
        for id in late {
            let is_for_actions = |lane: &Lane| lane.role != LaneRole::Event;
            if self.lanes.get(&id).is_some_and(is_for_actions) {
                self.suspect(now);
            }
            self.lose_lane(id, "no login within its deadline", now);
        }
        let next = self
            .lanes
            .values()
            .filter_map(|lane| lane.phase_deadline)
            .min();
        if let Some(at) = next {
            self.arm(at);
        }
    }

    fn expire_waiting(&mut self, now: Instant) {
        for submission in self.queue.take_expired(now) {
            let action = submission
                .action
                .action()
                .name()
                .map(ToString::to_string)
                .unwrap_or_default();
            self.note(NodeNote::DeadlinePassed { action });
            self.refuse(
                submission,
                Failure {
                    outcome: Outcome::NotSent,
                    cause: Cause::Deadline,
                },
            );
        }
        if let Some(at) = self.queue.next_deadline() {
            self.arm(at);
        }
    }

    fn expire_pending(&mut self, now: Instant) {
        let keys: Vec<PendingKey> = self
            .lanes
            .values()
            .flat_map(|lane| lane.written.iter().copied())
            .collect();
        for key in keys {
            let Some(deadline) = self.pending.entry(key).map(|pending| pending.deadline) else {
                continue;
            };
            if deadline <= now {
                self.pending_overdue(key, now);
            } else {
                self.arm(deadline);
            }
        }
    }

    fn pending_overdue(&mut self, key: PendingKey, now: Instant) {
        let Some(pending) = self.pending.entry(key) else {
            return;
        };
        let lane = pending.lane;
        match (&pending.owner, pending.awaiting) {
            (Owner::Internal(internal), _) => self.question_overdue(key, *internal, lane, now),
            (
                Owner::Clients(_),
                Awaiting::Trailing { .. } | Awaiting::ListTail { .. } | Awaiting::Blocks { .. },
            ) => {
                self.end_quietly(key, now);
            }
            (Owner::Clients(_), _) if pending.expired => {
                self.lose_lane(lane, "an answer is overdue for too long", now);
            }
            (Owner::Clients(_), _) => self.expire_one(key, lane, now),
        }
    }

    /// A lane on which amiplex is not answered ends, but not with actions of clients: those are awaited as long as any
    /// others, and the lane takes no new ones.
    fn question_overdue(&mut self, key: PendingKey, question: Internal, id: LaneId, now: Instant) {
        let is_ping = question == Internal::Ping;
        let asked = self.pending.entry(key).map_or(now, |asked| asked.written);
        let is_event_lane = |lane: &Lane| lane.role == LaneRole::Event;
        if self.lanes.get(&id).is_none_or(is_event_lane) {
            if is_ping {
                self.event_ping_overdue(key, id, asked, now);
            } else {
                self.lose_lane(id, UNANSWERED, now);
            }
            return;
        }
        if is_ping {
            self.ping_unanswered(asked, now);
        } else {
            self.suspect(now);
        }
        let is_awaited = |key: &PendingKey| {
            let pending = self.pending.entry(*key);
            pending.is_some_and(|pending| {
                matches!(pending.owner, Owner::Clients(_)) && !pending.expired
            })
        };
        let lane = self.lanes.get_mut(&id);
        let Some(lane) = lane.filter(|lane| lane.written.iter().any(is_awaited)) else {
            if is_ping {
                self.ping_failed(id, now);
            } else {
                self.lose_lane(id, UNANSWERED, now);
            }
            return;
        };
        lane.overdue_since.get_or_insert(now);
        let again = now + self.settings.action_deadline;
        if let Some(pending) = self.pending.entry_mut(key) {
            pending.expired = true;
        }
        self.await_longer(key, again);
        self.questions_lost(id);
    }

    /// The event lane is dead if nothing is heard there, and of no use if its events are older than what lists would tell.
    fn event_ping_overdue(&mut self, key: PendingKey, id: LaneId, asked: Instant, now: Instant) {
        match self.still_heard_until(id, now) {
            None => self.ping_failed(id, now),
            Some(until) => {
                let at_last = asked + NodeSettings::LATE_EVENTS_MAX;
                if at_last <= now {
                    self.lose_lane(id, "its events come too late", now);
                } else {
                    self.await_longer(key, until.min(at_last));
                }
            }
        }
    }

    fn await_longer(&mut self, key: PendingKey, until: Instant) {
        if let Some(pending) = self.pending.entry_mut(key) {
            pending.deadline = until;
        }
        self.arm(until);
    }

    /// The owner is answered and its session free for other lanes; the slot stays for the late answer, and the lane takes no new work until then.
    fn expire_one(&mut self, key: PendingKey, id: LaneId, now: Instant) {
        let starts_at = self
            .pending
            .entry(key)
            .map_or(0, |pending| pending.starts_at);
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        lane.overdue_since.get_or_insert(now);
        let outcome = if lane.has_sent_past(starts_at) {
            Outcome::Unknown
        } else {
            Outcome::NotSent
        };
        let failure = Failure {
            outcome,
            cause: Cause::Deadline,
        };
        if outcome == Outcome::NotSent {
            // Its bytes must never leave after the client was told so: the lane ends here, unwritten bytes with it.
            lane.written.retain(|written| *written != key);
            self.fail_pending(key, failure);
            self.suspect(now);
            self.lose_lane(id, "the node reads nothing", now);
            return;
        }
        let again = now + self.settings.action_deadline;
        self.end_for_clients(key, failure);
        if let Some(pending) = self.pending.entry_mut(key) {
            pending.expired = true;
            pending.deadline = again;
            let turns = pending.turns();
            self.release(turns);
        }
        self.own_write_ended(key, now);
        self.arm(again);
        self.suspect(now);
    }

    fn end_quietly(&mut self, key: PendingKey, now: Instant) {
        self.own_write_ended(key, now);
        let Some(pending) = self.pending.remove(key) else {
            return;
        };
        self.off_lane(&pending, key, now);
        self.answer(&pending, None, PartKind::Rest);
        self.release_turn(&pending);
    }

    fn close_idle_lanes(&mut self, now: Instant) {
        let mut general = self
            .lanes
            .values()
            .filter(|lane| lane.role == LaneRole::Action)
            .count();
        let mut closing = Vec::new();
        let mut next = None;
        for lane in self.lanes.values() {
            let Some(idle) = lane.idle_for(now) else {
                continue;
            };
            let spare = match lane.role {
                LaneRole::Event => false,
                LaneRole::Action => general > self.settings.lanes_min,
                LaneRole::Blocking => true,
            };
            if !spare {
                continue;
            }
            if idle >= self.settings.lane_idle {
                closing.push(lane.id);
                general -= usize::from(lane.role == LaneRole::Action);
            } else {
                let due = lane.last_used + self.settings.lane_idle;
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
            }
        }
        for id in closing {
            self.lanes.remove(&id);
            self.effects.push_back(NodeEffect::Close(id));
        }
        if let Some(at) = next {
            self.arm(at);
        }
    }
}
