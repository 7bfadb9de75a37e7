//! Times as Asterisk writes them in security events and in its log, in the time zone of this system.

use std::time::SystemTime;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// `EventTV` and `SessionTV`: ISO 8601 with milliseconds and the offset from UTC.
const EVENT: &str = "%Y-%m-%dT%H:%M:%S%.3f%z";
/// The time at the head of a log record, which programs such as fail2ban take for local time.
const LOG: &str = "%Y-%m-%d %H:%M:%S";

/// The value of `EventTV` for that moment.
pub(super) fn event_time(at: SystemTime) -> String {
    written(EVENT, at, TimeZone::system())
}

/// The head of a log record of that moment.
pub(super) fn log_time(at: SystemTime) -> String {
    written(LOG, at, TimeZone::system())
}

fn written(format: &str, at: SystemTime, zone: TimeZone) -> String {
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format(format, &Zoned::new(at, zone)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// As Asterisk 22.10 wrote it.
    #[test]
    fn times_have_asterisks_form() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_240_608_563);
        let hours = |hours| TimeZone::fixed(jiff::tz::offset(hours));
        assert_eq!(written(EVENT, at, hours(0)), "2026-11-21T05:56:48.563+0000");
        assert_eq!(
            written(EVENT, at, hours(-5)),
            "2026-11-21T00:56:48.563-0500"
        );
        assert_eq!(written(LOG, at, hours(1)), "2026-11-21 06:56:48");
        assert_eq!(
            written(EVENT, SystemTime::UNIX_EPOCH, hours(0)),
            "1970-01-01T00:00:00.000+0000"
        );
    }
}
