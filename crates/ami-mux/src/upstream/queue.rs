//! The fair turn: each session's unwritten actions in order, and the sessions in rotation.
//!
//! A session is in exactly one place: in the rotation of its front action's cost, among those who wait for the round of a question that
//! others ask too, which has one place in the rotation for all of them, or, while answers of it are outstanding on a lane, in that
//! lane's `bound` list. Its next action may only follow on that lane, so order is kept.
//! Bounded by the sessions' own in-flight limits.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use ami_access::Cost;

use super::load::{Load, Room};
use super::rotation::{Party, Place, Rotation};
use super::rounds::Rounds;
use super::sharing::ShareKey;
use super::submission::Submission;
use crate::ids::{LaneId, SessionId};

/// An action that waits, with what it shares with others.
#[derive(Debug)]
struct Waiting<R> {
    submission: Submission<R>,
    share: Option<Share>,
    place: Place,
}

/// A question that others may ask as well.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) key: ShareKey,
    /// Others are waited for until then.
    pub(super) opens: Option<Instant>,
}

/// Sessions whose front actions are to be written as one.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) sessions: VecDeque<SessionId>,
    /// The question, unless the action is its session's alone.
    pub(super) question: Option<ShareKey>,
}

impl Ready {
    /// The session's own action, for it alone.
    pub(super) fn alone(session: SessionId) -> Self {
        Self {
            sessions: VecDeque::from([session]),
            question: None,
        }
    }
}

#[derive(Debug)]
struct Turn<R> {
    waiting: VecDeque<Waiting<R>>,
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
    rotation: Rotation,
    rounds: Rounds,
    waiting: usize,
}

impl<R> FairQueue<R> {
    pub(super) fn new() -> Self {
        Self {
            turns: HashMap::new(),
            rotation: Rotation::default(),
            rounds: Rounds::default(),
            waiting: 0,
        }
    }

    /// Unwritten actions.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Whether an action of `session` waits or is under way.
    pub(super) fn has(&self, session: SessionId) -> bool {
        self.turns.contains_key(&session)
    }

    /// Queues an action. Answers the lane to whose bound list the session must be added, if any.
    pub(super) fn push(
        &mut self,
        submission: Submission<R>,
        share: Option<Share>,
    ) -> Option<LaneId> {
        let session = submission.session;
        self.waiting += 1;
        let turn = self.turns.entry(session).or_insert_with(|| Turn {
            waiting: VecDeque::new(),
            lane: None,
        });
        turn.waiting.push_back(Waiting {
            place: Place {
                cost: submission.cost,
                load: Load::of(&submission.action, submission.cost),
            },
            submission,
            share,
        });
        if turn.waiting.len() > 1 {
            return None;
        }
        let lane = turn.lane.map(|(lane, _)| lane);
        if lane.is_none() {
            self.place(session);
        }
        lane
    }

    /// Gives a session that may take any lane its place, by its front action.
    fn place(&mut self, session: SessionId) {
        let Some(front) = self
            .turns
            .get(&session)
            .and_then(|turn| turn.waiting.front())
        else {
            return;
        };
        let place = front.place;
        let party = match &front.share {
            None => Party::Session(session),
            Some(share) if self.rounds.join(&share.key, session, share.opens) => {
                Party::Round(share.key.clone())
            }
            Some(_) => return,
        };
        self.rotation.push(place, party);
    }

    /// Takes a session out of its place. Its front action must still be there.
    fn displace(&mut self, session: SessionId) {
        let Some(turn) = self.turns.get(&session) else {
            return;
        };
        let Some(front) = turn.waiting.front().filter(|_| turn.lane.is_none()) else {
            return;
        };
        let party = match &front.share {
            None => Party::Session(session),
            Some(share) if self.rounds.leave(&share.key, session) => {
                Party::Round(share.key.clone())
            }
            Some(_) => return,
        };
        self.rotation.remove(front.place, &party);
    }

    /// Questions whose window has closed get their place. Gives when the next one closes.
    pub(super) fn ripen(&mut self, now: Instant) -> Option<Instant> {
        let (ripe, next) = self.rounds.ripen(now);
        for key in ripe {
            self.rotation.push(key.place(), Party::Round(key));
        }
        next
    }

    /// The question was answered, or its lane is gone: it may be asked again.
    pub(super) fn round_ended(&mut self, key: &ShareKey) {
        if self.rounds.end(key) {
            self.rotation.push(key.place(), Party::Round(key.clone()));
        }
    }

    /// How many have their turn with an action of that cost and may take any lane. Those of a kind without room do not count.
    pub(super) fn rotation_len(&self, cost: Cost, room: Room) -> usize {
        self.rotation.len(cost, room)
    }

    /// The next in that rotation, taken out of it.
    pub(super) fn next_in_rotation(&mut self, cost: Cost, room: Room) -> Option<Ready> {
        match self.rotation.pop(cost, room)? {
            Party::Session(session) => Some(Ready::alone(session)),
            Party::Round(key) => Some(Ready {
                sessions: self.rounds.begin(&key),
                question: Some(key),
            }),
        }
    }

    /// The front action of `session` is of this cost and kind.
    pub(super) fn front(&self, session: SessionId) -> Option<Place> {
        Some(self.turns.get(&session)?.waiting.front()?.place)
    }

    /// Takes the front action of `session`, which will be written on `lane`.
    pub(super) fn take(&mut self, session: SessionId, lane: LaneId) -> Option<Submission<R>> {
        let turn = self.turns.get_mut(&session)?;
        let submission = turn.waiting.pop_front()?.submission;
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
        if turn.waiting.is_empty() {
            self.turns.remove(&session);
        } else {
            self.place(session);
        }
        Unbound::Yes
    }

    /// Drops the unwritten actions of a session that left. They were never sent.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.displace(session);
        let Some(turn) = self.turns.get_mut(&session) else {
            return;
        };
        self.waiting -= turn.waiting.len();
        turn.waiting.clear();
        if turn.lane.is_none() {
            self.turns.remove(&session);
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
            .map(|front| front.submission.deadline)
            .min()
    }

    fn take_where(&mut self, matches: impl Fn(&Submission<R>) -> bool) -> Vec<Submission<R>> {
        let concerned: Vec<SessionId> = self
            .turns
            .iter()
            .filter(|(_, turn)| turn.waiting.iter().any(|one| matches(&one.submission)))
            .map(|(session, _)| *session)
            .collect();
        let mut taken = Vec::new();
        for session in concerned {
            self.displace(session);
            let Some(turn) = self.turns.get_mut(&session) else {
                continue;
            };
            let (out, keep): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut turn.waiting)
                .into_iter()
                .partition(|one| matches(&one.submission));
            turn.waiting = keep;
            taken.extend(out.into_iter().map(|one| one.submission));
            if turn.lane.is_some() {
                continue;
            }
            if turn.waiting.is_empty() {
                self.turns.remove(&session);
            } else {
                self.place(session);
            }
        }
        self.waiting -= taken.len();
        // A map has no order: give the answers in the order in which the actions came.
        taken.sort_by_key(|submission| (submission.session, submission.seq));
        taken
    }
}
