//! What a node does wrong on demand.
//!
//! Owner: the node holds the current faults; each session looks at them before it reads, runs and
//! answers an action, so a change at run time takes effect with the next action.

use std::time::Duration;

/// When a connection is dropped in the life of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropPoint {
    /// The action was read and never runs.
    BeforeRunning,
    /// The action ran, its answer is lost.
    BeforeAnswer,
    /// The first half of the answer's messages was written (of a list: the start and some items).
    MidAnswer,
    /// The answer was written.
    AfterAnswer,
}

/// Misbehaviour of a node; the default is none. Action names compare without regard to ASCII case, and `*` stands for
/// every action but Login and Challenge.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Answers of these actions are written so much later. The session does nothing meanwhile.
    pub delays: Vec<(String, Duration)>,
    /// These actions run but are never answered.
    pub unanswered: Vec<String>,
    /// These actions are answered twice, the whole answer again.
    pub answered_twice: Vec<String>,
    /// These actions run, and their answers wait until the fault is lifted. The session does nothing meanwhile.
    pub held: Vec<String>,
    /// The first half of these answers is written, the rest waits until the fault is lifted.
    pub stalled: Vec<String>,
    /// Drops a connection at its n-th action after login (1 = the first).
    pub drop_at: Option<(u64, DropPoint)>,
    /// Drops a connection at any of these actions.
    pub drop_on: Vec<(String, DropPoint)>,
    /// Every byte is a write of its own.
    pub single_bytes: bool,
    /// So many blank lines before each message but the greeting.
    pub blank_lines: usize,
    /// Sessions read nothing more, but still emit events.
    pub stop_reading: bool,
    /// After each answered action an `OriginateResponse` and a `UserEvent` that carry an ActionID of the form `amx1-...` nobody here sent.
    pub foreign_ids: bool,
}

impl Faults {
    /// No fault.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same, and the answer of `action` comes `by` later.
    #[must_use]
    pub fn delay(mut self, action: &str, by: Duration) -> Self {
        self.delays.push((action.to_owned(), by));
        self
    }

    /// The same, and `action` is never answered.
    #[must_use]
    pub fn never_answer(mut self, action: &str) -> Self {
        self.unanswered.push(action.to_owned());
        self
    }

    /// The same, and `action` is answered twice.
    #[must_use]
    pub fn answer_twice(mut self, action: &str) -> Self {
        self.answered_twice.push(action.to_owned());
        self
    }

    /// The same, and each connection is dropped at its n-th action.
    #[must_use]
    pub fn drop_at(mut self, action_number: u64, point: DropPoint) -> Self {
        self.drop_at = Some((action_number, point));
        self
    }

    /// The same, and every answer of `action` waits until the fault is lifted.
    #[must_use]
    pub fn hold(mut self, action: &str) -> Self {
        self.held.push(action.to_owned());
        self
    }

    /// The same, and every answer of `action` stops half-way until the fault is lifted.
    #[must_use]
    pub fn stall(mut self, action: &str) -> Self {
        self.stalled.push(action.to_owned());
        self
    }

    /// The same, and each connection is dropped when it runs `action`.
    #[must_use]
    pub fn drop_on(mut self, action: &str, point: DropPoint) -> Self {
        self.drop_on.push((action.to_owned(), point));
        self
    }

    pub(crate) fn delay_of(&self, action: &str) -> Option<Duration> {
        self.delays
            .iter()
            .find(|(name, _)| matches(name, action))
            .map(|(_, by)| *by)
    }

    pub(crate) fn is_unanswered(&self, action: &str) -> bool {
        self.unanswered.iter().any(|name| matches(name, action))
    }

    pub(crate) fn is_answered_twice(&self, action: &str) -> bool {
        self.answered_twice.iter().any(|name| matches(name, action))
    }

    pub(crate) fn is_held(&self, action: &str) -> bool {
        self.held.iter().any(|name| matches(name, action))
    }

    pub(crate) fn is_stalled(&self, action: &str) -> bool {
        self.stalled.iter().any(|name| matches(name, action))
    }

    pub(crate) fn drops(&self, action: &str, action_number: u64, point: DropPoint) -> bool {
        let named = self
            .drop_on
            .iter()
            .any(|(name, at)| *at == point && matches(name, action));
        named || self.drop_at == Some((action_number, point))
    }
}

fn matches(name: &str, action: &str) -> bool {
    let session = ["login", "challenge"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(action));
    name.eq_ignore_ascii_case(action) || (name == "*" && !session)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DropPoint, Faults};

    #[test]
    fn a_star_means_every_action_but_those_of_the_login() {
        let faults = Faults::none()
            .delay("*", Duration::from_secs(1))
            .never_answer("ping")
            .drop_at(2, DropPoint::BeforeAnswer);
        assert_eq!(faults.delay_of("Status"), Some(Duration::from_secs(1)));
        assert_eq!(faults.delay_of("LOGIN"), None);
        assert!(faults.is_unanswered("Ping"));
        assert!(!faults.is_unanswered("Status"));
        assert!(faults.drops("Status", 2, DropPoint::BeforeAnswer));
        assert!(!faults.drops("Status", 2, DropPoint::AfterAnswer));
        let faults = Faults::none().drop_on("status", DropPoint::MidAnswer);
        assert!(faults.drops("Status", 9, DropPoint::MidAnswer));
        assert!(!faults.drops("Ping", 9, DropPoint::MidAnswer));
    }
}
