//! A rate limit: so many at once, and one more after each interval.

use std::time::{Duration, Instant};

/// One moment says all: when the allowance will be whole again.
#[derive(Debug)]
pub struct RateLimit {
    burst: u32,
    interval: Duration,
    whole_at: Option<Instant>,
}

impl RateLimit {
    /// `burst` in a row, 1 or more; then one per `interval`.
    pub fn new(burst: u32, interval: Duration) -> Self {
        Self {
            burst,
            interval,
            whole_at: None,
        }
    }

    /// So many in a row, 1 or more, and as many in each second.
    pub fn per_second(rate: u32) -> Self {
        Self::new(rate, Duration::from_secs(1) / rate.max(1))
    }

    /// Whether one more is within the limit; it is counted then.
    pub fn admit(&mut self, now: Instant) -> bool {
        let whole_at = self.whole_at.map_or(now, |at| at.max(now)) + self.interval;
        let within = whole_at.saturating_duration_since(now) <= self.interval * self.burst;
        if within {
            self.whole_at = Some(whole_at);
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_second() {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let start = Instant::now();
        for rate in [1, 3, 50, 10_000] {
            let mut limit = RateLimit::per_second(rate);
            let mut admitted = |at: Duration| {
                let now = start + at;
                (0..rate * 2).filter(|_| limit.admit(now)).count()
            };
            let whole = usize::try_from(rate).expect("a number");
            assert_eq!(admitted(Duration::ZERO), whole);
            assert_eq!(admitted(Duration::from_secs(1)), whole, "{rate}");
        }
    }

    #[test]
    fn a_burst_then_one_per_interval() {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let start = Instant::now();
        let mut limit = RateLimit::new(3, Duration::from_secs(1));
        let mut admitted = |at: u64| {
            let now = start + Duration::from_millis(at);
            (0..10).filter(|_| limit.admit(now)).count()
        };
        assert_eq!(admitted(0), 3);
        assert_eq!(admitted(999), 0);
        assert_eq!(admitted(1000), 1);
        assert_eq!(admitted(3500), 2);
        assert_eq!(admitted(60_000), 3, "no more is saved up than the burst");
    }
}
