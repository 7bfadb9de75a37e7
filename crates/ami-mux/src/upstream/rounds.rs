//! Questions that several sessions ask: who waits for the next round of each, and which are on their way.
//!
//! Owner: the fair queue. A question is asked in rounds: what is written is answered to those who waited until then; who asks later
//! waits for the next round, so nobody gets an answer older than his question, and the node works on each question once
//! at a time. Bounded by the sessions' own in-flight limits: each waits with at most one action.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::sharing::ShareKey;
use crate::ids::SessionId;

/// Where a question is.
#[derive(Debug, Default)]
struct Round {
    /// Sessions that wait for the next round, in the order in which they came.
    waiting: VecDeque<SessionId>,
    /// It has been written and is not answered.
    under_way: bool,
    /// Others are waited for until then.
    opens: Option<Instant>,
    /// It is in the rotation.
    in_turn: bool,
}

/// All questions that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    rounds: HashMap<ShareKey, Round>,
    /// Those whose window is open.
    collecting: Vec<ShareKey>,
}

impl Rounds {
    /// One more waits. True when the question comes into the rotation by it.
    pub(super) fn join(
        &mut self,
        key: &ShareKey,
        session: SessionId,
        opens: Option<Instant>,
    ) -> bool {
        let round = self.rounds.entry(key.clone()).or_default();
        round.waiting.push_back(session);
        if round.in_turn || round.waiting.len() > 1 {
            return false;
        }
        round.opens = opens;
        self.admit(key)
    }

    /// Puts the question into the rotation if somebody waits for it and nothing speaks against it.
    fn admit(&mut self, key: &ShareKey) -> bool {
        let Some(round) = self.rounds.get_mut(key) else {
            return false;
        };
        if round.under_way || round.in_turn || round.waiting.is_empty() {
            return false;
        }
        if round.opens.is_some() {
            if !self.collecting.contains(key) {
                self.collecting.push(key.clone());
            }
            return false;
        }
        round.in_turn = true;
        true
    }

    /// The questions whose window has closed come into the rotation. Gives them, and when the next one does.
    pub(super) fn ripen(&mut self, now: Instant) -> (Vec<ShareKey>, Option<Instant>) {
        if self.collecting.is_empty() {
            return (Vec::new(), None);
        }
        let mut ripe = Vec::new();
        let mut next: Option<Instant> = None;
        for key in std::mem::take(&mut self.collecting) {
            let Some(round) = self.rounds.get_mut(&key) else {
                continue;
            };
            match round.opens {
                Some(at) if at > now => {
                    next = Some(next.map_or(at, |next| next.min(at)));
                    self.collecting.push(key);
                }
                Some(_) | None => {
                    round.opens = None;
                    if self.admit(&key) {
                        ripe.push(key);
                    }
                }
            }
        }
        (ripe, next)
    }

    /// Its turn has come, out of the rotation: those who wait go together.
    pub(super) fn begin(&mut self, key: &ShareKey) -> VecDeque<SessionId> {
        let Some(round) = self.rounds.get_mut(key) else {
            return VecDeque::new();
        };
        round.in_turn = false;
        round.under_way = true;
        std::mem::take(&mut round.waiting)
    }

    /// It was answered, or its lane is gone. True when the next round comes into the rotation.
    pub(super) fn end(&mut self, key: &ShareKey) -> bool {
        let Some(round) = self.rounds.get_mut(key) else {
            return false;
        };
        round.under_way = false;
        if round.waiting.is_empty() {
            self.rounds.remove(key);
            return false;
        }
        self.admit(key)
    }

    /// The session waits no longer. True when nobody does and the question must leave the rotation.
    pub(super) fn leave(&mut self, key: &ShareKey, session: SessionId) -> bool {
        let Some(round) = self.rounds.get_mut(key) else {
            return false;
        };
        round.waiting.retain(|waiting| *waiting != session);
        if !round.waiting.is_empty() {
            return false;
        }
        let was_in_turn = std::mem::take(&mut round.in_turn);
        round.opens = None;
        if !round.under_way {
            self.rounds.remove(key);
        }
        self.collecting.retain(|collecting| collecting != key);
        was_in_turn
    }
}
