//! Figures as people read them, in whole numbers throughout.

use std::time::Duration;

/// Nanoseconds as microseconds with two places.
pub(crate) fn micros(nanos: u64) -> String {
    format!("{}.{:02}", nanos / 1_000, nanos % 1_000 / 10)
}

/// Microseconds as milliseconds with two places.
pub(crate) fn millis(micros: u64) -> String {
    self::micros(micros)
}

/// How many times `floor` goes into `figure`, with two places; a dash without a floor.
pub(crate) fn ratio(figure: u64, floor: u64) -> String {
    if floor == 0 {
        return "-".to_owned();
    }
    let hundredths = figure * 100 / floor;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// What is said of a figure that is more than `limit` hundredths of its floor; nothing otherwise.
pub(crate) fn behind(figure: u64, floor: u64, limit: u64) -> String {
    if figure * 100 <= floor * limit {
        return String::new();
    }
    format!("  BEHIND: {} wanted", ratio(limit, 100))
}

/// A share where it is known.
pub(crate) fn percent(share: Option<u64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| share.to_string())
}

/// Units per second of wall-clock or CPU time.
pub(crate) fn per_second(count: u64, nanos: u64) -> u64 {
    let scaled = u128::from(count) * 1_000_000_000 / u128::from(nanos.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// A duration's nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The value in the middle; zero without a value.
pub(crate) fn median(values: &[u64]) -> u64 {
    percentiles(values.to_vec()).0
}

/// Half of the values and one in a hundred lie above the two; zeros without a value.
pub(crate) fn percentiles(mut values: Vec<u64>) -> (u64, u64) {
    values.sort_unstable();
    let at = |percent: usize| {
        let index = values.len() * percent / 100;
        values.get(index).copied().unwrap_or(0)
    };
    (at(50), at(99))
}
