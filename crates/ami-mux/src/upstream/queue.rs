//! The fair turn: each session's unwritten actions in order, and the sessions in rotation.
//!
//! A session is in exactly one place: in the rotation of its front action's cost, or, while answers of it are
//! outstanding on a lane, in that lane's `bound` list. Its next action may only follow on that lane, so order is kept.
//! Bounded by the sessions' own in-flight limits.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use ami_access::Cost;

use super::submission::Submission;
use crate::ids::{LaneId, SessionId};

#[derive(Debug)]
struct Turn<R> {
    waiting: VecDeque<Submission<R>>,
    /// The lane on which the session has answers outstanding, and how many.
    lane: Option<(LaneId, usize)>,
}

/// What became of a session's turn after one of its answers came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unbound {
    /// Answers are still outstanding.
    No,
    /// The last outstanding answer came: its next action may take any lane.
    Yes,
}

/// All unwritten actions of one node.
#[derive(Debug)]
pub(super) struct FairQueue<R> {
    turns: HashMap<SessionId, Turn<R>>,
    rotations: [VecDeque<SessionId>; 3],
    waiting: usize,
}

fn rotation_of(cost: Cost) -> usize {
    match cost {
        Cost::Quick => 0,
        Cost::Slow => 1,
        Cost::Blocking => 2,
    }
}

impl<R> FairQueue<R> {
    pub(super) fn new() -> Self {
        Self {
            turns: HashMap::new(),
            rotations: Default::default(),
            waiting: 0,
        }
    }

    /// Unwritten actions.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Queues an action. Answers the lane to whose bound list the session must be added, if any.
    pub(super) fn push(&mut self, submission: Submission<R>) -> Option<LaneId> {
        let session = submission.session;
        let cost = submission.cost;
        self.waiting += 1;
        let turn = self.turns.entry(session).or_insert_with(|| Turn {
            waiting: VecDeque::new(),
            lane: None,
        });
        turn.waiting.push_back(submission);
        if turn.waiting.len() > 1 {
            return None;
        }
        let lane = turn.lane.map(|(lane, _)| lane);
        if lane.is_none()
            && let Some(rotation) = self.rotations.get_mut(rotation_of(cost))
        {
            rotation.push_back(session);
        }
        lane
    }

    /// The sessions whose front action has `cost` and may take any lane.
    pub(super) fn rotation_len(&self, cost: Cost) -> usize {
        self.rotations
            .get(rotation_of(cost))
            .map_or(0, VecDeque::len)
    }

    /// The next session in that rotation, taken out of it.
    pub(super) fn next_in_rotation(&mut self, cost: Cost) -> Option<SessionId> {
        self.rotations.get_mut(rotation_of(cost))?.pop_front()
    }

    /// The front action of `session` has this cost.
    pub(super) fn front_cost(&self, session: SessionId) -> Option<Cost> {
        Some(self.turns.get(&session)?.waiting.front()?.cost)
    }

    /// Takes the front action of `session`, which will be written on `lane`.
    pub(super) fn take(&mut self, session: SessionId, lane: LaneId) -> Option<Submission<R>> {
        let turn = self.turns.get_mut(&session)?;
        let submission = turn.waiting.pop_front()?;
        self.waiting -= 1;
        let outstanding = turn.lane.map_or(0, |(_, count)| count);
        turn.lane = Some((lane, outstanding + 1));
        Some(submission)
    }

    /// Whether `session` has more to write, and must write it on `lane`.
    pub(super) fn is_bound(&self, session: SessionId, lane: LaneId) -> bool {
        self.turns.get(&session).is_some_and(|turn| {
            !turn.waiting.is_empty() && turn.lane.is_some_and(|(bound, _)| bound == lane)
        })
    }

    /// An action of `session` was finished by its lane, or its lane is gone.
    pub(super) fn finished(&mut self, session: SessionId) -> Unbound {
        let Some(turn) = self.turns.get_mut(&session) else {
            return Unbound::No;
        };
        match turn.lane {
            Some((lane, count)) if count > 1 => {
                turn.lane = Some((lane, count - 1));
                return Unbound::No;
            }
            Some(_) | None => turn.lane = None,
        }
        match turn.waiting.front() {
            Some(front) => {
                if let Some(rotation) = self.rotations.get_mut(rotation_of(front.cost)) {
                    rotation.push_back(session);
                }
            }
            None => {
                self.turns.remove(&session);
            }
        }
        Unbound::Yes
    }

    /// Drops the unwritten actions of a session that left. They were never sent.
    pub(super) fn forget(&mut self, session: SessionId) {
        let Some(turn) = self.turns.get_mut(&session) else {
            return;
        };
        self.waiting -= turn.waiting.len();
        turn.waiting.clear();
        if turn.lane.is_none() {
            self.turns.remove(&session);
        }
        for rotation in &mut self.rotations {
            rotation.retain(|waiting| *waiting != session);
        }
    }

    /// Takes every unwritten action, for a node that went away.
    pub(super) fn drain(&mut self) -> Vec<Submission<R>> {
        self.take_where(|_| true)
    }

    /// Takes the unwritten actions whose deadline has passed.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Submission<R>> {
        self.take_where(|submission| submission.deadline <= now)
    }

    /// The earliest deadline of an unwritten action.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        // Deadlines of one session's actions rise with their order, so the fronts suffice.
        self.turns
            .values()
            .filter_map(|turn| turn.waiting.front())
            .map(|front| front.deadline)
            .min()
    }

    fn take_where(&mut self, matches: impl Fn(&Submission<R>) -> bool) -> Vec<Submission<R>> {
        let mut taken = Vec::new();
        let mut rotate = Vec::new();
        for (session, turn) in &mut self.turns {
            let before = turn.waiting.len();
            let (out, keep): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut turn.waiting)
                .into_iter()
                .partition(|submission| matches(submission));
            turn.waiting = keep;
            taken.extend(out);
            if before != turn.waiting.len() && turn.lane.is_none() {
                rotate.push((*session, turn.waiting.front().map(|front| front.cost)));
            }
        }
        self.waiting -= taken.len();
        for (session, cost) in rotate {
            for rotation in &mut self.rotations {
                rotation.retain(|waiting| *waiting != session);
            }
            match cost {
                Some(cost) => {
                    if let Some(rotation) = self.rotations.get_mut(rotation_of(cost)) {
                        rotation.push_back(session);
                    }
                }
                None => {
                    self.turns.remove(&session);
                }
            }
        }
        // A map has no order: give the answers in the order in which the actions came.
        taken.sort_by_key(|submission| (submission.session, submission.seq));
        taken
    }
}
