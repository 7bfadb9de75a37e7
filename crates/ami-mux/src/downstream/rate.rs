//! How many actions a session, and all sessions of its account, may send to the nodes in a second.
//!
//! What amiplex answers itself, and what it refuses, costs no node anything and is not counted.

use std::time::Instant;

use ami_access::Account;

use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::rate_limit::RateLimit;

/// What the client is told.
pub(super) const OVER_RATE: &str = "Rate limit exceeded";

/// Actions in a second where the account does not say; `None`: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of each session.
    pub session: Option<u32>,
    /// Of all sessions of an account together.
    pub account: Option<u32>,
}

/// What the account says, else what holds for all; 0 is no limit.
fn effective(own: Option<u32>, common: Option<u32>) -> Option<u32> {
    own.or(common).filter(|rate| *rate > 0)
}

impl Rates {
    /// The limit of a new session of the account.
    pub(super) fn of_session(self, account: &Account) -> Option<RateLimit> {
        effective(account.rate, self.session).map(RateLimit::per_second)
    }
}

impl Session {
    /// Whether one more action may go to a node; it is counted then.
    pub(super) fn is_within_rate(
        &mut self,
        surroundings: &impl Surroundings,
        now: Instant,
    ) -> bool {
        let Phase::Open(login) = &mut self.phase else {
            return true;
        };
        if login.rate.as_mut().is_some_and(|rate| !rate.admit(now)) {
            return false;
        }
        let account = login.principal.account();
        effective(account.rate_account, self.settings.rates.account).is_none_or(|per_second| {
            surroundings.is_within_account_rate(account.name.as_str(), per_second, now)
        })
    }
}
