//! What time it is on a node: tokio's clock, so that tests with paused time work, plus the wall-clock
//! second at which the node started.
//!
//! Owner: the world. Only the start is read from the system, everything later is derived.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The clock of one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    /// Since the epoch, when the node started.
    epoch: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            epoch: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::now()
    }

    /// Since the node started.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Since the epoch.
    pub(crate) fn wall(&self) -> Duration {
        self.epoch + self.uptime()
    }

    /// `seconds.microseconds`, as Ping's Timestamp.
    pub(crate) fn timestamp(&self) -> String {
        let wall = self.wall();
        format!("{}.{:06}", wall.as_secs(), wall.subsec_micros())
    }

    /// `2026-11-21` and `00:22:43` (UTC) of a moment since the epoch.
    pub(crate) fn date_and_time(wall: Duration) -> (String, String) {
        let seconds = wall.as_secs();
        let (year, month, day) = civil(seconds / 86_400);
        let of_day = seconds % 86_400;
        (
            format!("{year:04}-{month:02}-{day:02}"),
            format!(
                "{:02}:{:02}:{:02}",
                of_day / 3_600,
                of_day / 60 % 60,
                of_day % 60
            ),
        )
    }

    /// `2026-11-21T00:22:44.227+0000`, as security events write it.
    pub(crate) fn event_tv(wall: Duration) -> String {
        let (date, time) = Self::date_and_time(wall);
        format!("{date}T{time}.{:03}+0000", wall.subsec_millis())
    }

    /// Since the epoch, when the node started.
    pub(crate) fn epoch(&self) -> Duration {
        self.epoch
    }
}

/// Days since 1970-01-01 as year, month and day of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let mut left = days;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;

    #[test]
    fn dates_are_gregorian() {
        let date = |seconds| Clock::date_and_time(Duration::from_secs(seconds));
        assert_eq!(date(0), ("1970-01-01".into(), "00:00:00".into()));
        assert_eq!(date(951_827_696), ("2000-02-29".into(), "12:34:56".into()));
        assert_eq!(
            date(1_795_220_564),
            ("2026-11-21".into(), "00:22:44".into())
        );
        assert_eq!(
            Clock::event_tv(Duration::from_millis(1_795_220_564_227)),
            "2026-11-21T00:22:44.227+0000"
        );
    }
}
