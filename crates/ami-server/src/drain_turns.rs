//! When each session is told to end, once amiplex stops: one after the other, evenly over the configured time.
//!
//! Owner: the `World`. Each session's task takes its turn itself when it hears of the drain, so that nobody keeps a list.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The turns.
#[derive(Debug, Default)]
pub(crate) struct DrainTurns {
    spread: Duration,
    sessions: AtomicU32,
    taken: AtomicU32,
}

impl DrainTurns {
    /// Turns over `spread`; zero for all at once.
    pub(crate) fn over(spread: Duration) -> Self {
        Self {
            spread,
            ..Self::default()
        }
    }

    /// The drain begins with so many sessions. To be called before any of them hears of it.
    pub(crate) fn begin(&self, sessions: usize) {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        self.sessions.store(sessions, Ordering::Release);
    }

    /// How long the session that asks still goes on. One that was not counted goes on for all of the time.
    pub(crate) fn take(&self) -> Duration {
        let sessions = self.sessions.load(Ordering::Acquire).max(1);
        let turn = self.taken.fetch_add(1, Ordering::Relaxed).min(sessions);
        self.spread.mul_f64(f64::from(turn) / f64::from(sessions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_evenly() {
        let turns = DrainTurns::over(Duration::from_secs(12));
        turns.begin(4);
        let taken = [(); 6].map(|()| turns.take().as_secs());
        assert_eq!(taken, [0, 3, 6, 9, 12, 12]);
    }

    #[test]
    fn without_a_spread_all_have_theirs_at_once() {
        let turns = DrainTurns::default();
        turns.begin(2);
        assert_eq!([(); 3].map(|()| turns.take()), [Duration::ZERO; 3]);
        assert_eq!(DrainTurns::over(Duration::MAX).take(), Duration::ZERO);
    }
}
