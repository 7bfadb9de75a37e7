//! How many actions all sessions of an account may send to the nodes together.
//!
//! Owner: the world. Known are only accounts with such a limit, so there are no more entries than accounts of the configuration; an
//! account without one costs no lock.

use std::collections::HashMap;
use std::time::Instant;

use ami_mux::RateLimit;
use parking_lot::Mutex;

/// The limits of the accounts that have one.
#[derive(Debug, Default)]
pub(crate) struct AccountRates {
    limits: Mutex<HashMap<String, (u32, RateLimit)>>,
}

impl AccountRates {
    /// Whether one more action of the account is within its limit; it is counted then.
    pub(crate) fn admit(&self, account: &str, per_second: u32, now: Instant) -> bool {
        let mut limits = self.limits.lock();
        if let Some((rate, limit)) = limits.get_mut(account)
            && *rate == per_second
        {
            return limit.admit(now);
        }
        // New, or changed by a reload.
        let mut limit = RateLimit::per_second(per_second);
        let within = limit.admit(now);
        limits.insert(account.to_owned(), (per_second, limit));
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_an_account_share_its_limit_and_a_new_one_counts_from_its_begin() {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let rates = AccountRates::default();
        let admitted = |account: &str, per_second: u32| {
            (0..10)
                .filter(|_| rates.admit(account, per_second, now))
                .count()
        };
        assert_eq!(admitted("a", 3), 3);
        assert_eq!(admitted("a", 3), 0);
        assert_eq!(admitted("b", 3), 3);
        assert_eq!(admitted("a", 4), 4);
    }
}
