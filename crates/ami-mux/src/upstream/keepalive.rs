//! Pings on lanes that are silent and have nothing outstanding, and on the event lane however much is heard there: they tell how late
//! events come.
//!
//! A lane at work is judged by its action's deadline instead. A Ping that is not answered in time means that the node
//! accepts TCP and does nothing: on the event lane that is the loss of the node, with everything in flight there.

use std::time::Instant;

use super::lane::{Lane, LaneRole};
use super::node::Node;
use super::pending::Internal;
use crate::ids::LaneId;

impl<R: Clone> Node<R> {
    /// Pings what is due.
    pub(super) fn ping_idle_lanes(&mut self, now: Instant) {
        let interval = self.settings.keepalive_interval;
        let due_at = |lane: &Lane| match lane.role {
            LaneRole::Event => lane.pinged + interval,
            LaneRole::Action | LaneRole::Blocking => lane.last_heard + interval,
        };
        let silent = |lane: &&Lane| lane.is_idle() && due_at(lane) <= now;
        let due: Vec<LaneId> = self
            .lanes
            .values()
            .filter(silent)
            .map(|lane| lane.id)
            .collect();
        for id in due {
            self.ping(id, now);
        }
        self.notice_lag(now);
        let next = self
            .lanes
            .values()
            .filter(|lane| lane.is_idle())
            .map(due_at)
            .min();
        if let Some(at) = next {
            self.arm(at);
        }
    }

    /// Pings the lane.
    pub(super) fn ping(&mut self, id: LaneId, now: Instant) {
        if let Err(error) = self.send_internal(id, Internal::Ping, &[], now) {
            self.lose_lane(id, &error.to_string(), now);
        }
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.pinged = now;
        }
    }

    /// A Ping was not answered. On the event lane the whole node is taken for dead.
    pub(super) fn ping_failed(&mut self, id: LaneId, now: Instant) {
        let reason = "keepalive Ping not answered";
        let event_lane = self
            .lanes
            .get(&id)
            .is_some_and(|lane| lane.role == LaneRole::Event);
        if event_lane {
            let others: Vec<LaneId> = self
                .lanes
                .keys()
                .copied()
                .filter(|other| *other != id)
                .collect();
            // The node first, so that what its other lanes lose is not dispatched anew.
            self.lose_lane(id, reason, now);
            for other in others {
                self.lose_lane(other, reason, now);
            }
        } else {
            self.lose_lane(id, reason, now);
        }
    }
}
