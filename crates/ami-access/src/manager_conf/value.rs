//! Values of options: booleans as Asterisk reads them, durations, sizes, numbers, lists.

use std::time::Duration;

/// Asterisk's idea of true; everything else is false.
pub(crate) fn is_true(text: &str) -> bool {
    ["yes", "true", "y", "t", "1", "on"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
}

/// A number from 1.
pub(crate) fn positive<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number| *number >= N::from(1))
}

/// A time above zero such as `500ms`, `60s`, `5m`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = split_unit(text)?;
    let number: u64 = positive(digits)?;
    let milliseconds = match unit {
        "ms" => number,
        "" | "s" => number.checked_mul(1_000)?,
        "m" | "min" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds))
}

/// A size above zero in bytes such as `65536`, `512KiB`, `8MiB`, `1GiB`, `8MB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (digits, unit) = split_unit(text)?;
    let number: u64 = positive(digits)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The words between commas, trimmed; empty words are dropped.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// Whether it can be the name of a header.
pub(crate) fn is_header_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn split_unit(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("60s", 60_000),
            ("60", 60_000),
            ("5 m", 300_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("65536", 65536),
            ("512KiB", 524_288),
            ("8 MiB", 8 << 20),
            ("8MB", 8_000_000),
            ("1g", 1 << 30),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "0", "MiB", "8XB", "18446744073709551615k"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn truth() {
        assert!(
            ["yes", "TRUE", "y", "T", "1", "On"]
                .into_iter()
                .all(is_true)
        );
        assert!(!["no", "", "2", "enabled", "yess"].into_iter().any(is_true));
    }
}
