//! How long to wait before the next attempt to connect: doubled with each failure in a row, with full jitter.
//!
//! Pure: the caller counts the failures and brings the randomness. A node's lanes and all amiplex processes in front of it
//! lose their connections at the same moment; full jitter spreads their return over the whole pause.

use std::time::Duration;

/// The bounds of the pauses of one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
}

impl Backoff {
    /// `min` bounds the pause after the first failure, `max` every pause.
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max }
    }

    /// The pause before attempt number `attempt`, the count of failures in a row; none before attempt 0.
    ///
    /// `fraction` is drawn evenly from 0 to 1 and says where between nothing and the bound the pause lies. It may be 0: what keeps
    /// a node from being flooded is the sum over attempts, which the growing bound provides.
    pub(crate) fn delay(self, attempt: u32, fraction: f64) -> Duration {
        let Some(doublings) = attempt.checked_sub(1) else {
            return Duration::ZERO;
        };
        let bound = 2_u32
            .checked_pow(doublings)
            .and_then(|factor| self.min.checked_mul(factor));
        let bound = bound.map_or(self.max, |bound| bound.min(self.max));
        if (0.0..=1.0).contains(&fraction) {
            bound.mul_f64(fraction)
        } else {
            bound
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));

    #[test]
    fn the_bound_doubles_up_to_the_maximum() {
        let bounds: Vec<u128> = (0..10)
            .map(|attempt| BACKOFF.delay(attempt, 1.0).as_millis())
            .collect();
        assert_eq!(
            bounds,
            [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
    }

    #[test]
    fn jitter_reaches_over_the_whole_pause() {
        assert_eq!(BACKOFF.delay(3, 0.0), Duration::ZERO);
        assert_eq!(BACKOFF.delay(3, 0.25), Duration::from_millis(250));
        assert_eq!(BACKOFF.delay(3, 0.5), Duration::from_millis(500));
    }

    #[test]
    fn after_a_success_it_begins_anew() {
        assert_eq!(BACKOFF.delay(9, 1.0), Duration::from_secs(30));
        assert_eq!(BACKOFF.delay(0, 1.0), Duration::ZERO);
        assert_eq!(BACKOFF.delay(1, 1.0), Duration::from_millis(250));
    }

    #[test]
    fn extremes_neither_panic_nor_exceed_the_maximum() {
        for attempt in [31, 32, 33, 64, u32::MAX] {
            for fraction in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
                assert!(BACKOFF.delay(attempt, fraction) <= Duration::from_secs(30));
            }
        }
        let huge = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(huge.delay(40, 0.0), Duration::ZERO);
    }
}
