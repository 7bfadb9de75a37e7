//! Which lane takes which waiting action.
//!
//! Quick actions share lanes up to a depth; a slow one has a lane to itself while it runs, and at least one lane is kept
//! from the slow ones; blocking ones have lanes of their own. A session with answers outstanding stays on their lane.
//! Whatever cannot be placed waits in its turn, and a lane is opened for it while the bounds allow. No lane is opened for what waits
//! because the node works on as many of its kind as it may.

use std::time::Instant;

use ami_access::Cost;

use super::lane::{Lane, LaneRole};
use super::load::Room;
use super::node::Node;
use super::queue::Ready;
use crate::ids::{LaneId, SessionId};

impl<R: Clone> Node<R> {
    /// Writes whatever has its turn and a lane.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.queue.len() == 0 || !self.status.is_up() {
            return;
        }
        if let Some(at) = self.queue.ripen(now) {
            self.arm(at);
        }
        if self.waiting_for_lane(Cost::Slow) == 0 {
            self.reserved = None;
        }
        let kept_for_slow = self.reserved;
        self.dispatch_quick(now);
        self.dispatch_alone(Cost::Slow, now);
        self.reserve_for_slow();
        if kept_for_slow.is_some() && self.reserved.is_none() {
            // The slow one could not be written after all: its lane is for those who made room for it.
            self.dispatch_quick(now);
        }
        self.dispatch_alone(Cost::Blocking, now);
    }

    /// Bound and unbound sessions take turns on each lane, so that neither starves the other.
    fn dispatch_quick(&mut self, now: Instant) {
        let ids: Vec<LaneId> = self.lanes.keys().copied().collect();
        loop {
            let mut written = false;
            for id in &ids {
                if let Some(session) = self.next_bound(*id, now) {
                    self.write_front(Ready::alone(session), *id, now);
                    written = true;
                }
            }
            if let Some(lane) = self.roomiest_lane(now)
                && let Some(ready) = self.next_in_turn(Cost::Quick)
            {
                self.write_front(ready, lane, now);
                written = true;
            }
            if !written {
                break;
            }
        }
        let waiting = self.waiting_for_lane(Cost::Quick);
        if waiting > 0 {
            self.open_for(LaneRole::Action, 1, now);
        }
    }

    fn next_bound(&mut self, id: LaneId, now: Instant) -> Option<SessionId> {
        let depth = self.settings.depth;
        let reserved = self.reserved == Some(id);
        let others_wait = self.waiting_for_lane(Cost::Quick) > 0;
        let room = self.room();
        let lane = self.lanes.get_mut(&id)?;
        if reserved || lane.bound.is_empty() || !lane.has_room(depth, now) {
            return None;
        }
        if std::mem::take(&mut lane.bound_had_turn) && others_wait {
            // There is room on this lane at least, so one of the others is written now.
            return None;
        }
        for _ in 0..lane.bound.len() {
            let session = lane.bound.pop_front()?;
            match self.queue.front(session) {
                Some(place) if place.cost != Cost::Quick => {}
                Some(place) if room.is_for(place.load) => {
                    lane.bound_had_turn = true;
                    return Some(session);
                }
                Some(_) => lane.bound.push_back(session),
                None => {}
            }
        }
        None
    }

    /// The kinds of actions of which the node may get one more.
    fn room(&self) -> Room {
        self.pending.room(&self.settings.at_once)
    }

    /// How many wait for nothing but a lane.
    fn waiting_for_lane(&self, cost: Cost) -> usize {
        self.queue.rotation_len(cost, self.room())
    }

    fn next_in_turn(&mut self, cost: Cost) -> Option<Ready> {
        let room = self.room();
        self.queue.next_in_rotation(cost, room)
    }

    fn roomiest_lane(&self, now: Instant) -> Option<LaneId> {
        if self.waiting_for_lane(Cost::Quick) == 0 {
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
        while self.waiting_for_lane(cost) > 0 {
            let Some(lane) = self.lane_for_itself(role) else {
                break;
            };
            let Some(ready) = self.next_in_turn(cost) else {
                break;
            };
            self.write_front(ready, lane, now);
        }
        let waiting = self.waiting_for_lane(cost);
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
        if self.waiting_for_lane(Cost::Slow) == 0 || !self.may_take_another_alone() {
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
}
