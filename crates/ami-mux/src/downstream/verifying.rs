//! A login whose secret is being checked against its hash.
//!
//! The check is slow on purpose, so the driver has it made elsewhere and brings the outcome. Until then nothing is read from
//! the client, and the time to log in runs on.

use std::time::Instant;

use ami_access::{SecretCheck, Unproven};
use ami_proto::Action;

use super::effect::{LoginFault, SessionEffect};
use super::session::{Phase, Session};
use super::surroundings::Surroundings;

/// What is known of the login meanwhile.
#[derive(Debug)]
pub(super) struct Verifying {
    action: Action,
    unproven: Unproven,
    asked: Instant,
    /// The end of the time to log in.
    pub(super) until: Instant,
}

impl Session {
    /// Waits for the outcome of `check`.
    pub(super) fn verify_slowly(
        &mut self,
        action: &Action,
        unproven: Unproven,
        check: SecretCheck,
        now: Instant,
    ) {
        let until = match &self.phase {
            Phase::Unauthenticated { until } => *until,
            Phase::Verifying(_) | Phase::Refusing(_) | Phase::Open(_) | Phase::Ended => now,
        };
        self.phase = Phase::Verifying(Box::new(Verifying {
            action: action.clone(),
            unproven,
            asked: now,
            until,
        }));
        self.effects.push_back(SessionEffect::Verify(check));
    }

    /// The outcome of [`SessionEffect::Verify`]. One that comes too late changes nothing.
    pub fn verified(&mut self, is_right: bool, surroundings: &impl Surroundings, now: Instant) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ended);
        let Phase::Verifying(verifying) = phase else {
            self.phase = phase;
            return;
        };
        let Verifying {
            action,
            unproven,
            asked,
            until: _,
        } = *verifying;
        let peer = self.start.peer;
        let username = action.header("Username").unwrap_or_default();
        // Guesses that are made side by side have all passed the throttle before the first of them has failed.
        let verified = if surroundings.is_throttled(username, peer, now) {
            Err(LoginFault::Throttled)
        } else {
            unproven
                .settle(is_right, &surroundings.accounts(), peer)
                .map_err(LoginFault::Denied)
        };
        self.conclude(&action, verified, asked, surroundings, now);
        self.advance(surroundings, now);
    }
}
